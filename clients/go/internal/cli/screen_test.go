package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect/v2"
	"github.com/charmbracelet/x/ansi"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// screenAsked is a service that writes down what it is asked, and answers as the test says.
type screenAsked struct {
	calls  []string
	refuse error // for the next call that can be refused
	taken  *kuplav1.Conversation
	event  *kuplav1.Event
	notes  []*kuplav1.CaseNote

	requestIDs  []string // of the calls that have one
	refuseNotes error    // for listing them
}

func (s *screenAsked) asked(format string, arguments ...any) error {
	s.calls = append(s.calls, fmt.Sprintf(format, arguments...))
	for _, aside := range []string{"typing", "read", "notes", "canned"} {
		if strings.HasPrefix(format, aside+" ") {
			return nil
		}
	}
	err := s.refuse
	s.refuse = nil
	return err
}

// by is asked, and writes down the request id.
func (s *screenAsked) by(requestID, format string, arguments ...any) error {
	s.requestIDs = append(s.requestIDs, requestID)
	return s.asked(format, arguments...)
}

func (s *screenAsked) SetAvailability(_ context.Context, a kuplav1.Availability) (*kuplav1.Professional, error) {
	return &kuplav1.Professional{Id: "kaisa", DisplayName: "Kaisa Kuvitteellinen", Capacity: 4, Availability: a}, s.asked("availability %s", a)
}

func (s *screenAsked) TakeNext(_ context.Context, requestID string) (*kuplav1.Conversation, error) {
	return s.taken, s.by(requestID, "take next")
}

func (s *screenAsked) Take(_ context.Context, id, requestID string) (*kuplav1.Conversation, error) {
	return s.taken, s.by(requestID, "take %s", id)
}

func (s *screenAsked) Transfer(_ context.Context, req *kuplav1.TransferConversationRequest) error {
	target := req.GetProfessionalId()
	if queue := req.GetQueueId(); queue != "" {
		target = "queue " + queue
	}
	return s.by(req.GetRequestId(), "transfer %s to %s, %q, agreed %t", req.GetConversationId(), target, req.GetNote(), req.GetCustomerAgreed())
}

func (s *screenAsked) ReturnToQueue(_ context.Context, id, requestID string) error {
	return s.by(requestID, "return %s", id)
}

func (s *screenAsked) Invite(_ context.Context, id, requestID, who string) error {
	return s.by(requestID, "invite %s to %s", who, id)
}

func (s *screenAsked) Close(_ context.Context, id, requestID string, reason kuplav1.CloseReason) error {
	return s.by(requestID, "close %s, %s", id, reason)
}

func (s *screenAsked) AddNote(_ context.Context, id, requestID, text string) error {
	return s.by(requestID, "note %s: %s", id, text)
}

func (s *screenAsked) Leave(_ context.Context, id, requestID string) error {
	return s.by(requestID, "leave %s", id)
}

func (s *screenAsked) Notes(_ context.Context, id string) iter.Seq2[*kuplav1.CaseNote, error] {
	_ = s.asked("notes %s", id)
	return func(yield func(*kuplav1.CaseNote, error) bool) {
		if s.refuseNotes != nil {
			_ = yield(nil, s.refuseNotes)
			return
		}
		for _, note := range s.notes {
			if !yield(note, nil) {
				return
			}
		}
	}
}

func (s *screenAsked) CannedReplies(_ context.Context, queue string) iter.Seq2[*kuplav1.CannedReply, error] {
	_ = s.asked("canned %s", queue)
	return func(yield func(*kuplav1.CannedReply, error) bool) {
		_ = yield(&kuplav1.CannedReply{
			Id: "greeting", Title: localized("Tervehdys", "Hälsning", "Greeting"), Text: localized("Hei! Miten voin auttaa?", "Hej! Hur kan jag hjälpa?", "Hello! How can I help?"),
		}, nil) && yield(&kuplav1.CannedReply{
			Id: "phone", Title: localized("Puhelin", "Telefon", "Phone"), Text: localized("Soita 116117.", "Ring 116117.", "Call 116117."),
		}, nil)
	}
}

func (s *screenAsked) Send(_ context.Context, id, _, text string) (*kuplav1.Event, error) {
	return s.event, s.asked("send %s: %s", id, text)
}

func (s *screenAsked) SetTyping(_ context.Context, id string) error { return s.asked("typing %s", id) }

func (s *screenAsked) MarkRead(_ context.Context, id string, n int32) error {
	return s.asked("read %s up to %d", id, n)
}

// took returns what was asked since the last time, without what is told by the way.
func (s *screenAsked) took(except ...string) []string {
	calls := slices.DeleteFunc(s.calls, func(call string) bool {
		return slices.ContainsFunc(except, func(prefix string) bool { return strings.HasPrefix(call, prefix) })
	})
	s.calls = nil
	return calls
}

// stage is a screen with no terminal: messages go in, and what is shown is looked at.
type stage struct {
	t       *testing.T
	m       *screen
	service *screenAsked
	at      time.Time
	rings   int
	quit    bool
	held    []tea.Cmd // calls that are not answered yet
	hold    bool
}

// noon is when it is on every stage.
var noon = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC) // 12:00 in Helsinki

