//nolint:gosec,lll // A text is read whole, not in pieces; it speaks of tokens but has none.
package cli

var settingsFinnish = settingsTexts{
	AppShort:   "Keskustelu terveyden- ja sosiaalihuollon kanssa",
	FlagConfig: "asetusten `TIEDOSTO` (muuten KUPLA_CONFIG tai se, jonka \"kupla config path\" kertoo)",
	FlagOutput: "tulosteen `MUOTO`: table tai json (muuten KUPLA_OUTPUT tai table)",

	ConfigShort: "Näyttää asetukset ja muuttaa niitä",
	ConfigLong: `Asetukset tulevat valitsimista, niiden puuttuessa ympäristöstä ja lopuksi tiedostosta, joka on YAML:

    server: tuotanto
    language: fi
    output: table
    servers:
      tuotanto: https://chat.example.fi
      testi: https://chat-test.example.fi

server on jokin luettelon nimistä tai osoite, samoin --server ja KUPLA_SERVER. Myös KUPLA_LANGUAGE,
KUPLA_OUTPUT ja KUPLA_CONFIG ohittavat tiedoston. Tunnisteita ei säilytetä täällä:
katso "kupla token".`,
	ConfigListShort: "Luettelee asetukset ja sen, mistä kukin tulee",
	ConfigListLong:  "Luettelee voimassa olevat asetukset, sen, mistä kukin tulee, ja nimetyt palvelimet.",
	ConfigGetShort:  "Tulostaa yhden asetuksen",
	ConfigGetLong:   "Tulostaa yhden asetuksen sellaisena kuin se on voimassa: server, language, output tai servers.NIMI.",
	ConfigSetShort:  "Muuttaa asetusta tiedostossa",
	ConfigSetLong: `Muuttaa tiedostossa asetusta server, language tai output tai nimetyn palvelimen osoitetta:

    kupla config set servers.tuotanto https://chat.example.fi

Tiedoston kommentit ja järjestys säilyvät.`,
	ConfigUseShort:    "Valitsee palvelimen, jota käytetään, kun muuta ei nimetä",
	ConfigUseLong:     "Valitsee nimen tai osoitteen perusteella palvelimen, jota käytetään, kun muuta ei nimetä.",
	ConfigRemoveShort: "Poistaa asetuksen tiedostosta",
	ConfigRemoveLong:  "Poistaa tiedostosta asetuksen: server, language, output tai servers.NIMI.",
	ConfigPathShort:   "Tulostaa tiedoston paikan",
	ConfigPathLong:    "Tulostaa, missä asetustiedosto on tai missä se olisi.",
	WordSetting:       "ASETUS",
	WordValue:         "ARVO",
	WordServer:        "PALVELIN",
	WordName:          "NIMI",
	ColumnSetting:     "ASETUS",
	ColumnValue:       "ARVO",
	ColumnSource:      "MISTÄ",
	SourceDefault:     "(oletus)",
	SettingChanged:    "{key} on nyt {value}.",
	SettingRemoved:    "{key} poistettiin.",
	NotSet:            "Asetusta {key} ei ole annettu.",
	ServerInUse:       "{name} on käytössä oleva palvelin. Valitse ensin toinen: kupla config use PALVELIN",
	MissingArgument:   "{argument} puuttuu.",
	FileProblem:       "{file}, rivi {line}: {problem}",
	FileMissing:       "Tiedostoa {file} ei ole.",
	FileUnreadable:    "Tiedostoa {file} ei voi lukea: {error}",
	NotWritten:        "Tiedostoa {file} ei voi kirjoittaa: {error}",
	NotYAML:           "tämä ei ole YAMLia: {error}",
	UnknownKey:        "asetusta {key} ei ole; nämä on: {keys}",
	TwiceKey:          "{key} on kahteen kertaan",
	NotText:           "tähän kuuluu yksi teksti",
	NotMapping:        "tähän kuuluu nimiä ja arvoja, kuten language: fi",
	BadValue:          "{value} ei ole asetuksen {key} arvo; näistä voi valita: {values}",
	BadServerName:     "{name} ei kelpaa palvelimen nimeksi; nimi alkaa kirjaimella, ja siinä on pieniä kirjaimia a–z, numeroita sekä merkkejä - ja _",
	BadAddress:        "{value} ei ole osoite, kuten https://chat.example.fi",
	UnknownServer:     "Minkään palvelimen nimi ei ole {name}. Nimet näkee komennolla \"kupla config list\". Jos se on kone, kirjoita https://{name}.",

	TokenShort: "Säilyttää henkilöstön tunnisteita ja tarkistaa ne",
	TokenLong: `Säilyttää henkilöstön tunnisteita koneen avainnipussa tai tiedostossa, jonka vain sinä voit lukea.
Tunniste säilytetään yhtä palvelinta varten, eikä sitä lähetetä muualle. KUPLA_TOKEN ohittaa
säilytetyn, --token molemmat.`,
	TokenSaveShort: "Ottaa palvelimen tunnisteen talteen",
	TokenSaveLong: `Ottaa palvelimen tunnisteen talteen aiemman tilalle. Tunniste kysytään tai luetaan syötteestä:

    kupla token save --server tuotanto < tunniste.txt

Sitä ei anneta argumenttina: siinä sen näkisi jokainen koneen käyttäjä. Koneella, jolla ei ole
avainnippua, kuten useimmilla palvelimilla, se säilytetään valitsimella --store file.`,
	TokenRemoveShort: "Unohtaa palvelimen tunnisteen",
	TokenRemoveLong:  "Unohtaa palvelimen tunnisteen. Se jää voimaan: pääkäyttäjä kumoaa sen komennolla \"kuplad token revoke\".",
	TokenShowShort:   "Näyttää, mille palvelimille on tunniste",
	TokenShowLong:    "Näyttää, mille palvelimille on tunniste, missä se on ja mikä niistä on käytössä. Itse tunniste näytetään vain valitsimella --reveal.",
	TokenCheckShort:  "Kysyy palvelulta, kenen tunniste on",
	TokenCheckLong: `Kysyy palvelulta, onko tunniste voimassa, kenen se on ja mitä sillä saa tehdä. Sitä varten työpöytä
avataan hetkeksi; jos sama henkilö pitää monta työpöytää auki, vanhin niistä voi joutua
yhdistämään uudelleen.`,
	FlagStore:       "`PAIKKA`, jossa se säilytetään: keyring (avainnippu) tai file (tiedosto)",
	FlagReveal:      "tulostaa käytössä olevan tunnisteen eikä mitään muuta",
	ColumnServer:    "PALVELIN",
	ColumnStore:     "MISSÄ",
	InUse:           "käytössä",
	SourceKeyring:   "avainnippu",
	TokenPrompt:     "Palvelimen {server} tunniste (ei näy ruudulla):",
	TokenEmpty:      "Tunnistetta ei tullut. Anna se syötteessä tai liitä se, kun sitä kysytään.",
	TokenBad:        "Tuo ei ole tunniste: siinä on välejä tai merkkejä, joita tunnisteissa ei ole, tai se on liian pitkä.",
	TokenSaved:      "Palvelimen {server} tunniste on tallessa, paikka: {store}.",
	TokenRemoved:    "Palvelimen {server} tunniste poistettiin.",
	NoTokenSaved:    "Palvelimelle {server} ei ole tunnistetta. Ota se talteen komennolla \"kupla token save\" tai anna se muuttujassa KUPLA_TOKEN.",
	NoTokens:        "Täällä ei ole yhtään tunnistetta.",
	TokensTooOpen:   "Muut voivat lukea tunnisteet tiedostosta {file} (oikeudet {mode}). Jos kukaan ei ole lukenut: chmod 600 {file}. Jos joku on voinut lukea, pyydä kumoamaan tunnisteet ja poista tiedosto.",
	NoKeyring:       "Koneen avainnippu ei vastaa ({error}). Avaa sen lukitus, säilytä tunniste tiedostossa komennolla \"kupla token save --store file\" tai anna se muuttujassa KUPLA_TOKEN.",
	KeyringLost:     "Palvelimen {server} tunniste ei ole enää avainnipussa. Ota se uudelleen talteen: kupla token save",
	Unencrypted:     "Huomaa: yhteyttä osoitteeseen {server} ei ole salattu, joten tunnisteen voi lukea matkalla.",
	CheckServer:     "Palvelin",
	CheckSource:     "Tunniste tulee",
	CheckValid:      "Voimassa",
	CheckWho:        "Kenen",
	CheckWhoUnknown: "ei kerrota: palvelu nimeää vain ne, joilla on työpöytä",
	CheckQueues:     "Jonot",
	CheckLanguages:  "Kielet",
	CheckDesk:       "Saa nähdä työpöydän",
	CheckFeedback:   "Saa koota palautteen",
	CheckCatalogue:  "Saa muuttaa luetteloa",
	CheckNotTold:    "Palvelu ei kerro, mihin asti tunniste on voimassa. Pääkäyttäjä näkee sen komennolla \"kuplad token list\".",
	Yes:             "kyllä",
	No:              "ei",

	CompletionShort: "Tulostaa komentotulkille täydennyksen",
	CompletionLong: `Tulostaa sen, mitä komentotulkki tarvitsee täydentääkseen komentoja, jonoja, palvelimia ja arvoja:

    bash   source <(kupla completion bash)
    zsh    source <(kupla completion zsh)
    fish   kupla completion fish | source

Lisää rivi tiedostoon ~/.bashrc, ~/.zshrc tai ~/.config/fish/config.fish. Jonot ja keskustelut
kysytään palvelulta; jos se ei vastaa heti, niitä ei ehdoteta.`,
	ManShort:   "Kirjoittaa käsikirjan sivut",
	ManLong:    "Kirjoittaa kansioon käsikirjan sivun jokaisesta komennosta, englanniksi.",
	FlagManDir: "`KANSIO`, johon ne kirjoitetaan",

	Waiting:     "Odotetaan palvelun vastausta…",
	EventsSoFar: "{count} tapahtumaa…",
}
