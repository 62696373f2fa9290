package cli

import kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"

// screenTexts are the texts that only the desk on a whole screen has. What the line desk says, too, stands in
// texts.
type screenTexts struct {
	// The flag for working line by line.
	FlagPlain string

	// The top: who one is, and how much one has.
	Load, Full, SoundOff string

	// Who waits, and the conversations.
	WaitingTitle, Nobody, QueueClosed, QueuePaused, More string
	MineTitle, NoneYet, WroteLast, Ended                 string

	// The middle, when nothing is open in it.
	EmptyNobody, EmptyWaiting, EmptyAway, EmptyTake, EmptyStarting string

	// The log.
	Here, AwaySince, AwayNow, InLanguage, With, Expires, TypingOne, NewMessages, BelowNew, Below string
	Sending, SendFailed, SendFailedKeys, DayLayout                                               string
	JoinedSelf, JoinedOther, InvitedBy                                                           string
	LeftBy                                                                                       map[kuplav1.LeaveReason]string

	// The line to write on.
	WritePlaceholder, CannotWrite, TooLong, NothingOpen string

	// The state of things.
	Connecting, Connected, Reconnecting, ReconnectingNow, Stopped, WaitingNews, ArrivalNews, Took, TookAside string
	LanguageNow, SoundOn, SoundOffNow, NothingToRetry, NotOffered, NoConnection, NobodyHere, TooSmall        string
	Restored, Interrupted, NotInterrupted                                                                    string

	// Keys and what they do, in the bar and in the menu.
	KeyHelp, KeyAvailability, KeyTake, KeyChoose, KeyCanned, KeyTransfer, KeyNote, KeyClose, KeyMenu, KeyQuit string
	KeySend, KeyNewline, KeySwitch, KeyNumber, KeyScroll, KeyReturn, KeyInvite, KeyLeave, KeyRetry, KeyEdit   string
	KeySound, KeyLanguage, KeyPutAway                                                                         string
	KeyPick, KeyCancel, KeyFilter, KeyConfirm, KeySave, KeyAgreed, KeyHandOn, KeyBack                         string

	// Dialogs.
	MenuTitle, AvailabilityTitle, ChooseTitle, CannedTitle, TransferTitle, InviteTitle, CloseTitle string
	Filter, NothingMatches                                                                         string
	WaitingItem                                                                                    string
	TransferQueue, TransferColleague, TransferNoteTitle, Agreed, NotePlaceholder                   string
	CloseConfirm, ReturnConfirm, LeaveConfirm, QuitConfirm, QuitUnsent                             string
	NoteTitle, NoteWritePlaceholder, NotesLoading, StillSaving                                     string

	// The help.
	HelpTitle, HelpKeysTitle, HelpMarksTitle, HelpMarks string

	// Refusals whose words on other screens would not help here.
	Refusals map[kuplav1.ErrorReason][]string
}
