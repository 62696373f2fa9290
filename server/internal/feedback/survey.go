package feedback

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Kind is the kind of answer that a question asks for. The zero value is no kind. The numbers are those of
// the contract's SurveyQuestionKind.
type Kind int8

// The kinds of questions.
const (
	// Recommendation asks how likely the person is to recommend the service, from 0 to 10.
	Recommendation Kind = iota + 1
	// Statement asks how far the person agrees, from 1 to 5; they may be unable to say.
	Statement
	// OpenText asks for an answer in the person's own words.
	OpenText
)

// String returns "recommendation", "statement" or "open text".
func (k Kind) String() string {
	switch k {
	case Recommendation:
		return "recommendation"
	case Statement:
		return "statement"
	case OpenText:
		return "open text"
	default:
		return fmt.Sprintf("Kind(%d)", int8(k))
	}
}

// scores returns the lowest and the highest score of a kind. A kind without scores has none: low > high.
func (k Kind) scores() (low, high int) {
	switch k {
	case Recommendation:
		return 0, 10
	case Statement:
		return 1, 5
	default:
		return 0, -1
	}
}

// Text is a text in the languages of the service.
type Text struct {
	Fi, Sv, En string
}

// Question is one question or statement of a survey.
type Question struct {
	// ID names the question in answers. It never changes its meaning: what is asked anew gets a new one.
	ID string
	// Kind is what kind of answer is asked for.
	Kind Kind
	// Text is what the person reads.
	Text Text
}

// Survey is what is asked at the end of a conversation, in order.
type Survey struct {
	Questions []Question
}

// Version identifies the wording: surveys that differ in anything a person reads or answers, or in the order
// of it, have different versions. It is 12 characters, and the same wherever it is computed.
func (s Survey) Version() string {
	// Each part with its length before it, so that no two surveys write the same bytes.
	var data []byte
	part := func(text string) {
		data = binary.AppendUvarint(data, uint64(len(text)))
		data = append(data, text...)
	}
	for _, q := range s.Questions {
		part(q.ID)
		data = append(data, byte(q.Kind))
		part(q.Text.Fi)
		part(q.Text.Sv)
		part(q.Text.En)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// Question finds a question by its id.
func (s Survey) Question(id string) (Question, bool) {
	for _, q := range s.Questions {
		if q.ID == id {
			return q, true
		}
	}
	return Question{}, false
}

// Default is the survey of queues for which none was written: a recommendation, a statement for each of access,
// encounter, safety, information and usefulness, and an open answer. What 0, 10, 1 and 5 stand for is said
// by clients beside the buttons, so it is not in the texts.
func Default() Survey {
	return Survey{Questions: []Question{
		{ID: "recommend", Kind: Recommendation, Text: Text{
			Fi: "Kuinka todennäköisesti suosittelisit tätä chattia läheisellesi?",
			Sv: "Hur sannolikt är det att du skulle rekommendera den här chatten för en närstående?",
			En: "How likely are you to recommend this chat to someone close to you?",
		}},
		{ID: "access", Kind: Statement, Text: Text{
			Fi: "Sain yhteyden silloin, kun tarvitsin.",
			Sv: "Jag fick kontakt när jag behövde det.",
			En: "I could get in touch when I needed to.",
		}},
		{ID: "encounter", Kind: Statement, Text: Text{
			Fi: "Minua kuunneltiin.",
			Sv: "Man lyssnade på mig.",
			En: "I was listened to.",
		}},
		{ID: "safety", Kind: Statement, Text: Text{
			Fi: "Minusta tuntui turvalliselta kertoa asiastani chatissa.",
			Sv: "Det kändes tryggt att berätta om mitt ärende i chatten.",
			En: "I felt safe talking about my situation in the chat.",
		}},
		{ID: "information", Kind: Statement, Text: Text{
			Fi: "Sain tietoa, jonka ymmärsin.",
			Sv: "Jag fick information som jag förstod.",
			En: "I got information that I understood.",
		}},
		{ID: "usefulness", Kind: Statement, Text: Text{
			Fi: "Chatista oli minulle hyötyä.",
			Sv: "Jag hade nytta av chatten.",
			En: "The chat was useful to me.",
		}},
		{ID: "comment", Kind: OpenText, Text: Text{
			Fi: "Mikä oli hyvää, ja mitä voisimme tehdä paremmin? Älä kirjoita nimeäsi tai muita henkilötietoja.",
			Sv: "Vad var bra, och vad kunde vi göra bättre? Skriv inte ditt namn eller andra personuppgifter.",
			En: "What was good, and what could we do better? Please do not write your name or other personal details.",
		}},
	}}
}