func newStage(t *testing.T, l language) *stage {
	t.Helper()
	a := &app{language: l, texts: textsIn(l), zone: helsinki(), server: "http://localhost:8080", interrupted: func() bool { return false }}
	s := &stage{t: t, service: &screenAsked{}, at: noon}
	s.m = newScreen(t.Context(), a, s.service, stageQueues())
	s.m.clock = func() time.Time { return s.at }
	s.send(tea.WindowSizeMsg{Width: 120, Height: 40})
	return s
}

func stageQueues() []*kuplav1.QueueWithStatus {
	queue := func(id, fi, sv, en string, state kuplav1.QueueState) *kuplav1.QueueWithStatus {
		return &kuplav1.QueueWithStatus{
			Queue:  &kuplav1.Queue{Id: id, Name: localized(fi, sv, en), TransferQueueIds: []string{"dental", "family"}},
			Status: &kuplav1.QueueStatus{State: state},
		}
	}
	return []*kuplav1.QueueWithStatus{
		queue("urgent", "Päivystysapu", "Jourhjälp", "Urgent help", kuplav1.QueueState_QUEUE_STATE_OPEN),
		queue("family", "Perhekeskuksen ohjaus ja neuvonta", "Familjecentrets handledning", "Family centre guidance", kuplav1.QueueState_QUEUE_STATE_OPEN),
		queue("dental", "Suun terveydenhuolto", "Munhälsa", "Oral health", kuplav1.QueueState_QUEUE_STATE_CLOSED),
	}
}

// send lets the screen take in a message, and carries out what it asks for.
func (s *stage) send(msg tea.Msg) {
	s.t.Helper()
	_, command := s.m.Update(msg)
	if _, tick := msg.(screenTick); !tick {
		s.carryOut(command)
	}
}

func (s *stage) carryOut(command tea.Cmd) {
	if command == nil {
		return
	}
	if s.hold {
		s.held = append(s.held, command)
		return
	}
	switch msg := command().(type) {
	case nil:
	case tea.BatchMsg:
		for _, one := range msg {
			s.carryOut(one)
		}
	case tea.RawMsg:
		if msg.Msg == "\a" {
			s.rings++
		}
	case tea.QuitMsg:
		s.quit = true
	case screenDone, screenSent, screenMarked:
		s.send(msg)
	default: // the cursor's blinking
	}
}

// answer lets the calls that were held be answered.
func (s *stage) answer() {
	s.t.Helper()
	s.hold = false
	held := s.held
	s.held = nil
	for _, command := range held {
		s.carryOut(command)
	}
}

// fits makes sure that what is shown fills the window exactly, however a terminal measures.
func (s *stage) fits() {
	s.t.Helper()
	lines, cursor := s.m.render()
	if len(lines) != s.m.height {
		s.t.Fatalf("%d lines in a window of %d", len(lines), s.m.height)
	}
	for i, line := range lines {
		if w, wc := ansi.StringWidth(line), ansi.StringWidthWc(line); w != s.m.width || wc != s.m.width {
			s.t.Fatalf("line %d is %d or %d wide, not %d: %q", i, w, wc, s.m.width, ansi.Strip(line))
		}
	}
	if cursor != nil && (cursor.X < 0 || cursor.X >= s.m.width || cursor.Y < 0 || cursor.Y >= s.m.height) {
		s.t.Fatalf("the cursor is at %d, %d", cursor.X, cursor.Y)
	}
}

// pass lets time pass.
func (s *stage) pass(d time.Duration) {
	s.t.Helper()
	s.at = s.at.Add(d)
	s.send(screenTick{})
}

func (s *stage) resize(width, height int) {
	s.t.Helper()
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
}

// keys presses keys, by the names that terminals' keys have here.
func (s *stage) keys(names ...string) {
	s.t.Helper()
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "tab": tea.KeyTab, "end": tea.KeyEnd,
		"home": tea.KeyHome, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace,
		"f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4, "f5": tea.KeyF5, "f6": tea.KeyF6,
		"f7": tea.KeyF7, "f8": tea.KeyF8, "f9": tea.KeyF9, "f10": tea.KeyF10,
	}
	for _, name := range names {
		var key tea.KeyPressMsg
		rest := name
		for modifier, mod := range map[string]tea.KeyMod{"ctrl+": tea.ModCtrl, "alt+": tea.ModAlt, "shift+": tea.ModShift} {
			if after, ok := strings.CutPrefix(rest, modifier); ok {
				key.Mod, rest = key.Mod|mod, after
			}
		}
		if code, ok := special[rest]; ok {
			key.Code = code
		} else {
			key.Code, _ = utf8.DecodeRuneInString(rest)
			if key.Mod == 0 {
				key.Text = rest
			}
		}
		s.send(key)
	}
}

