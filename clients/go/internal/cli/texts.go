package cli

import (
	"fmt"
	"strings"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// texts are all texts of the interface in one language. Placeholders stand in braces, such as "{name}"; a
// test makes sure that every language has every text with the same placeholders.
type texts struct {
	// Script are the texts of the commands for scripts.
	Script scriptTexts

	// Help and flags.
	AppLong, HelpUsage, HelpCommands, HelpFlags, HelpGlobalFlags, HelpMore, HelpOptions, WordQueue, WordCommand string
	FlagServer, FlagToken, FlagLanguage, FlagHelp                                                               string
	QueuesShort, QueuesLong, FlagWatch                                                                          string
	ChatShort, ChatLong, FlagName, FlagMessage, FlagYes, FlagResume, FlagNew, FlagCredentials, FlagSurvey       string
	DeskShort, DeskLong, VersionShort, HelpShort                                                                string

	// Usage errors.
	UnknownCommand, UnknownFlag, FlagNeedsValue, BadFlag, TooManyArguments           string
	MissingQueue, MissingToken, BadLanguage, BadServer, TryHelp, ResumeWithoutChoice string

	// Queues.
	ColumnQueue, ColumnName, ColumnState, ColumnWaiting, ColumnWait string
	QueueStates                                                     map[kuplav1.QueueState]string
	QueueFull, OpenUntil, OpensAt, PausedUntil, NoQueues            string
	QueueLine                                                       string

	// Times. DayTime is a layout of package time for a moment on another day.
	DayTime, WaitMoment string
	CannotEstimate      map[kuplav1.CannotEstimateReason]string
	BeforeClosing       map[kuplav1.TurnBeforeClosing]string

	// The resident's chat.
	PhoneInstead, AskGoOn, AnswerYesNo, NotStarted, Started, MayWriteAlready   string
	YesWords, NoWords                                                          []string
	Place, PlaceNext, Wait, NoWait, PlaceHeld, MovedBack                       string
	CanTalkNow, JoinedToo, TransferredToQueue, TransferredToPerson             string
	Left                                                                       map[kuplav1.LeaveReason]string
	Returned                                                                   map[kuplav1.ReturnReason]string
	Typing, WentAway, CameBack                                                 string
	ConnectionLost, ConnectionBack, NotConnected, StartedOver                  string
	Interrupted, FollowInterrupted, InterruptionOver                           string
	You, Customer, Professional                                                string
	NotSent, LeaveFailed, UnknownChatCommand, ChatHelp                         string
	Closed                                                                     map[kuplav1.CloseReason]string
	LeftOpen, NothingToResume, Resuming, Unfinished, NoCredentials, NotResumed string
	SurveyIntro, SurveyRecommendation, SurveyStatement, SurveyOpen             string
	SurveyBadRecommendation, SurveyBadStatement, SurveyThanks, SurveyTooLong   string
	SurveyNotSent                                                              string

	// The professional's desk.
	DeskWelcome, WaitingTitle, WaitingLine, WaitingNobody, WaitingPaused             string
	WaitingEntry, MarkTransferred, MarkAway                                          string
	MineTitle, MineNone, MineLine, MarkClosed, MarkCurrent                           string
	Taken, NobodyToTake, Added, Removed, Unread, Switched, SwitchUsage               string
	Removals                                                                         map[kuplav1.RemovalReason]string
	NoCurrent, NoSuchNumber, NoSuchEntry                                             string
	CannedTitle, CannedNone, CannedLine, NoSuchCanned                                string
	TransferUsage, TransferDone, ReturnDone, InviteUsage, InviteDone, LeaveDone      string
	NoteUsage, NoteDone, NotesTitle, NotesNone, NoteLine, CloseUsage, CloseDone      string
	AvailabilityUsage, AvailabilityNow                                               string
	Availabilities                                                                   map[kuplav1.Availability]string
	WhoTitle, WhoLine, WhoNobody, NobodyMatches, SeveralMatch, NoSuchQueue           string
	CustomerExpires, CommandFailed, UnknownDeskCommand, DeskHelp                     string
	DeskConnectionLost, QuitWithConversations, DeskJoined, DeskTransferred, DeskLeft string
	DeskReturned, DeskClosed, DeskInterrupted                                        string
	CloseReasons                                                                     map[kuplav1.CloseReason]string
	Languages                                                                        map[language]string

	// What went wrong. The sentences of a refusal are used as far as their placeholders are known.
	Unreachable, NotKupla, Unexpected, EventsMissing string
	Refusals                                         map[kuplav1.ErrorReason][]string
	GoneAway                                         map[kuplav1.GoAwayReason]string

	// Settings, tokens, completion and manual pages.
	Settings settingsTexts

	// The desk on a whole screen.
	Screen screenTexts
}

// textsIn returns the texts in a language.
func textsIn(l language) *texts {
	switch l {
	case swedish:
		return &textsSwedish
	case english:
		return &textsEnglish
	case finnish:
	}
	return &textsFinnish
}

// fill puts values into the placeholders of a text: name, value, name, value and so on.
func fill(text string, namesAndValues ...any) string {
	pairs := make([]string, 0, len(namesAndValues))
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		pairs = append(pairs, "{"+fmt.Sprint(namesAndValues[i])+"}", fmt.Sprint(namesAndValues[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// fillKnown joins those sentences whose placeholders all have a value.
func fillKnown(sentences []string, values map[string]string) string {
	pairs := make([]string, 0, 2*len(values))
	for name, value := range values {
		if value != "" {
			pairs = append(pairs, "{"+name+"}", value)
		}
	}
	replacer := strings.NewReplacer(pairs...)
	var known []string
sentences:
	for _, sentence := range sentences {
		for _, name := range placeholders(sentence) {
			if values[name] == "" {
				continue sentences
			}
		}
		known = append(known, replacer.Replace(sentence))
	}
	return strings.Join(known, " ")
}

// placeholders returns the names in braces in a text, in order.
func placeholders(text string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(text, "{")
		if !ok {
			return names
		}
		name, rest, ok := strings.Cut(rest, "}")
		if !ok {
			return names
		}
		names, text = append(names, name), rest
	}
}

// in returns a localized text in a language, or in Finnish where it is missing.
func in(l language, text *kuplav1.LocalizedText) string {
	var own string
	switch l {
	case swedish:
		own = text.GetSv()
	case english:
		own = text.GetEn()
	case finnish:
		own = text.GetFi()
	}
	if own == "" {
		return text.GetFi()
	}
	return own
}
