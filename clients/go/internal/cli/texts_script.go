package cli

import kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"

// scriptTexts are the texts of the commands for scripts in one language.
type scriptTexts struct {
	// Short and Long are what help says of a command, by its path. Long is only there where there is more to say.
	Short, Long map[string]string
	// Flags are what help says of a flag.
	Flags map[string]string
	// Labels name what is printed.
	Labels map[string]string
	// ExitCodes tell what each exit code means.
	ExitCodes map[int]string

	HelpExitCodes string

	WordConversation, WordText, WordProfessional, WordFile string

	// Usage errors.
	TextTwice, TextMissing, WhichConversation, WhichProfessional, WhichAvailability, WhichFile       string
	OtherCredentials, OtherServer, BadRequestID, QueueOrConversation, WhereTo, UntilOrFor, BadMoment string
	CredentialsNeeded, FeedbackTokenNeeded, AnswersNeeded, BadAnswer, DaysNeeded, BadOutput          string

	// Files.
	NotRead, NotWritten, StartUnfinished, CredentialsTaken, CursorBroken, CursorOther, CursorPast string

	// What came of it.
	RunAgain, MadeNotShown, AnswerAgain, DryRun, DryRunApply, NobodyWaiting string

	// What happens in a conversation.
	ConversationStates                                                               map[kuplav1.ConversationState]string
	LeftAt, HasRead, Joined, HandedOn, WentBack, ClosedBecause, SomethingNew, OnDesk string
	QueueWaiting, QueueWaitingSince, QueuePausedMark                                 string
	QuestionKinds                                                                    map[kuplav1.SurveyQuestionKind]string

	// The catalogue.
	NotCatalogue, EmptyCatalogue, MoreProblems, CatalogueValid, NoChanges, AskApply, NotApplied string
	KeyTwice, SecondDocument, AlreadyApplied                                                    string
	ChangeKinds                                                                                 map[kuplav1.CatalogueChangeKind]string
}
