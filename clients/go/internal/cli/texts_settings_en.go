//nolint:gosec,lll // A text is read whole, not in pieces; it speaks of tokens but has none.
package cli

var settingsEnglish = settingsTexts{
	AppShort:   "Chats with public health and social care",
	FlagConfig: "`FILE` of settings (otherwise KUPLA_CONFIG, or as \"kupla config path\" tells)",
	FlagOutput: "`FORM` of what is printed: table or json (otherwise KUPLA_OUTPUT, or table)",

	ConfigShort: "Shows and changes settings",
	ConfigLong: `Settings come from the options, then from the environment, then from a file. The file is YAML:

    server: production
    language: en
    output: table
    servers:
      production: https://chat.example.fi
      test: https://chat-test.example.fi

server is a name of the list below it, or an address; so is --server, and KUPLA_SERVER.
KUPLA_LANGUAGE, KUPLA_OUTPUT and KUPLA_CONFIG go over the file as well. Tokens are not kept
here: see "kupla token".`,
	ConfigListShort: "Lists the settings, and where each comes from",
	ConfigListLong:  "Lists the settings as they count here, where each comes from, and the named servers.",
	ConfigGetShort:  "Prints one setting",
	ConfigGetLong:   "Prints one setting as it counts here: server, language, output, or servers.NAME.",
	ConfigSetShort:  "Changes a setting in the file",
	ConfigSetLong: `Changes a setting in the file: server, language or output, or the address of a named server:

    kupla config set servers.production https://chat.example.fi

Comments and order in the file stay.`,
	ConfigUseShort:    "Chooses the server to call when no other is named",
	ConfigUseLong:     "Chooses the server to call when no other is named, by its name or its address.",
	ConfigRemoveShort: "Removes a setting from the file",
	ConfigRemoveLong:  "Removes a setting from the file: server, language, output, or servers.NAME.",
	ConfigPathShort:   "Prints where the file is",
	ConfigPathLong:    "Prints where the file of settings is, or would be.",
	WordSetting:       "SETTING",
	WordValue:         "VALUE",
	WordServer:        "SERVER",
	WordName:          "NAME",
	ColumnSetting:     "SETTING",
	ColumnValue:       "VALUE",
	ColumnSource:      "FROM",
	SourceDefault:     "(default)",
	SettingChanged:    "{key} is now {value}.",
	SettingRemoved:    "{key} was removed.",
	NotSet:            "{key} is not set.",
	ServerInUse:       "{name} is the server in use. Choose another one first: kupla config use SERVER",
	MissingArgument:   "{argument} is missing.",
	FileProblem:       "{file}, line {line}: {problem}",
	FileMissing:       "There is no file {file}.",
	FileUnreadable:    "{file} cannot be read: {error}",
	NotWritten:        "{file} cannot be written: {error}",
	NotYAML:           "this is not YAML: {error}",
	UnknownKey:        "there is no setting {key}; these there are: {keys}",
	TwiceKey:          "{key} is there twice",
	NotText:           "one text belongs here",
	NotMapping:        "names with values belong here, such as language: en",
	BadValue:          "{value} is not a value of {key}; these are: {values}",
	BadServerName:     "{name} cannot be a server's name; a name begins with a letter and has small letters, digits, - and _",
	BadAddress:        "{value} is not an address such as https://chat.example.fi",
	UnknownServer:     "No server is named {name}. \"kupla config list\" shows the names. If it is a host, write https://{name}.",

	TokenShort: "Keeps staff tokens, and checks them",
	TokenLong: `Keeps staff tokens: in the keyring of the machine, or in a file that only you can read. A token
is kept for one server and sent to no other. KUPLA_TOKEN goes over what is kept, --token over both.`,
	TokenSaveShort: "Keeps a token for the server",
	TokenSaveLong: `Keeps a token for the server, in place of an earlier one. The token is asked for, or read from
the standard input:

    kupla token save --server production < token.txt

It is never an argument: every user of the machine could see it there. On a machine without
a keyring, as most servers are, keep it with --store file.`,
	TokenRemoveShort: "Forgets the token for the server",
	TokenRemoveLong:  "Forgets the token for the server. It stays valid: an administrator revokes it with \"kuplad token revoke\".",
	TokenShowShort:   "Shows which servers a token is kept for",
	TokenShowLong:    "Shows which servers a token is kept for and where, and which one counts here. No token is shown without --reveal.",
	TokenCheckShort:  "Asks the service whose token it is",
	TokenCheckLong: `Asks the service whether the token is good, whose it is and what it may do. It looks at the desk
for that once; of somebody's open desks the oldest may be asked to connect again.`,
	FlagStore:       "`WHERE` to keep it: keyring or file",
	FlagReveal:      "prints the token that counts here, and nothing else",
	ColumnServer:    "SERVER",
	ColumnStore:     "KEPT IN",
	InUse:           "counts here",
	SourceKeyring:   "the keyring",
	TokenPrompt:     "Token for {server} (it is not shown):",
	TokenEmpty:      "No token came. Give it on the standard input, or paste it when asked.",
	TokenBad:        "That is not a token: it has blanks or letters that no token has, or is too long.",
	TokenSaved:      "The token for {server} is kept in {store}.",
	TokenRemoved:    "The token for {server} was removed.",
	NoTokenSaved:    "There is no token for {server}. Keep one with \"kupla token save\", or set KUPLA_TOKEN.",
	NoTokens:        "No token is kept here.",
	TokensTooOpen:   "Others may read the tokens in {file} (mode {mode}). If nobody else has: chmod 600 {file}. If somebody may have, have the tokens revoked and delete the file.",
	NoKeyring:       "No keyring answers on this machine ({error}). Unlock it; or keep the token in a file with \"kupla token save --store file\"; or set KUPLA_TOKEN.",
	KeyringLost:     "The keyring no longer has the token for {server}. Keep it again: kupla token save",
	Unencrypted:     "Note: {server} is not encrypted, so the token can be read on its way.",
	CheckServer:     "Server",
	CheckSource:     "Token from",
	CheckValid:      "Good",
	CheckWho:        "Whose",
	CheckWhoUnknown: "not told: the service names only those who have a desk",
	CheckQueues:     "Queues",
	CheckLanguages:  "Languages",
	CheckDesk:       "May see the desk",
	CheckFeedback:   "May sum up feedback",
	CheckCatalogue:  "May change the catalogue",
	CheckNotTold:    "The service does not tell until when the token is good. An administrator sees that with \"kuplad token list\".",
	Yes:             "yes",
	No:              "no",

	CompletionShort: "Prints what a shell needs to complete commands",
	CompletionLong: `Prints what a shell needs to complete commands, queues, servers and values:

    bash   source <(kupla completion bash)
    zsh    source <(kupla completion zsh)
    fish   kupla completion fish | source

Put the line into ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish. Queues and conversations are
asked from the service; when it does not answer at once, none are offered.`,
	ManShort:   "Writes the manual pages",
	ManLong:    "Writes a manual page for every command into a folder, in English.",
	FlagManDir: "`FOLDER` to write them into",

	Waiting:     "Waiting for the service…",
	EventsSoFar: "{count} events…",
}