// types writes a text key by key.
func (s *stage) types(text string) {
	s.t.Helper()
	for _, r := range text {
		s.send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// shown returns what is shown, without colours.
func (s *stage) shown() string {
	s.t.Helper()
	s.fits()
	lines, _ := s.m.render()
	for i := range lines {
		lines[i] = strings.TrimRight(ansi.Strip(lines[i]), " ")
	}
	return strings.Join(lines, "\n")
}

// sees makes sure that texts are shown, in order.
func (s *stage) sees(texts ...string) {
	s.t.Helper()
	rest := s.shown()
	for _, text := range texts {
		_, after, ok := strings.Cut(rest, text)
		if !ok {
			s.t.Fatalf("%q is not shown, or not in order:\n%s", text, s.shown())
		}
		rest = after
	}
}

// misses makes sure that texts are not shown.
func (s *stage) misses(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if strings.Contains(s.shown(), text) {
			s.t.Fatalf("%q is shown:\n%s", text, s.shown())
		}
	}
}

func (s *stage) tell(update kupla.DeskUpdate) {
	s.t.Helper()
	s.send(screenTold{update: update})
}

// asks makes sure of what the service was asked, reading and typing aside.
func (s *stage) asks(want ...string) {
	s.t.Helper()
	if got := s.service.took("read", "typing"); !slices.Equal(got, want) {
		s.t.Fatalf("asked %q, want %q", got, want)
	}
}

// everything is what may be done with a conversation by the one who leads it.
var everything = []kuplav1.Capability{
	kuplav1.Capability_CAPABILITY_READ, kuplav1.Capability_CAPABILITY_SEND_MESSAGE, kuplav1.Capability_CAPABILITY_MARK_READ,
	kuplav1.Capability_CAPABILITY_LEAVE, kuplav1.Capability_CAPABILITY_TRANSFER, kuplav1.Capability_CAPABILITY_RETURN_TO_QUEUE,
	kuplav1.Capability_CAPABILITY_INVITE_PROFESSIONAL, kuplav1.Capability_CAPABILITY_CLOSE, kuplav1.Capability_CAPABILITY_CASE_NOTES,
}

func stageConversation(id, name, queue string, last int32) *kuplav1.ConversationSnapshot {
	return &kuplav1.ConversationSnapshot{Conversation: &kuplav1.Conversation{
		Id: id, QueueId: queue, Language: "fi", State: kuplav1.ConversationState_CONVERSATION_STATE_ACTIVE,
		Capabilities: everything, LastSequence: last,
		Participants: []*kuplav1.Participant{
			{Id: "c", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER, DisplayName: name},
			{Id: "k", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL, DisplayName: "Kaisa Kuvitteellinen", ProfessionalId: "kaisa"},
		},
	}}
}

// event returns an event so many minutes before noon.
func stageEvent(sequence int32, minutes int, who string, kind *kuplav1.Event) *kuplav1.Event {
	kind.Sequence, kind.ParticipantId = sequence, who
	kind.CreateTime = timestamppb.New(noon.Add(-time.Duration(minutes) * time.Minute))
	return kind
}

// day sets a desk in the middle of the day: two conversations, three who wait.
func day(t *testing.T, l language) *stage {
	t.Helper()
	s := newStage(t, l)
	since := func(minutes int) *timestamppb.Timestamp {
		return timestamppb.New(noon.Add(-time.Duration(minutes) * time.Minute))
	}
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConnected})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskSnapshot, Snapshot: &kuplav1.DeskSnapshot{
		Professional: &kuplav1.Professional{
			Id: "kaisa", DisplayName: "Sairaanhoitaja Kaisa Kuvitteellinen", Capacity: 4, Availability: kuplav1.Availability_AVAILABILITY_AVAILABLE,
		},
		Conversations: []*kuplav1.ConversationSnapshot{
			stageConversation("one", "Matti Malli", "urgent", 4), stageConversation("two", "Liisa Esimerkki", "family", 3),
		},
		Waiting: []*kuplav1.Waiting{
			{QueueId: "dental"},
			{QueueId: "urgent", Count: 2, LongestWaitStartTime: since(12), Entries: []*kuplav1.WaitingEntry{
				{ConversationId: "w1", QueueId: "urgent", ArrivalTime: since(12), Language: "fi", Present: true},
				{ConversationId: "w2", QueueId: "urgent", ArrivalTime: since(3), Language: "sv"},
			}},
			{QueueId: "family", Count: 1, Paused: true, LongestWaitStartTime: since(105), Entries: []*kuplav1.WaitingEntry{
				{ConversationId: "w3", QueueId: "family", ArrivalTime: since(105), Language: "en", Present: true, Transferred: true},
			}},
		},
		Colleagues: []*kuplav1.Professional{
			{Id: "venla", DisplayName: "Venla Malli", Availability: kuplav1.Availability_AVAILABILITY_ON_PHONE, ConversationCount: 1},
			{Id: "veikko", DisplayName: "Veikko Esimerkki", Availability: kuplav1.Availability_AVAILABILITY_AVAILABLE},
		},
	}})
	say := func(id string, event *kuplav1.Event) {
		t.Helper()
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: id, Event: event, History: true})
	}
	self := &kuplav1.Participant{Id: "k", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL, DisplayName: "Kaisa Kuvitteellinen", ProfessionalId: "kaisa"}
	say("one", stageEvent(1, 25, "c", posted("Hei, punkki puri jalkaan eilen illalla mökillä. Jalassa on nyt punainen rengas. Pitääkö lähteä lääkäriin?")))
	say("one", stageEvent(2, 9, "k", joined(self)))
	say("one", stageEvent(3, 8, "k", posted("Hei Matti! Minkä kokoinen rengas on?")))
	say("one", stageEvent(4, 2, "c", posted("Noin viisi senttiä 👩‍⚕️👍🏽 \u65e5\u672c\nja se kutiaa")))
	say("two", stageEvent(1, 40, "c", posted("Vauva ei nuku.")))
	say("two", stageEvent(2, 35, "k", joined(self)))
	say("two", stageEvent(3, 1, "c", posted("Oletteko vielä siellä?")))
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskCaughtUp})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskReadMark, ConversationID: "one", ReadMark: &kuplav1.ReadMark{ParticipantId: "c", Sequence: 3}})
	return s
}

