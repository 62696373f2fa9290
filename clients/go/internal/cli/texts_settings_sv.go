//nolint:gosec,lll,misspell // A text is read whole, not in pieces; it speaks of tokens but has none; and it is Swedish.
package cli

var settingsSwedish = settingsTexts{
	AppShort:   "Chatta med social- och hälsovården",
	FlagConfig: "`FIL` med inställningar (annars KUPLA_CONFIG eller den som \"kupla config path\" berättar)",
	FlagOutput: "`FORM` på det som skrivs ut: table eller json (annars KUPLA_OUTPUT eller table)",

	ConfigShort: "Visar och ändrar inställningar",
	ConfigLong: `Inställningarna kommer från flaggorna, därefter från miljön och sist från en fil, som är YAML:

    server: produktion
    language: sv
    output: table
    servers:
      produktion: https://chat.example.fi
      test: https://chat-test.example.fi

server är ett namn i listan eller en adress, likaså --server och KUPLA_SERVER. Även KUPLA_LANGUAGE,
KUPLA_OUTPUT och KUPLA_CONFIG går före filen. Koder förvaras inte här: se "kupla token".`,
	ConfigListShort: "Listar inställningarna och varifrån var och en kommer",
	ConfigListLong:  "Listar inställningarna som de gäller här, varifrån var och en kommer, och servrarna med namn.",
	ConfigGetShort:  "Skriver ut en inställning",
	ConfigGetLong:   "Skriver ut en inställning som den gäller här: server, language, output eller servers.NAMN.",
	ConfigSetShort:  "Ändrar en inställning i filen",
	ConfigSetLong: `Ändrar i filen server, language eller output, eller adressen till en server med namn:

    kupla config set servers.produktion https://chat.example.fi

Kommentarer och ordning i filen bevaras.`,
	ConfigUseShort:    "Väljer den server som används när ingen annan nämns",
	ConfigUseLong:     "Väljer med namn eller adress den server som används när ingen annan nämns.",
	ConfigRemoveShort: "Tar bort en inställning ur filen",
	ConfigRemoveLong:  "Tar bort en inställning ur filen: server, language, output eller servers.NAMN.",
	ConfigPathShort:   "Skriver ut var filen finns",
	ConfigPathLong:    "Skriver ut var filen med inställningar finns, eller skulle finnas.",
	WordSetting:       "INSTÄLLNING",
	WordValue:         "VÄRDE",
	WordServer:        "SERVER",
	WordName:          "NAMN",
	ColumnSetting:     "INSTÄLLNING",
	ColumnValue:       "VÄRDE",
	ColumnSource:      "FRÅN",
	SourceDefault:     "(standard)",
	SettingChanged:    "{key} är nu {value}.",
	SettingRemoved:    "{key} togs bort.",
	NotSet:            "{key} är inte angivet.",
	ServerInUse:       "{name} är den server som används. Välj en annan först: kupla config use SERVER",
	MissingArgument:   "{argument} saknas.",
	FileProblem:       "{file}, rad {line}: {problem}",
	FileMissing:       "Filen {file} finns inte.",
	FileUnreadable:    "{file} kan inte läsas: {error}",
	NotWritten:        "{file} kan inte skrivas: {error}",
	NotYAML:           "detta är inte YAML: {error}",
	UnknownKey:        "inställningen {key} finns inte; de här finns: {keys}",
	TwiceKey:          "{key} finns två gånger",
	NotText:           "här ska en enda text stå",
	NotMapping:        "här ska namn med värden stå, till exempel language: sv",
	BadValue:          "{value} är inget värde för {key}; de här är det: {values}",
	BadServerName:     "{name} duger inte som en servers namn; ett namn börjar med en bokstav och har små bokstäver a–z, siffror, - och _",
	BadAddress:        "{value} är ingen adress som https://chat.example.fi",
	UnknownServer:     "Ingen server heter {name}. Namnen syns med \"kupla config list\". Om det är en dator, skriv https://{name}.",

	TokenShort: "Förvarar personalens koder och kontrollerar dem",
	TokenLong: `Förvarar personalens koder: i datorns nyckelring, eller i en fil som bara du kan läsa. En kod
förvaras för en server och sänds inte till någon annan. KUPLA_TOKEN går före det som förvaras,
--token före båda.`,
	TokenSaveShort: "Förvarar en kod för servern",
	TokenSaveLong: `Förvarar en kod för servern, i stället för en tidigare. Koden frågas efter eller läses från
standardinmatningen:

    kupla token save --server produktion < kod.txt

Den ges aldrig som argument: där skulle alla som använder datorn se den. På en dator utan
nyckelring, som de flesta servrar, förvaras den med --store file.`,
	TokenRemoveShort: "Glömmer koden för servern",
	TokenRemoveLong:  "Glömmer koden för servern. Den gäller fortfarande: en administratör återkallar den med \"kuplad token revoke\".",
	TokenShowShort:   "Visar vilka servrar det finns en kod för",
	TokenShowLong:    "Visar vilka servrar det finns en kod för och var den finns, och vilken som gäller här. Ingen kod visas utan --reveal.",
	TokenCheckShort:  "Frågar tjänsten vems koden är",
	TokenCheckLong: `Frågar tjänsten om koden gäller, vems den är och vad den får användas till. Skrivbordet öppnas då
ett ögonblick; om samma person har många skrivbord öppna kan det äldsta behöva ansluta på nytt.`,
	FlagStore:       "`PLATS` där den förvaras: keyring (nyckelring) eller file (fil)",
	FlagReveal:      "skriver ut koden som gäller här, och inget annat",
	ColumnServer:    "SERVER",
	ColumnStore:     "FÖRVARAS I",
	InUse:           "gäller här",
	SourceKeyring:   "nyckelringen",
	TokenPrompt:     "Kod för {server} (den visas inte):",
	TokenEmpty:      "Ingen kod kom. Ge den på standardinmatningen, eller klistra in den när den efterfrågas.",
	TokenBad:        "Det där är ingen kod: den har mellanslag eller tecken som inga koder har, eller är för lång.",
	TokenSaved:      "Koden för {server} förvaras nu, plats: {store}.",
	TokenRemoved:    "Koden för {server} togs bort.",
	NoTokenSaved:    "Det finns ingen kod för {server}. Förvara en med \"kupla token save\", eller ge den i KUPLA_TOKEN.",
	NoTokens:        "Ingen kod förvaras här.",
	TokensTooOpen:   "Andra kan läsa koderna i {file} (rättigheter {mode}). Om ingen har gjort det: chmod 600 {file}. Om någon kan ha gjort det, låt återkalla koderna och ta bort filen.",
	NoKeyring:       "Ingen nyckelring svarar på datorn ({error}). Lås upp den, förvara koden i en fil med \"kupla token save --store file\" eller ge den i KUPLA_TOKEN.",
	KeyringLost:     "Nyckelringen har inte längre koden för {server}. Förvara den på nytt: kupla token save",
	Unencrypted:     "Obs: förbindelsen till {server} är inte krypterad, så koden kan läsas på vägen.",
	CheckServer:     "Server",
	CheckSource:     "Koden från",
	CheckValid:      "Gäller",
	CheckWho:        "Vems",
	CheckWhoUnknown: "berättas inte: tjänsten nämner bara dem som har ett skrivbord",
	CheckQueues:     "Köer",
	CheckLanguages:  "Språk",
	CheckDesk:       "Får se skrivbordet",
	CheckFeedback:   "Får sammanställa respons",
	CheckCatalogue:  "Får ändra katalogen",
	CheckNotTold:    "Tjänsten berättar inte hur länge koden gäller. En administratör ser det med \"kuplad token list\".",
	Yes:             "ja",
	No:              "nej",

	CompletionShort: "Skriver ut det som ett skal behöver för att komplettera kommandon",
	CompletionLong: `Skriver ut det som ett skal behöver för att komplettera kommandon, köer, servrar och värden:

    bash   source <(kupla completion bash)
    zsh    source <(kupla completion zsh)
    fish   kupla completion fish | source

Lägg raden i ~/.bashrc, ~/.zshrc eller ~/.config/fish/config.fish. Köer och samtal frågas av
tjänsten; svarar den inte genast föreslås inga.`,
	ManShort:   "Skriver manualsidorna",
	ManLong:    "Skriver en manualsida om varje kommando i en mapp, på engelska.",
	FlagManDir: "`MAPP` att skriva dem i",

	Waiting:     "Väntar på tjänstens svar…",
	EventsSoFar: "{count} händelser…",
}
