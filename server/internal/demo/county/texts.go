package county

// language is a language that the page is in.
type language struct {
	// Tag is what a page says of its language.
	Tag string
	// Name is what the language calls itself.
	Name  string
	texts texts
}

// service is a service that the county pretends to have.
type service struct {
	Name, About string
}

// texts are what the page says in one language.
type texts struct {
	Title, County, Skip, LanguageMenu, ThemeMenu string

	Demonstration, DemonstrationAbout string

	Heading, Lead, ChatLabel string

	ServicesHeading string
	Services        []service

	ContactHeading, ContactChatHeading, ContactChat string
	ContactPhoneHeading, ContactPhone               string
	ContactEmergencyHeading, ContactEmergency       string

	Footer string
	// ThemeNames are what the themes are called, by their names.
	ThemeNames map[string]string
}

var languages = []language{
	{Tag: "fi", Name: "Suomi", texts: texts{
		Title:        "Kuvitelmalan hyvinvointialue",
		County:       "Kuvitelmalan hyvinvointialue",
		Skip:         "Siirry sisältöön",
		LanguageMenu: "Kieli",
		ThemeMenu:    "Chatin ulkoasu",

		Demonstration:      "Tämä on esittelysivu.",
		DemonstrationAbout: "Kuvitelmalaa ei ole, ja sen palvelut on keksitty. Älä kirjoita chattiin omia tietojasi.",

		Heading:   "Hyvää arkea Kuvitelmalassa",
		Lead:      "Terveys- ja sosiaalipalvelut lähellä sinua. Kysy chatissa, niin ammattilainen auttaa sinut eteenpäin.",
		ChatLabel: "Kysy chatissa",

		ServicesHeading: "Palvelut",
		Services: []service{
			{"Suun terveydenhuolto", "Tarkastukset, hoito ja särkyajat."},
			{"Neuvola", "Raskausajasta kouluikään."},
			{"Mielenterveys ja päihteet", "Tukea silloin, kun sitä tarvitset."},
			{"Fysioterapia", "Apua kipuun ja liikkumiseen."},
			{"Opiskeluhuolto", "Opiskelijan hyvinvoinnin tueksi."},
			{"Sosiaaliohjaus", "Neuvoja arkeen ja etuuksiin."},
		},

		ContactHeading:          "Ota yhteyttä",
		ContactChatHeading:      "Chat",
		ContactChat:             "Avaa chat sivun alareunasta. Näet heti, mitkä jonot ovat auki ja paljonko niissä on odottajia.",
		ContactPhoneHeading:     "Päivystysapu 116117",
		ContactPhone:            "Soita ennen kuin lähdet päivystykseen.",
		ContactEmergencyHeading: "Hätänumero 112",
		ContactEmergency:        "Soita heti, kun henki tai terveys on vaarassa.",

		Footer:     "Kuvitelmalan hyvinvointialue on keksitty. Sivu kuuluu Kupla-chatin esittelyyn.",
		ThemeNames: map[string]string{"default": "Perusteema", "harbour": "Satama"},
	}},
	{Tag: "sv", Name: "Svenska", texts: texts{
		Title:        "Kuvitelmala välfärdsområde",
		County:       "Kuvitelmala välfärdsområde",
		Skip:         "Gå till innehållet",
		LanguageMenu: "Språk",
		ThemeMenu:    "Chattens utseende",

		Demonstration:      "Det här är en demonstration.",
		DemonstrationAbout: "Kuvitelmala finns inte och dess tjänster är påhittade. Skriv inga egna uppgifter i chatten.",

		Heading:   "En god vardag i Kuvitelmala",
		Lead:      "Hälso- och socialtjänster nära dig. Fråga i chatten, så hjälper en yrkesperson dig vidare.",
		ChatLabel: "Fråga i chatten",

		ServicesHeading: "Tjänster",
		Services: []service{
			{"Munhälsovård", "Undersökningar, vård och akuttider."},
			{"Rådgivning", "Från graviditeten till skolåldern."},
			{"Mental hälsa och missbruk", "Stöd när du behöver det."},
			{"Fysioterapi", "Hjälp med smärta och rörlighet."},
			{"Studerandevård", "Stöd för studerandes välbefinnande."},
			{"Socialhandledning", "Råd om vardagen och förmåner."},
		},

		ContactHeading:          "Ta kontakt",
		ContactChatHeading:      "Chatt",
		ContactChat:             "Öppna chatten längst ner på sidan. Du ser genast vilka köer som är öppna och hur många som väntar.",
		ContactPhoneHeading:     "Jourhjälpen 116117",
		ContactPhone:            "Ring innan du åker till jouren.",
		ContactEmergencyHeading: "Nödnumret 112",
		ContactEmergency:        "Ring genast när liv eller hälsa är i fara.",

		Footer:     "Kuvitelmala välfärdsområde är påhittat. Sidan hör till demonstrationen av Kupla-chatten.",
		ThemeNames: map[string]string{"default": "Grundtema", "harbour": "Hamn"},
	}},
	{Tag: "en", Name: "English", texts: texts{
		Title:        "Wellbeing services county of Kuvitelmala",
		County:       "Wellbeing services county of Kuvitelmala",
		Skip:         "Skip to the content",
		LanguageMenu: "Language",
		ThemeMenu:    "Look of the chat",

		Demonstration:      "This is a demonstration.",
		DemonstrationAbout: "There is no Kuvitelmala, and its services are made up. Do not write anything about yourself in the chat.",

		Heading:   "Everyday wellbeing in Kuvitelmala",
		Lead:      "Health and social services near you. Ask in the chat, and a professional will help you on your way.",
		ChatLabel: "Ask in the chat",

		ServicesHeading: "Services",
		Services: []service{
			{"Oral health care", "Check-ups, treatment and urgent appointments."},
			{"Child health clinic", "From pregnancy to school age."},
			{"Mental health and substance use", "Support when you need it."},
			{"Physiotherapy", "Help with pain and movement."},
			{"Student welfare", "Supporting the wellbeing of students."},
			{"Social guidance", "Advice on daily life and benefits."},
		},

		ContactHeading:          "Get in touch",
		ContactChatHeading:      "Chat",
		ContactChat:             "Open the chat at the bottom of the page. You see at once which queues are open and how many are waiting.",
		ContactPhoneHeading:     "Medical Helpline 116117",
		ContactPhone:            "Call before you go to the emergency clinic.",
		ContactEmergencyHeading: "Emergency number 112",
		ContactEmergency:        "Call at once when life or health is in danger.",

		Footer:     "The wellbeing services county of Kuvitelmala is made up. The page belongs to the demonstration of the Kupla chat.",
		ThemeNames: map[string]string{"default": "Default", "harbour": "Harbour"},
	}},
}