// says lets a customer write.
func (s *stage) says(id string, sequence int32, text string) {
	s.t.Helper()
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: id, Event: stageEvent(sequence, 0, "c", posted(text))})
}

func TestScreenShowsTheDay(t *testing.T) {
	s := day(t, english)
	s.sees("available", "2/4 conversations", "Sairaanhoitaja Kaisa", "12:00")
	s.sees("Waiting", "3", "Urgent help", "2 · 12 min", "Family centre", "1 · 1 h 45", "paused", "Oral health", "closed")
	s.sees("▌1 ● Matti Malli", "2 ● Liisa Esimerkki", "(2)", "Liisa: Oletteko vielä siellä?")
	s.sees("1 Matti Malli ● here · Urgent help · in Finnish", "11:35 Matti Malli", "11:51 You joined.", "11:52 You", "✓✓", "11:58 Matti Malli", "Noin viisi senttiä 👩⚕👍 \u65e5\u672c", "Write to Matti Malli…")
	// What was looked at is read, and nothing else.
	if got := s.service.took(); !slices.Equal(got, []string{"read one up to 4"}) {
		t.Errorf("asked %q", got)
	}
	if title := s.m.View().WindowTitle; title != "(2) Kupla" {
		t.Errorf("title %q", title)
	}
}

func TestScreenSwitchesConversations(t *testing.T) {
	s := day(t, english)
	s.types("half a thou")
	s.keys("ctrl+n")
	s.sees("2 Liisa Esimerkki ● here", "▌2", "Oletteko vielä siellä?")
	s.misses("(2)", "half a thou")
	s.keys("alt+1")
	s.sees("1 Matti Malli ● here", "half a thou") // what was being written waits
	s.keys("ctrl+p")
	s.sees("2 Liisa Esimerkki ● here")
	s.keys("alt+9") // there is none
	s.sees("2 Liisa Esimerkki ● here")
	s.keys("ctrl+n")
	s.sees("1 Matti Malli ● here")
	if got := s.service.took("typing"); !slices.Equal(got, []string{"read one up to 4", "read two up to 3"}) {
		t.Errorf("asked %q", got)
	}
}

func TestScreenSends(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.types("Hei")
	if got := s.service.took(); !slices.Equal(got, []string{"typing one"}) { // once in three seconds
		t.Errorf("asked %q", got)
	}
	s.pass(4 * time.Second)
	s.keys("alt+enter")
	s.types("siellä")
	s.asks()
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.hold = true
	s.keys("enter")
	s.sees("You  sending…", "Hei", "siellä", "Write to Matti Malli…")
	s.types("x") // the next can be written meanwhile
	s.answer()
	s.asks("send one: Hei\nsiellä")
	s.sees("Hei") // it stays until the log has it
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: "one", Event: stageEvent(5, 0, "k", posted("Hei\nsiellä"))})
	s.misses("sending…")
	s.sees("12:00 You", "Hei", "siellä", "✓")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskReadMark, ConversationID: "one", ReadMark: &kuplav1.ReadMark{ParticipantId: "c", Sequence: 5}})
	s.sees("12:00 You", "siellä", "✓✓")
	if got := s.m.input.Value(); got != "x" {
		t.Errorf("the line has %q", got)
	}
}

// The log may tell of a message before the answer to sending it comes. It is shown once.
func TestScreenShowsASentMessageOnce(t *testing.T) {
	s := day(t, english)
	s.hold = true
	s.types("Kerran vain")
	s.keys("enter")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: "one", Event: stageEvent(5, 0, "k", posted("Kerran vain"))})
	if got := strings.Count(s.shown(), "Kerran vain"); got != 2 { // the log, and the list on the left
		t.Errorf("shown %d times:\n%s", got, s.shown())
	}
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.answer()
	if len(s.m.current.outgoing) != 0 {
		t.Errorf("still on its way: %v", s.m.current.outgoing)
	}
}

func TestScreenKeepsWhatWasNotSent(t *testing.T) {
	s := day(t, english)
	s.service.refuse = refusal(connect.CodeFailedPrecondition, "IDENTITY_CODE_IN_TEXT", nil)
	s.types("Koodi on " + artificialCode)
	s.keys("enter")
	s.sees("✗ Koodi on "+artificialCode, "You", artificialCode, "Not sent. There is an identity code in it, so nothing was stored.", "Ctrl+R tries again")
	s.asks("send one: Koodi on " + artificialCode)

	s.keys("up") // back into the line, to be changed
	s.misses("Not sent.")
	if got := s.m.input.Value(); got != "Koodi on "+artificialCode {
		t.Fatalf("the line has %q", got)
	}
	s.keys("backspace")
	s.service.refuse = errors.New("made up")
	s.keys("enter")
	s.sees("Not sent. made up")
	s.service.took()
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.keys("ctrl+r")
	s.asks("send one: Koodi on " + artificialCode[:len(artificialCode)-1])
	s.misses("Not sent.")
	s.keys("ctrl+r")
	s.sees("Everything has been sent.")
}

