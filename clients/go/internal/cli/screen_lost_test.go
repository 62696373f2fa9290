package cli

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
)

// These tests are about what was written: that it goes to nobody but the one it was meant for, that it is not
// lost, and that it is not stored twice.

// leaves takes a conversation off the desk.
func (s *stage) leaves(id string) {
	s.t.Helper()
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationRemoved, ConversationID: id, Removal: kuplav1.RemovalReason_REMOVAL_REASON_TRANSFERRED})
}

// A take may be answered seconds later. It opens the conversation only for who still waits for that.
func TestScreenTakeAnsweredLate(t *testing.T) {
	const opened, told = "3 Uusi Asiakas ● here", "You took [3] Uusi Asiakas. Alt+3 opens it."
	tests := []struct {
		name      string
		meanwhile func(*stage)
		sees      []string
	}{
		{"nothing", func(*stage) {}, []string{opened, "You took [3] Uusi Asiakas."}},
		{"looking back", func(s *stage) { s.keys("pgup") }, []string{opened}},
		{"half a sentence", func(s *stage) { s.types("abc") }, []string{"1 Matti Malli ● here", "abc", told}},
		{"a sentence", func(s *stage) { s.types("abc"); s.keys("enter") }, []string{"1 Matti Malli ● here", told}},
		{"a word that was taken back", func(s *stage) { s.types("a"); s.keys("backspace") }, []string{"1 Matti Malli ● here", told}},
		{"a paste", func(s *stage) { s.send(tea.PasteMsg{Content: "abc"}) }, []string{"1 Matti Malli ● here", "abc", told}},
		{"another conversation", func(s *stage) { s.keys("ctrl+n") }, []string{"2 Liisa Esimerkki ● here", told}},
		{"a choice", func(s *stage) { s.keys("f2") }, []string{"1 Matti Malli ● here", "Your status", told}},
		{"a note", func(s *stage) { s.keys("f7"); s.types("abc") }, []string{"1 Matti Malli ● here", "Notes about Matti Malli", "abc", told}},
		{"it was left", func(s *stage) { s.leaves("one") }, []string{"No conversation is open", told}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := day(t, english)
			s.service.taken = stageConversation("w1", "Uusi Asiakas", "urgent", 1).GetConversation()
			s.service.event = &kuplav1.Event{Sequence: 5}
			s.hold = true
			s.keys("f3")
			test.meanwhile(s)
			s.answer()
			s.sees(test.sees...)
			s.keys("esc", "alt+3")
			s.sees(opened)
			s.misses("abc")
		})
	}

	s := day(t, english)
	s.service.took()
	s.service.taken = stageConversation("w1", "Uusi Asiakas", "urgent", 1).GetConversation()
	s.hold = true
	s.keys("f3")
	s.types("Rengas pitää ")
	s.answer()
	s.types("näyttää lääkärille")
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.keys("enter")
	s.asks("take next", "send one: Rengas pitää näyttää lääkärille")

	// What was written before is sent meanwhile, and the next sentence is for the same one.
	s = day(t, english)
	s.types("Rengas pitää näyttää lääkärille")
	s.service.taken = stageConversation("w1", "Uusi Asiakas", "urgent", 1).GetConversation()
	s.service.event = &kuplav1.Event{Sequence: 5}
	s.hold = true
	s.keys("f3", "enter")
	s.answer()
	s.sees("1 Matti Malli ● here", told)
}

// When what is open leaves the desk, nothing takes its place: what was meant for it would go there.
func TestScreenOpensNothingByItself(t *testing.T) {
	tests := []struct {
		name   string
		leaves func(*stage)
	}{
		{"handed on", func(s *stage) { s.leaves("one") }},
		{"handed on while something is chosen", func(s *stage) {
			s.keys("f6")
			s.leaves("one")
		}},
		{"not there when the service was restored", func(s *stage) {
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskReset})
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskSnapshot, Snapshot: &kuplav1.DeskSnapshot{
				Professional:  s.m.self,
				Conversations: []*kuplav1.ConversationSnapshot{stageConversation("two", "Liisa Esimerkki", "family", 3)},
			}})
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskCaughtUp})
		}},
		{"another one comes", func(s *stage) {
			s.leaves("one")
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationAdded, ConversationID: "three", Conversation: stageConversation("three", "Siirretty Asiakas", "urgent", 1)})
		}},
		{"the connection comes back", func(s *stage) {
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskDisconnected, Connection: &kupla.Connection{}})
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskConnected})
			s.leaves("one")
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskCaughtUp})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := day(t, english)
			s.service.took()
			test.leaves(s)
			s.sees("[1] left your desk:", "No conversation is open, so nothing you type is sent to anybody.", "Ctrl+N opens", "the first one, Alt+1…9")
			s.send(tea.PasteMsg{Content: "vain Matille"})
			if got := s.m.input.Value(); got != "" {
				t.Errorf("the line has %q, and nobody sees it", got)
			}
			s.types("ja tämä")
			s.keys("enter")
			s.asks()
			s.misses("vain Matille", "ja tämä", "2 Liisa Esimerkki ● here")
			s.keys("ctrl+n")
			s.sees("2 Liisa Esimerkki ● here", "Write to Liisa Esimerkki…")
			s.misses("left your desk")
			s.keys("enter")
			s.asks()
		})
	}
}

