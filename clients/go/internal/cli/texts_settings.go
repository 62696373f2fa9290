package cli

// settingsTexts are the texts about settings, tokens, completion and manual pages.
type settingsTexts struct {
	AppShort, FlagConfig, FlagOutput string

	// Settings.
	ConfigShort, ConfigLong, ConfigListShort, ConfigListLong, ConfigGetShort, ConfigGetLong string
	ConfigSetShort, ConfigSetLong, ConfigUseShort, ConfigUseLong                            string
	ConfigRemoveShort, ConfigRemoveLong, ConfigPathShort, ConfigPathLong                    string
	WordSetting, WordValue, WordServer, WordName                                            string
	ColumnSetting, ColumnValue, ColumnSource, SourceDefault                                 string
	SettingChanged, SettingRemoved, NotSet, ServerInUse, MissingArgument                    string
	FileProblem, FileMissing, FileUnreadable, NotWritten                                    string
	NotYAML, UnknownKey, TwiceKey, NotText, NotMapping, BadValue, BadServerName, BadAddress string
	UnknownServer                                                                           string

	// Tokens.
	TokenShort, TokenLong, TokenSaveShort, TokenSaveLong, TokenRemoveShort, TokenRemoveLong string
	TokenShowShort, TokenShowLong, TokenCheckShort, TokenCheckLong, FlagStore, FlagReveal   string
	ColumnServer, ColumnStore, InUse, SourceKeyring                                         string
	TokenPrompt, TokenEmpty, TokenBad, TokenSaved, TokenRemoved, NoTokenSaved, NoTokens     string
	TokensTooOpen, NoKeyring, KeyringLost, Unencrypted                                      string
	CheckServer, CheckSource, CheckValid, CheckWho, CheckWhoUnknown, CheckQueues            string
	CheckLanguages, CheckDesk, CheckFeedback, CheckCatalogue, CheckNotTold, Yes, No         string

	// Completion and manual pages.
	CompletionShort, CompletionLong, ManShort, ManLong, FlagManDir string

	// Progress.
	EventsSoFar, Waiting string
}