func TestScreenTellsOfTooLongAText(t *testing.T) {
	s := day(t, english)
	s.send(tea.PasteMsg{Content: strings.Repeat("ä", longestMessage+1)})
	s.sees("4001/4000 characters: too long")
	s.keys("enter")
	s.asks()
	s.keys("backspace")
	s.misses("too long")
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.keys("enter")
	s.asks("send one: " + strings.Repeat("ä", longestMessage))
}

func TestScreenTakes(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.service.taken = stageConversation("w1", "Uusi Asiakas", "urgent", 1).GetConversation()
	s.types("draft")
	s.keys("f3")
	s.asks("take next")
	s.sees("1 Matti Malli ● here", "draft", "You took [3] Uusi Asiakas. Alt+3 opens it.") // nobody is led away from a text
	s.keys("alt+3")
	s.sees("3 Uusi Asiakas ● here", "▌3", "Uusi Asiakas")
	s.misses("draft")
	if s.rings != 0 {
		t.Error("one's own take is no news")
	}
	s.service.taken = nil
	s.keys("ctrl+t")
	s.sees("Nobody is waiting whom you could take.")
	s.asks("take next")

	s.keys("f4")
	s.sees("Whom to take", "› 1 h 45 min, in English  Family centre guidance (came from elsewhere)", "12 min, in Finnish  Urgent help", "3 min, in Swedish  Urgent help (away)")
	s.types("swe")
	s.sees("Search: swe", "› 3 min, in Swedish")
	s.misses("12 min, in Finnish")
	s.service.refuse = refusal(connect.CodeFailedPrecondition, "ALREADY_TAKEN", nil)
	s.keys("enter")
	s.asks("take w2")
	s.sees("That did not work. A colleague was faster.")
	s.keys("f4", "down", "down", "up")
	s.sees("› 12 min")
	s.keys("esc")
	s.misses("Whom to take")
	s.asks()
}

func TestScreenTellsOfArrivals(t *testing.T) {
	s := day(t, english)
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationAdded, ConversationID: "three", Conversation: stageConversation("three", "Siirretty Asiakas", "urgent", 1)})
	s.sees("▌1", "3 ● Siirretty Asiakas", "[3] Siirretty Asiakas came to your desk, Urgent help.")
	if s.rings != 1 {
		t.Errorf("rang %d times", s.rings)
	}
	s.pass(10 * time.Second)
	s.misses("came to your desk")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskWaiting, Waiting: &kuplav1.Waiting{QueueId: "dental", Count: 1, LongestWaitStartTime: timestamppb.New(s.at)}})
	s.sees("Oral health", "1 · < 1 min", "Somebody new is waiting: Oral health.")
	if s.rings != 2 {
		t.Errorf("rang %d times", s.rings)
	}
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationRemoved, ConversationID: "two", Removal: kuplav1.RemovalReason_REMOVAL_REASON_TRANSFERRED})
	s.sees("[2] left your desk: it was handed on.")
	s.misses("2 ● Liisa")
	// Its number is free for the next.
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationAdded, ConversationID: "four", Conversation: stageConversation("four", "Neljäs", "urgent", 0)})
	s.sees("2 ● Neljäs", "3 ● Siirretty")
}

// A sound tells of a message that is not before the person's eyes, not too often, and not when it is off.
func TestScreenRings(t *testing.T) {
	s := day(t, english)
	s.says("one", 5, "Tässä")
	if s.rings != 0 {
		t.Error("it is before the eyes")
	}
	s.says("two", 4, "Hei")
	s.says("two", 5, "Huhuu")
	if s.rings != 1 {
		t.Errorf("rang %d times for two at once", s.rings)
	}
	s.sees("2 ● Liisa Esimerkki", "(4)")
	s.pass(time.Minute)
	s.send(tea.BlurMsg{})
	s.service.took()
	s.says("one", 6, "Kukaan ei katso")
	if s.rings != 2 || len(s.service.took()) != 0 {
		t.Error("nobody looked, so it is not read")
	}
	s.send(tea.FocusMsg{})
	if got := s.service.took(); !slices.Equal(got, []string{"read one up to 6"}) {
		t.Errorf("asked %q", got)
	}
	s.keys("ctrl+s")
	s.sees("sound off", "No sound any more.")
	s.pass(time.Minute)
	s.says("two", 6, "Hiljaa")
	if s.rings != 2 {
		t.Error("the sound is off")
	}
	s.keys("ctrl+s")
	s.sees("A sound tells of new messages")
	s.misses("sound off")
	// While away or on the phone, those who wait make no sound.
	s.pass(time.Minute)
	rings := s.rings
	s.m.self.Availability = kuplav1.Availability_AVAILABILITY_ON_PHONE
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskWaiting, Waiting: &kuplav1.Waiting{QueueId: "dental", Count: 9, LongestWaitStartTime: timestamppb.New(s.at)}})
	if s.rings != rings {
		t.Error("it rang while on the phone")
	}
}

func TestScreenAvailability(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.keys("f2")
	s.sees("Your status", "› available", "on the phone", "away")
	s.keys("down", "enter")
	s.asks("availability AVAILABILITY_ON_PHONE")
	s.sees("○ on the phone", "You are now: on the phone.")
}