// A conversation that is there from the start is opened, unless the person is at something else.
func TestScreenOpensTheFirst(t *testing.T) {
	start := func(s *stage) {
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskConnected})
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskSnapshot, Snapshot: &kuplav1.DeskSnapshot{
			Professional:  &kuplav1.Professional{Id: "kaisa", DisplayName: "Kaisa", Capacity: 4},
			Conversations: []*kuplav1.ConversationSnapshot{stageConversation("one", "Matti Malli", "urgent", 0)},
		}})
		s.tell(kupla.DeskUpdate{Kind: kupla.DeskCaughtUp})
	}
	s := newStage(t, english)
	start(s)
	s.sees("1 Matti Malli ● here")

	s = newStage(t, english)
	s.keys("f4")
	s.types("fin")
	start(s)
	s.sees("Search: fin")
	s.types("nish")
	s.keys("enter", "esc")
	s.sees("No conversation is open")
	s.asks()
}

// A note that is being written outlives what happens meanwhile.
func TestScreenKeepsANote(t *testing.T) {
	s := day(t, english)
	s.keys("f7")
	s.types("Rengas 5 cm")
	s.m.open(s.m.find("two"))
	s.sees("2 Liisa Esimerkki ● here", "Notes about Matti Malli", "Rengas 5 cm")
	s.m.open(s.m.find("one"))
	s.service.took()
	s.leaves("one")
	s.sees("Matti Malli ○ it was handed on", "Notes about Matti Malli", "Rengas 5 cm")
	s.service.refuse = errors.New("made up")
	s.keys("enter")
	s.sees("Rengas 5 cm", "made up")
	s.keys("enter")
	s.asks("note one: Rengas 5 cm", "note one: Rengas 5 cm")
	s.sees("The note was kept.")
	s.misses("1 ○ Matti Malli") // nothing keeps it here any more
	s.sees("Matti Malli [1] left your desk: it was handed on.", "No conversation is open")
}

// The ready replies may come late, and then take the place of nothing.
func TestScreenCannedRepliesAnsweredLate(t *testing.T) {
	s := day(t, english)
	s.hold = true
	s.keys("f5", "f7")
	s.types("Rengas 5 cm")
	s.answer()
	s.sees("Notes about Matti Malli", "Rengas 5 cm")
	s.misses("Ready replies")
}

// While a note is being saved it can neither be left nor changed, so that a failure still finds it.
func TestScreenWaitsForANote(t *testing.T) {
	s := day(t, english)
	s.service.refuse = errors.New("made up")
	s.keys("f7")
	s.types("Rengas 5 cm")
	s.hold = true
	s.keys("enter", "esc")
	s.types("x")
	s.send(tea.PasteMsg{Content: "y"})
	s.sees("Notes about Matti Malli", "Rengas 5 cm", "Saving. A moment…")
	s.service.took()
	s.answer()
	s.sees("Notes about Matti Malli", "Rengas 5 cm", "made up")
	s.misses("Saving", "cmx", "cmy")
	s.keys("enter")
	s.asks("note one: Rengas 5 cm", "note one: Rengas 5 cm")
	s.misses("Rengas 5 cm")
}

// A hand-on keeps its note, too, when it fails; and the conversation is gone when it does not, whichever of
// the answer and the desk's stream comes first.
func TestScreenWaitsForATransfer(t *testing.T) {
	for _, removed := range []bool{false, true} {
		s := day(t, english)
		s.keys("f6", "enter")
		s.types("Tunnettu asia")
		s.service.refuse = errors.New("made up")
		s.hold = true
		s.keys("enter", "esc", "tab")
		s.answer()
		s.sees("To Oral health", "Tunnettu asia", "[ ] The customer agreed", "made up")
		s.hold = true
		s.keys("enter")
		if removed {
			s.leaves("one")
		}
		s.answer()
		if !removed {
			s.leaves("one")
		}
		s.misses("Tunnettu asia", "1 ● Matti Malli", "1 ○ Matti Malli")
		s.sees("Matti Malli [1] left your desk: it was handed on.", "No conversation is open")
	}
}

