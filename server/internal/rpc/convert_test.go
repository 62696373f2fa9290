package rpc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// sameNumber is a value of the domain, by the name of its constant, and the contract's value that it stands for.
type sameNumber struct {
	constant string
	domain   int
	contract protoreflect.Enum
}

// sameNumbers are the enums of the domain that convert by number.
var sameNumbers = []struct {
	pkg, domainType string
	values          []sameNumber
}{
	{"chat", "State", []sameNumber{
		{"Waiting", int(chat.Waiting), kuplav1.ConversationState_CONVERSATION_STATE_WAITING},
		{"Active", int(chat.Active), kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE},
		{"Closed", int(chat.Closed), kuplav1.ConversationState_CONVERSATION_STATE_CLOSED},
	}},
	{"chat", "Role", []sameNumber{
		{"Customer", int(chat.Customer), kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER},
		{"Professional", int(chat.Professional), kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL},
	}},
	{"chat", "CloseReason", []sameNumber{
		{"Completed", int(chat.Completed), kuplav1.CloseReason_CLOSE_REASON_COMPLETED},
		{"CustomerLeft", int(chat.CustomerLeft), kuplav1.CloseReason_CLOSE_REASON_CUSTOMER_LEFT},
		{"Abandoned", int(chat.Abandoned), kuplav1.CloseReason_CLOSE_REASON_ABANDONED},
		{"NotReached", int(chat.NotReached), kuplav1.CloseReason_CLOSE_REASON_NOT_REACHED},
		{"RedirectedToPhone", int(chat.RedirectedToPhone), kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE},
		{"EndedByStaff", int(chat.EndedByStaff), kuplav1.CloseReason_CLOSE_REASON_ENDED_BY_STAFF},
		{"Expired", int(chat.Expired), kuplav1.CloseReason_CLOSE_REASON_EXPIRED},
	}},
	{"chat", "LeaveReason", []sameNumber{
		{"LeftByChoice", int(chat.LeftByChoice), kuplav1.LeaveReason_LEAVE_REASON_LEFT},
		{"LeftLost", int(chat.LeftLost), kuplav1.LeaveReason_LEAVE_REASON_LOST},
		{"LeftTransferred", int(chat.LeftTransferred), kuplav1.LeaveReason_LEAVE_REASON_TRANSFERRED},
		{"LeftReturned", int(chat.LeftReturned), kuplav1.LeaveReason_LEAVE_REASON_RETURNED},
	}},
	{"chat", "ReturnReason", []sameNumber{
		{"ReturnedByStaff", int(chat.ReturnedByStaff), kuplav1.ReturnReason_RETURN_REASON_RETURNED_BY_STAFF},
		{"ProfessionalLost", int(chat.ProfessionalLost), kuplav1.ReturnReason_RETURN_REASON_PROFESSIONAL_LOST},
	}},
	{"chat", "Capability", []sameNumber{
		{"CanRead", int(chat.CanRead), kuplav1.Capability_CAPABILITY_READ},
		{"CanSendMessage", int(chat.CanSendMessage), kuplav1.Capability_CAPABILITY_SEND_MESSAGE},
		{"CanMarkRead", int(chat.CanMarkRead), kuplav1.Capability_CAPABILITY_MARK_READ},
		{"CanLeave", int(chat.CanLeave), kuplav1.Capability_CAPABILITY_LEAVE},
		{"CanGiveFeedback", int(chat.CanGiveFeedback), kuplav1.Capability_CAPABILITY_GIVE_FEEDBACK},
		{"CanTransfer", int(chat.CanTransfer), kuplav1.Capability_CAPABILITY_TRANSFER},
		{"CanReturnToQueue", int(chat.CanReturnToQueue), kuplav1.Capability_CAPABILITY_RETURN_TO_QUEUE},
		{"CanInviteProfessional", int(chat.CanInviteProfessional), kuplav1.Capability_CAPABILITY_INVITE_PROFESSIONAL},
		{"CanClose", int(chat.CanClose), kuplav1.Capability_CAPABILITY_CLOSE},
		{"CanUseCaseNotes", int(chat.CanUseCaseNotes), kuplav1.Capability_CAPABILITY_CASE_NOTES},
	}},
	{"queue", "State", []sameNumber{
		{"Open", int(queue.Open), kuplav1.QueueState_QUEUE_STATE_OPEN},
		{"Closed", int(queue.Closed), kuplav1.QueueState_QUEUE_STATE_CLOSED},
		{"Paused", int(queue.Paused), kuplav1.QueueState_QUEUE_STATE_PAUSED},
	}},
	{"queue", "Reason", []sameNumber{
		{"NobodyAvailable", int(queue.NobodyAvailable), kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_NOBODY_AVAILABLE},
		{"TooLittleHistory", int(queue.TooLittleHistory), kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_TOO_LITTLE_HISTORY},
	}},
	{"queue", "TurnBeforeClosing", []sameNumber{
		{"TurnExpected", int(queue.TurnExpected), kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_EXPECTED},
		{"TurnUncertain", int(queue.TurnUncertain), kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_UNCERTAIN},
		{"TurnUnlikely", int(queue.TurnUnlikely), kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_UNLIKELY},
	}},
	{"store", "Availability", []sameNumber{
		{"Available", int(store.Available), kuplav1.Availability_AVAILABILITY_AVAILABLE},
		{"OnPhone", int(store.OnPhone), kuplav1.Availability_AVAILABILITY_ON_PHONE},
		{"Away", int(store.Away), kuplav1.Availability_AVAILABILITY_AWAY},
	}},
}