func TestScreenCloses(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.keys("f8")
	s.sees("Why does the conversation with Matti Malli end?", "› the matter was taken care of")
	s.keys("down", "enter")
	s.sees("Close the conversation with Matti Malli:", "phone", "Enter yes")
	s.asks()
	s.keys("esc", "f8", "enter", "enter")
	s.asks("close one, CLOSE_REASON_COMPLETED")
	s.sees("[1] is closed.")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: "one", Event: stageEvent(5, 0, "k", &kuplav1.Event{
		Kind: &kuplav1.Event_Closed{Closed: &kuplav1.Closed{Reason: kuplav1.CloseReason_CLOSE_REASON_COMPLETED}},
	})})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationRemoved, ConversationID: "one", Removal: kuplav1.RemovalReason_REMOVAL_REASON_CLOSED})
	// It may still be read, and noted on, until it is put away.
	s.sees("1/4 conversations", "▌1 ○ Matti Malli", "ended", "12:00 Closed: the matter was taken care of.", "You cannot write here any more. Ctrl+X clears it away.")
	s.service.took()
	s.types("x")
	s.keys("enter", "f8")
	s.sees("That cannot be done with this conversation now.")
	s.asks()
	s.keys("f7")
	s.types("Tick")
	s.keys("enter")
	s.asks("notes one", "note one: Tick")
	s.sees("The note was kept.")
	s.keys("ctrl+x")
	s.misses("Matti Malli")
	s.sees("2 Liisa Esimerkki ● here")
	s.keys("ctrl+x")
	s.sees("That cannot be done with this conversation now.")
}

func TestScreenTransfers(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.keys("f6")
	s.sees("Where to hand on Matti Malli", "› Oral health", "Family centre guidance", "Veikko Esimerkki  available", "Venla Malli  on the phone")
	s.types("fam")
	s.keys("enter")
	s.sees("To Family centre guidance", "A note for whoever goes on", "[ ] The customer agreed")
	s.types("Tunnettu asia")
	s.service.refuse = refusal(connect.CodeFailedPrecondition, "CUSTOMER_AGREEMENT_REQUIRED", nil)
	s.keys("enter")
	s.asks(`transfer one to queue family, "Tunnettu asia", agreed false`)
	s.sees("Tunnettu asia", "the customer must agree")
	s.keys("tab")
	s.sees("[x] The customer agreed")
	s.keys("enter")
	s.asks(`transfer one to queue family, "Tunnettu asia", agreed true`)
	s.sees("[1] was handed on.")
	s.keys("f6")
	s.types("veikko")
	s.keys("enter", "enter")
	s.asks(`transfer one to veikko, "", agreed false`)
}

func TestScreenReturnsInvitesAndLeaves(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.keys("ctrl+b")
	s.sees("Return Matti Malli to the queue Urgent help?")
	s.keys("x", "enter")
	s.asks("return one")
	s.keys("ctrl+g")
	s.sees("Whom to invite", "› Veikko Esimerkki")
	s.keys("enter")
	s.asks("invite veikko to one")
	s.sees("Veikko Esimerkki was invited to [1].")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: "one", Event: stageEvent(5, 0, "k", &kuplav1.Event{
		Kind: &kuplav1.Event_ParticipantJoined{ParticipantJoined: &kuplav1.ParticipantJoined{
			InviterParticipantId: "k",
			Participant: &kuplav1.Participant{
				Id: "v", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL, DisplayName: "Veikko Esimerkki", ProfessionalId: "veikko",
			},
		}},
	})})
	s.sees("with Veikko Esimerkki", "12:00 You invited Veikko Esimerkki.")
	s.keys("ctrl+y")
	s.sees("Leave the conversation with Matti Malli to your colleague?")
	s.keys("enter")
	s.asks("leave one")
	s.service.refuse = refusal(connect.CodeFailedPrecondition, "LAST_PROFESSIONAL", nil)
	s.keys("ctrl+y", "enter")
	s.sees("That did not work. You are the only professional here.")
}

func TestScreenCannedReplies(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.types("Moi. ")
	s.keys("f5")
	s.sees("Ready replies", "› Greeting  Hei! Miten voin auttaa?", "Phone  Soita 116117.")
	s.types("pho")
	s.misses("Greeting")
	s.keys("enter")
	// In the customer's language, behind what was written, and not sent yet.
	if got := s.m.input.Value(); got != "Moi. Soita 116117." {
		t.Errorf("the line has %q", got)
	}
	s.keys("f5")
	s.types("nothing like it")
	s.sees("Nothing here.")
	s.keys("enter", "esc")
	s.asks("canned urgent") // once is enough
}

func TestScreenNotes(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.service.notes = []*kuplav1.CaseNote{{DisplayName: "Veikko Esimerkki", Text: "Soitti\neilen", CreateTime: timestamppb.New(noon.AddDate(0, 0, -1))}}
	s.hold = true
	s.keys("f7")
	s.sees("Notes about Matti Malli, seen by staff only", "Fetching the notes…")
	s.answer()
	s.sees("1 March at 12:00 Veikko Esimerkki: Soitti", "eilen", "A new note…")
	s.types("Rengas 5 cm")
	s.service.refuse = errors.New("made up")
	s.keys("enter")
	s.sees("Rengas 5 cm", "made up") // it is not lost
	s.keys("enter")
	s.asks("notes one", "note one: Rengas 5 cm", "note one: Rengas 5 cm")
	s.sees("The note was kept. Only staff can see it.")
}