// Notes that cannot be fetched do not end the saving of another.
func TestScreenNotesThatCannotBeFetched(t *testing.T) {
	s := day(t, english)
	s.service.refuseNotes = errors.New("made up")
	s.hold = true
	s.keys("f7")
	fetching := s.held
	s.held = nil
	s.types("Rengas 5 cm")
	s.keys("enter")
	saving := s.held
	s.held = fetching
	s.answer()
	s.sees("made up", "Rengas 5 cm", "Saving. A moment…")
	s.misses("There are no notes.")
	s.service.took()
	s.keys("enter")
	s.asks()
	s.held = saving
	s.answer()
	s.asks("note one: Rengas 5 cm")
	s.sees("The note was kept.")
}

// Quitting asks, also from within a note, and gives it back.
func TestScreenQuitsFromANote(t *testing.T) {
	for _, key := range []string{"f10", "ctrl+c", "ctrl+q"} {
		s := day(t, english)
		s.keys("f7")
		s.types("Rengas 5 cm")
		s.keys(key)
		s.sees("You still have conversations: 2.", "Something you wrote has not been sent")
		s.keys("esc")
		s.sees("Notes about Matti Malli", "Rengas 5 cm")
		if s.quit {
			t.Fatal("it quit")
		}
		s.keys(key, "enter")
		if !s.quit {
			t.Fatal("it did not quit")
		}
	}

	s := day(t, english)
	s.keys("f7", "ctrl+c")
	s.misses("You still have", "Notes about") // nothing was written

	// The answer to saving it comes while it is asked about quitting.
	for _, refuse := range []error{nil, errors.New("made up")} {
		s := day(t, english)
		s.keys("f7")
		s.types("Rengas 5 cm")
		s.hold = true
		s.service.refuse = refuse
		s.keys("enter", "ctrl+c")
		s.sees("Something you wrote has not been sent")
		s.answer()
		if refuse != nil {
			s.sees("Rengas 5 cm", "made up")
			continue
		}
		if strings.Contains(s.shown(), "Something you wrote") {
			t.Errorf("it was saved:\n%s", s.shown())
		}
		s.keys("esc")
		s.misses("Notes about")
	}

	// Where nothing is left but a note.
	s = day(t, english)
	s.leaves("two")
	s.keys("f7")
	s.types("Rengas 5 cm")
	s.leaves("one")
	s.keys("f10")
	s.sees("Something you wrote has not been sent")
	s.misses("You still have conversations")
	if s.quit {
		t.Error("it quit")
	}
}