// Every value of the domain has the number of the contract's value that means the same, so that one is made of the
// other by number; and neither side has a value that the other has not.
func TestEnumNumbers(t *testing.T) {
	for _, enum := range sameNumbers {
		t.Run(enum.pkg+"."+enum.domainType, func(t *testing.T) {
			var names []string
			told := map[protoreflect.EnumNumber]bool{0: true}
			for _, v := range enum.values {
				names = append(names, v.constant)
				told[v.contract.Number()] = true
				if v.domain != int(v.contract.Number()) {
					t.Errorf("%s is %d, and %v is %d", v.constant, v.domain, v.contract, v.contract.Number())
				}
				// The names say the same, but for the words that Go puts in front.
				if !sameWords(v.constant, v.contract) {
					t.Errorf("%s does not read like %v", v.constant, v.contract)
				}
			}
			if declared := constantsOf(t, enum.pkg, enum.domainType); !slices.Equal(declared, names) {
				t.Errorf("package %s declares %q, the table has %q", enum.pkg, declared, names)
			}
			values := enum.values[0].contract.Descriptor().Values()
			for i := range values.Len() {
				if v := values.Get(i); !told[v.Number()] {
					t.Errorf("the contract has %s, the domain has nothing for it", v.Name())
				}
			}
		})
	}
}

// sameWords compares the words of a constant with those of a value: CanMarkRead and CAPABILITY_MARK_READ.
func sameWords(constant string, value protoreflect.Enum) bool {
	var words []string
	for _, r := range constant {
		if r >= 'A' && r <= 'Z' {
			words = append(words, "")
		}
		words[len(words)-1] += strings.ToUpper(string(r))
	}
	name := string(value.Descriptor().Values().ByNumber(value.Number()).Name())
	for len(words) > 0 {
		if strings.HasSuffix(name, "_"+strings.Join(words, "_")) {
			return true
		}
		// What Go puts in front (Can, Left, Turn) or behind (ByChoice).
		if short := strings.TrimSuffix(strings.Join(words, "_"), "_BY_CHOICE"); strings.HasSuffix(name, "_"+short) {
			return true
		}
		words = words[1:]
	}
	return false
}