func TestScreenConnection(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskDisconnected, Connection: &kupla.Connection{RetryIn: 5 * time.Second}})
	s.sees("Connection lost, trying again in 5 s. Nothing you wrote is lost.")
	s.pass(2 * time.Second)
	s.sees("trying again in 3 s.")
	s.keys("f3") // it might take somebody much later
	s.asks()
	s.sees("There is no connection right now.")
	s.hold = true
	s.types("Jää talteen")
	s.keys("enter")
	s.sees("sending…", "Jää talteen")
	s.pass(9 * time.Second)
	s.sees("trying again now")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConnected})
	s.misses("Connection lost")
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.answer()
	s.asks("send one: Jää talteen")
	s.send(screenTold{err: &kupla.GoAwayError{Reason: kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED}})
	s.sees("The desk has stopped.", "F10 quits")
	if s.m.failed == nil {
		t.Error("the end is forgotten")
	}
}

// While the service is interrupted the last line says so, whatever becomes of the connection, and what was written is
// sent when it is over.
func TestScreenInterruption(t *testing.T) {
	for l, text := range map[language]string{
		finnish: "Palvelussa on häiriö – viestit lähtevät, kun se on ohi.",
		swedish: "Det är en störning i tjänsten – meddelandena skickas när den är över.",
		english: "The service is interrupted – messages are sent when that is over.",
	} {
		s := day(t, l)
		s.service.took()
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskInterrupted})
		s.sees(text)
		s.keys("f3") // it might take somebody much later
		s.asks()
		s.sees(text, s.m.texts.Screen.NotInterrupted)
		s.hold = true
		s.types("Jää talteen")
		s.keys("enter")
		s.sees("Jää talteen", text)
		s.pass(time.Minute)
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskDisconnected, Connection: &kupla.Connection{RetryIn: 5 * time.Second}})
		s.sees(text)
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskConnected})
		s.sees(text)
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskRestored})
		s.misses(text)
		s.sees(s.m.texts.InterruptionOver)
		s.service.event = &kuplav1.Event{Sequence: 5}
		s.answer()
		s.asks("send one: Jää talteen")
		s.pass(time.Minute)
		s.sees(s.m.texts.Screen.Connected)
	}
}

// After a restored backup the service tells everything again. What was written here is still here.
func TestScreenStartsOver(t *testing.T) {
	s := day(t, english)
	s.types("kesken")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskReset})
	s.sees("The service was restored.")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskSnapshot, Snapshot: &kuplav1.DeskSnapshot{
		Professional:  s.m.self,
		Conversations: []*kuplav1.ConversationSnapshot{stageConversation("one", "Matti Malli", "urgent", 1)},
	}})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskEvent, ConversationID: "one", Event: stageEvent(1, 25, "c", posted("Vain tämä")), History: true})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskCaughtUp})
	s.sees("1/4 conversations", "Vain tämä", "kesken")
	s.misses("Liisa", "punkki")
}

func TestScreenQuits(t *testing.T) {
	s := day(t, english)
	s.types("kesken")
	s.keys("f10")
	s.sees("You still have conversations: 2.", "Something you wrote has not been sent")
	s.keys("esc")
	s.misses("You still have")
	if s.quit {
		t.Fatal("it quit")
	}
	s.keys("ctrl+c", "ctrl+c")
	if !s.quit {
		t.Fatal("twice means yes")
	}
	empty := newStage(t, english)
	empty.keys("ctrl+q")
	if !empty.quit {
		t.Fatal("nothing is left behind")
	}
}

func TestScreenLanguageAndHelp(t *testing.T) {
	s := day(t, english)
	s.keys("ctrl+l")
	s.sees("vapaana", "2/4 keskustelua", "Odottavat", "Perhekeskuksen oh", "tauolla", "Keskustelusi", "Tulit mukaan.", "Näytön kieli on nyt suomi.", "F1 ohje")
	s.keys("?")
	s.sees("Ohje · Näppäimet", "Alt+Enter", "uusi rivi viestiin", "Merkit", "Esc takaisin")
	s.keys("ctrl+l")
	s.sees("Hjälp · Tangenter")
	s.resize(60, 16)
	s.misses("Märken")
	s.keys("pgdown", "pgdown", "pgdown", "down")
	s.sees("── Märken", "skärmläsare")
	s.keys("pgup", "pgup", "pgup", "up")
	s.sees("Hjälp · Tangenter")
	s.resize(120, 40)
	s.keys("esc")
	s.sees("ledig", "Väntar")
	s.types("Voi")
	s.keys("?") // in a text it is a question mark
	if got := s.m.input.Value(); got != "Voi?" {
		t.Errorf("the line has %q", got)
	}
	s.keys("f9")
	s.sees("Vad ska göras", "› hjälp  F1")
	s.types("ctrl+g")
	s.keys("enter")
	s.sees("Vem bjuder du in")
}