// An answer may be lost although the service did what it was asked. Trying again is the same request, which
// does nothing twice; something else is another.
func TestScreenRepeatsUnderTheSameID(t *testing.T) {
	note := func(s *stage) { s.keys("f7"); s.types("Rengas 5 cm"); s.keys("enter") }
	transfer := func(s *stage) { s.keys("f6", "enter"); s.types("Tunnettu asia"); s.keys("enter") }
	tests := []struct {
		name        string
		first, next func(*stage)
		same        bool
	}{
		{"a note", note, func(s *stage) { s.keys("enter") }, true},
		{"a note that was changed", note, func(s *stage) { s.types("x"); s.keys("enter") }, false},
		{"a note that was changed, and back", note, func(s *stage) { s.types("x"); s.keys("backspace", "enter") }, true},
		{"a note written anew", note, func(s *stage) { s.keys("esc"); note(s) }, false},
		{"handing on", transfer, func(s *stage) { s.keys("enter") }, true},
		{"handing on, agreed now", transfer, func(s *stage) { s.keys("tab", "enter") }, false},
		{"taking the next", func(s *stage) { s.keys("f3") }, func(s *stage) { s.keys("f3") }, true},
		{"taking the next, much later", func(s *stage) { s.keys("f3") }, func(s *stage) { s.pass(wishLasts); s.keys("f3") }, false},
		{"taking one", func(s *stage) { s.keys("f4", "enter") }, func(s *stage) { s.keys("f4", "enter") }, true},
		{"taking another", func(s *stage) { s.keys("f4", "enter") }, func(s *stage) { s.keys("f4", "down", "enter") }, false},
		{"closing", func(s *stage) { s.keys("f8", "enter", "enter") }, func(s *stage) { s.keys("f8", "enter", "enter") }, true},
		{"closing for another reason", func(s *stage) { s.keys("f8", "enter", "enter") }, func(s *stage) { s.keys("f8", "down", "enter", "enter") }, false},
		{"inviting", func(s *stage) { s.keys("ctrl+g", "enter") }, func(s *stage) { s.keys("ctrl+g", "enter") }, true},
		{"inviting somebody else", func(s *stage) { s.keys("ctrl+g", "enter") }, func(s *stage) { s.keys("ctrl+g", "down", "enter") }, false},
		{"inviting to another", func(s *stage) { s.keys("ctrl+g", "enter") }, func(s *stage) { s.keys("ctrl+n", "ctrl+g", "enter") }, false},
		{"returning", func(s *stage) { s.keys("ctrl+b", "enter") }, func(s *stage) { s.keys("ctrl+b", "enter") }, true},
		{"returning what came back", func(s *stage) { s.keys("ctrl+b", "enter") }, func(s *stage) {
			s.leaves("one")
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationAdded, ConversationID: "one", Conversation: stageConversation("one", "Matti Malli", "urgent", 0)})
			s.keys("alt+1", "ctrl+b", "enter")
		}, false},
		{"leaving", func(s *stage) { s.keys("ctrl+y", "enter") }, func(s *stage) { s.keys("ctrl+y", "enter") }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := day(t, english)
			s.service.taken = stageConversation("w1", "Uusi Asiakas", "urgent", 1).GetConversation()
			s.service.refuse = errors.New("made up")
			test.first(s)
			s.sees("made up")
			test.next(s)
			s.misses("made up")
			ids := s.service.requestIDs
			if len(ids) != 2 || ids[0] == "" || (ids[0] == ids[1]) != test.same {
				t.Fatalf("asked %q under %q", s.service.calls, ids)
			}
			// What has been answered is wanted anew.
			if test.name == "taking the next" {
				s.keys("f3")
				if ids := s.service.requestIDs; len(ids) != 3 || ids[1] == ids[2] {
					t.Errorf("asked %q under %q", s.service.calls, ids)
				}
			}
		})
	}
}

// A key pressed twice because nothing happens takes one.
func TestScreenTakesOnceAtATime(t *testing.T) {
	s := day(t, english)
	s.service.took()
	s.service.taken = stageConversation("w1", "Uusi Asiakas", "urgent", 1).GetConversation()
	s.hold = true
	s.keys("f3", "f3")
	s.leaves("two") // whatever else happens
	s.keys("f3")
	s.answer()
	s.asks("take next")
	s.sees("Uusi Asiakas ● here")
	s.keys("f3")
	s.asks("take next")
}

// The number of the one who was open goes to nobody while the screen still tells of that.
func TestScreenKeepsTheNumberOfTheOneWhoLeft(t *testing.T) {
	s := day(t, english)
	s.leaves("one")
	s.tell(kupla.DeskUpdate{Kind: kupla.DeskConversationAdded, ConversationID: "three", Conversation: stageConversation("three", "Siirretty Asiakas", "urgent", 1)})
	s.keys("alt+1")
	s.sees("3 ● Siirretty Asiakas", "No conversation is open")
}

// askedDesk is the service at the other end of the line: it writes down what reaches it.
type askedDesk struct {
	kuplav1connect.UnimplementedDeskServiceHandler
	kuplav1connect.UnimplementedConversationServiceHandler
	got chan proto.Message
}

func (d askedDesk) TakeNext(_ context.Context, req *kuplav1.TakeNextRequest) (*kuplav1.TakeNextResponse, error) {
	d.got <- req
	return &kuplav1.TakeNextResponse{Conversation: &kuplav1.Conversation{Id: "next"}}, nil
}

func (d askedDesk) TakeConversation(_ context.Context, req *kuplav1.TakeConversationRequest) (*kuplav1.TakeConversationResponse, error) {
	d.got <- req
	return &kuplav1.TakeConversationResponse{Conversation: &kuplav1.Conversation{Id: req.GetConversationId()}}, nil
}

func (d askedDesk) TransferConversation(_ context.Context, req *kuplav1.TransferConversationRequest) (*kuplav1.TransferConversationResponse, error) {
	d.got <- req
	return &kuplav1.TransferConversationResponse{}, nil
}