// constantsOf are the names of the constants of a type, in the order of their declaration.
func constantsOf(t *testing.T, pkg, typeName string) []string {
	t.Helper()
	parsed, err := parser.ParseDir(token.NewFileSet(), "../"+pkg, nil, 0) //nolint:staticcheck // One folder without build tags.
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range parsed[pkg].Files {
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			current := "" // a constant without a type repeats the one before
			for _, spec := range group.Specs {
				value := spec.(*ast.ValueSpec)
				switch declared := value.Type.(type) {
				case *ast.Ident:
					current = declared.Name
				case nil:
					if len(value.Values) > 0 {
						current = ""
					}
				}
				if current != typeName {
					continue
				}
				for _, name := range value.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

// The words for reasons, roles and audiences, which are not numbers, are those of the contract too.
func TestWordsOfTheContract(t *testing.T) {
	reasons := stringConstants(t, "chat", "Reason")
	if len(reasons) < 10 {
		t.Fatalf("package chat has the reasons %q: the source was not read", reasons)
	}
	for _, reason := range reasons {
		if kuplav1.ErrorReason_value["ERROR_REASON_"+reason] == 0 {
			t.Errorf("package chat refuses with %s, which is no reason of the contract", reason)
		}
	}
}

// stringConstants are the values of the constants of a type of strings.
func stringConstants(t *testing.T, pkg, typeName string) []string {
	t.Helper()
	parsed, err := parser.ParseDir(token.NewFileSet(), "../"+pkg, nil, 0) //nolint:staticcheck // As above.
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, file := range parsed[pkg].Files {
		ast.Inspect(file, func(n ast.Node) bool {
			value, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if declared, ok := value.Type.(*ast.Ident); !ok || declared.Name != typeName {
				return true
			}
			for _, v := range value.Values {
				if literal, ok := v.(*ast.BasicLit); ok {
					values = append(values, strings.Trim(literal.Value, `"`))
				}
			}
			return true
		})
	}
	return values
}

// eveDates are the eves of one winter and spring.
var eveDates = map[kuplav1.Eve]string{
	kuplav1.Eve_EVE_CHRISTMAS_EVE:   "2026-12-24",
	kuplav1.Eve_EVE_NEW_YEARS_EVE:   "2026-12-31",
	kuplav1.Eve_EVE_EPIPHANY_EVE:    "2027-01-05",
	kuplav1.Eve_EVE_MAUNDY_THURSDAY: "2027-03-25",
	kuplav1.Eve_EVE_HOLY_SATURDAY:   "2027-03-27",
	kuplav1.Eve_EVE_MAY_DAY_EVE:     "2027-04-30",
	kuplav1.Eve_EVE_MIDSUMMER_EVE:   "2027-06-25",
}

// Each eve of the contract is the day of the domain that it names, which is not numbered the same.
func TestEves(t *testing.T) {
	helsinkiNoon := func(date string) time.Time {
		day, err := time.ParseInLocation(time.DateOnly, date, helsinki)
		if err != nil {
			t.Fatal(err)
		}
		return day.Add(12 * time.Hour)
	}
	for number, name := range kuplav1.Eve_name {
		eve := kuplav1.Eve(number)
		if eve == kuplav1.Eve_EVE_UNSPECIFIED {
			continue
		}
		m, err := demo.Catalogue()
		if err != nil {
			t.Fatal(err)
		}
		// The queue that is open at all hours, but for the eve.
		for _, q := range m.GetQueues() {
			q.OpeningHours.Eves = []*kuplav1.EveHours{{Eve: eve, Spans: []*kuplav1.HoursSpan{{Start: "09:00", End: "10:00"}}}}
		}
		book, err := catalogue.Compile(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		q, ok := book.Queue("emergency-help")
		if !ok {
			t.Fatal("there is no queue that is open at all hours")
		}
		if eveDates[eve] == "" {
			t.Errorf("%s: no date is known", name)
		}
		for other, date := range eveDates {
			want := queue.Open
			if other == eve {
				want = queue.Closed
			}
			if got := q.Policy.Status(helsinkiNoon(date), nil).State; got != want {
				t.Errorf("with hours on %s the queue is %v on %v, want %v", name, got, other, want)
			}
		}
	}
}