func TestScreenScrolls(t *testing.T) {
	s := day(t, english)
	for i := range int32(60) {
		s.says("one", 5+i, fmt.Sprintf("rivi %d", i))
	}
	s.sees("rivi 59")
	s.misses("rivi 10\n")
	s.service.took()
	s.keys("pgup", "pgup", "pgup", "pgup", "pgup")
	s.sees("11:35 Matti Malli", "Hei, punkki", "↓ more below · End")
	top := s.shown()
	s.says("one", 65, "Uusin")
	s.sees("11:35 Matti Malli", "↓ 1 new below · End")
	if len(s.service.took()) != 0 {
		t.Error("what is not in sight is not read")
	}
	s.keys("pgdown", "pgup")
	if first, _, _ := strings.Cut(top, "↓"); !strings.HasPrefix(s.shown(), first[:200]) {
		t.Errorf("it moved:\n%s", s.shown())
	}
	s.keys("end")
	s.sees("Uusin")
	s.asks()
	if got := s.m.current.seen; got != 65 {
		t.Errorf("seen up to %d", got)
	}
}

func TestScreenPresenceTypingAndExpiry(t *testing.T) {
	s := day(t, english)
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskTyping, ConversationID: "two", Typing: &kuplav1.Typing{ParticipantId: "c"}})
	s.sees("2 ● Liisa", "Liisa Esimerkki is typing…")
	s.pass(7 * time.Second)
	s.misses("is typing…")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskPresence, ConversationID: "one", Presence: &kuplav1.Presence{ParticipantId: "c", ChangeTime: timestamppb.New(noon)}})
	s.sees("1 ○ Matti Malli", "away since 12:00")
	snapshot := stageConversation("one", "Matti Malli", "urgent", 4)
	snapshot.Presences = []*kuplav1.Presence{{ParticipantId: "c"}}
	snapshot.ExpireTime = timestamppb.New(noon.Add(5 * time.Minute))
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversation, ConversationID: "one", Conversation: snapshot})
	s.sees("The customer is away. The conversation ends at 12:05")
}

// What others write can neither move the cursor nor pass for the screen's own, and every window is filled
// exactly, whatever they write and however small it is.
func TestScreenIsSafeFromTexts(t *testing.T) {
	s := day(t, finnish)
	hostile := "\x1b[2J\x1b]0;title\a\u202ehidden\u2066 \u200bنमस्ते 👨‍👩‍👧🇫🇮1️⃣ " + strings.Repeat("äö\u65e5", 200)
	s.says("one", 5, hostile)
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationAdded, ConversationID: "bad", Conversation: stageConversation("bad", hostile, hostile, 0)})
	s.send(tea.PasteMsg{Content: hostile})
	for _, size := range [][2]int{{80, 24}, {76, 12}, {40, 10}, {1, 1}, {160, 50}} {
		s.resize(size[0], size[1])
		for _, key := range []string{"f1", "f2", "f4", "f5", "f6", "f7", "f8", "f9", "f10"} {
			s.keys(key)
			if text := s.shown(); strings.ContainsAny(text, "\x1b\a\u202e\u2066") {
				t.Fatalf("%q is on the screen", text)
			}
			s.keys("esc")
		}
	}
}

func TestScreenBeforeAnythingIsKnown(t *testing.T) {
	s := newStage(t, english)
	s.sees("Fetching your desk…", "Connecting to http://localhost:8080…")
	s.keys("f5", "pgup", "ctrl+n", "enter", "x")
	s.sees("No conversation is open. F3 takes the next one, F4 one that you choose.")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConnected})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskSnapshot, Snapshot: &kuplav1.DeskSnapshot{Professional: &kuplav1.Professional{
		Id: "kaisa", DisplayName: "Kaisa", Availability: kuplav1.Availability_AVAILABILITY_AWAY, Capacity: 2,
	}}})
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskCaughtUp})
	s.sees("Nobody is waiting in your queues.", "You are away. F2 tells that you take conversations.")
	s.asks()
}

// Every key that the screen knows is in the menu and the help, in every language, under a name of its own.
func TestScreenKeysHaveNames(t *testing.T) {
	for _, l := range []language{finnish, swedish, english} {
		texts := textsIn(l).Screen
		names := map[string]string{}
		keys := map[string]bool{}
		for _, one := range actions() {
			name := one.name(&texts)
			if other, ok := names[name]; ok {
				t.Errorf("%s: %s and %s are both called %q", l, other, one.shown, name)
			}
			names[name] = one.shown
			for _, key := range one.keys {
				if keys[key] {
					t.Errorf("%s does two things", key)
				}
				keys[key] = true
			}
		}
	}
}

// Somebody new is told of also when the count stays, because another was taken meanwhile.
func TestSomebodyNew(t *testing.T) {
	waiting := func(count int32, ids ...string) *kuplav1.Waiting {
		w := &kuplav1.Waiting{QueueId: "dental", Count: count}
		for _, id := range ids {
			w.Entries = append(w.Entries, &kuplav1.WaitingEntry{ConversationId: id})
		}
		return w
	}
	for name, test := range map[string]struct {
		before, now *kuplav1.Waiting
		want        bool
	}{
		"the first":                  {nil, waiting(1, "a"), true},
		"nobody":                     {nil, waiting(0), false},
		"one more":                   {waiting(1, "a"), waiting(2, "a", "b"), true},
		"one taken":                  {waiting(2, "a", "b"), waiting(1, "b"), false},
		"one taken, another came":    {waiting(1, "a"), waiting(1, "b"), true},
		"one moved into what we see": {waiting(3, "a", "b"), waiting(2, "b", "c"), false},
	} {
		if got := somebodyNew(test.before, test.now); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