func (d askedDesk) ReturnToQueue(_ context.Context, req *kuplav1.ReturnToQueueRequest) (*kuplav1.ReturnToQueueResponse, error) {
	d.got <- req
	return &kuplav1.ReturnToQueueResponse{}, nil
}

func (d askedDesk) InviteProfessional(_ context.Context, req *kuplav1.InviteProfessionalRequest) (*kuplav1.InviteProfessionalResponse, error) {
	d.got <- req
	return &kuplav1.InviteProfessionalResponse{}, nil
}

func (d askedDesk) CloseConversation(_ context.Context, req *kuplav1.CloseConversationRequest) (*kuplav1.CloseConversationResponse, error) {
	d.got <- req
	return &kuplav1.CloseConversationResponse{}, nil
}

func (d askedDesk) AddCaseNote(_ context.Context, req *kuplav1.AddCaseNoteRequest) (*kuplav1.AddCaseNoteResponse, error) {
	d.got <- req
	return &kuplav1.AddCaseNoteResponse{}, nil
}

func (d askedDesk) LeaveConversation(_ context.Context, req *kuplav1.LeaveConversationRequest) (*kuplav1.LeaveConversationResponse, error) {
	d.got <- req
	return &kuplav1.LeaveConversationResponse{}, nil
}

// The request ids of the screen are those that reach the service.
func TestScreenRequestsReachTheService(t *testing.T) {
	desk := askedDesk{got: make(chan proto.Message, 1)}
	server := connect.NewServer()
	kuplav1connect.RegisterDeskServiceHandler(server, desk)
	kuplav1connect.RegisterConversationServiceHandler(server, desk)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)
	listener := httptest.NewUnstartedServer(mux)
	listener.Config.Protocols = new(http.Protocols)
	listener.Config.Protocols.SetHTTP1(true)
	listener.Config.Protocols.SetUnencryptedHTTP2(true)
	listener.Start()
	defer listener.Close()
	quick := kupla.New(listener.URL, kupla.WithStaffToken("token"))
	defer quick.Close()
	client := deskClient{Desk: quick.Desk(), quick: quick}

	const id, by = "one", "0d4ad9a6-3f0c-4a3f-9c53-0c8b6e1f7a11"
	taken := func(want string) func(*kuplav1.Conversation, error) error {
		return func(conversation *kuplav1.Conversation, err error) error {
			if conversation.GetId() != want {
				t.Errorf("took %q, not %q", conversation.GetId(), want)
			}
			return err
		}
	}
	transfer := &kuplav1.TransferConversationRequest{
		ConversationId: id, RequestId: by, Note: "note", Target: &kuplav1.TransferConversationRequest_QueueId{QueueId: "family"},
	}
	completed := kuplav1.CloseReason_CLOSE_REASON_COMPLETED
	tests := []struct {
		ask  func(context.Context) error
		want proto.Message
	}{
		{func(ctx context.Context) error { return taken("next")(client.TakeNext(ctx, by)) }, &kuplav1.TakeNextRequest{RequestId: by}},
		{func(ctx context.Context) error { return taken(id)(client.Take(ctx, id, by)) }, &kuplav1.TakeConversationRequest{ConversationId: id, RequestId: by}},
		{func(ctx context.Context) error { return client.Transfer(ctx, transfer) }, transfer},
		{func(ctx context.Context) error { return client.ReturnToQueue(ctx, id, by) }, &kuplav1.ReturnToQueueRequest{ConversationId: id, RequestId: by}},
		{func(ctx context.Context) error { return client.Invite(ctx, id, by, "venla") }, &kuplav1.InviteProfessionalRequest{ConversationId: id, RequestId: by, ProfessionalId: "venla"}},
		{func(ctx context.Context) error { return client.Close(ctx, id, by, completed) }, &kuplav1.CloseConversationRequest{ConversationId: id, RequestId: by, Reason: completed}},
		{func(ctx context.Context) error { return client.AddNote(ctx, id, by, "note") }, &kuplav1.AddCaseNoteRequest{ConversationId: id, RequestId: by, Text: "note"}},
		{func(ctx context.Context) error { return client.Leave(ctx, id, by) }, &kuplav1.LeaveConversationRequest{ConversationId: id, RequestId: by}},
	}
	for _, test := range tests {
		if err := test.ask(t.Context()); err != nil {
			t.Fatalf("%T: %v", test.want, err)
		}
		if diff := cmp.Diff(test.want, <-desk.got, protocmp.Transform()); diff != "" {
			t.Errorf("%T (-want +got):\n%s", test.want, diff)
		}
	}
}
