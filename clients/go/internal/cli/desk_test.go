package cli

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func startDesk(t *testing.T, f *fakeService) *session {
	t.Helper()
	return startWith(t, f, map[string]string{"KUPLA_TOKEN": "staff"}, "desk")
}

// wait adds somebody who waits and has written.
func (f *fakeService) wait(name string, texts ...string) (one *fakeConversation) {
	f.change(func() {
		one = f.begin("demo", "fi", name)
		for _, text := range texts {
			one.add("customer", posted(text))
		}
	})
	return one
}

// says adds a customer's message.
func (f *fakeService) says(one *fakeConversation, text string) {
	f.change(func() { one.add("customer", posted(text)) })
}

func TestDeskServesSeveralCustomers(t *testing.T) {
	f := newFake(t)
	f.wait("Matti Malli", "Punkki puri.")
	s := startDesk(t, f)
	s.expect("Aino Esimerkki, you are: away.", "Waiting:\n", "Trial queue: 1 waiting, the longest for less than a minute\n",
		"  1. Trial queue, for less than a minute, Finnish\n", "You have no conversations.\n")
	s.never("Matti")  // nothing is told of who waits
	s.never("Punkki") // nor what they wrote
	s.write("/availability available")
	s.expect("You are now: available.\n")
	s.write("take") // a bare word is a command as long as no conversation is open
	s.expect("You took [1].\n", "Now in [1] ", "Trial queue.\n")
	s.expect("Matti Malli: Punkki puri.\n")
	s.write("Hei!", "//etc")
	s.expect("You: Hei!\n", "You: /etc\n")

	second := f.wait("", "Särkee.")
	s.expect("Trial queue: 1 waiting")
	s.write("/list")
	s.expect("  1. Trial queue, for less than a minute, Finnish\n", "[1] Matti Malli, Trial queue, 0 unread (open here)\n")
	s.write("/take 7", "/take 1")
	s.expect("Nobody waits under 7.", "You took [2].\n", "Customer: Särkee.\n")
	f.says(f.conversations[0], "Vielä yksi\nasia")
	s.expect("[1] Matti Malli: Vielä yksi asia (1 unread)\n")
	f.says(f.conversations[0], "Ja toinen")
	s.expect("[1] Matti Malli: Ja toinen (2 unread)\n")
	f.change(func() {
		f.deskFrames = append(f.deskFrames,
			&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Typing{Typing: &kuplav1.DeskTyping{
				ConversationId: "c1", Typing: &kuplav1.Typing{ParticipantId: "customer"},
			}}},
			&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Typing{Typing: &kuplav1.DeskTyping{
				ConversationId: "c2", Typing: &kuplav1.Typing{ParticipantId: "customer"},
			}}},
			&kuplav1.WatchDeskResponse{Frame: &kuplav1.WatchDeskResponse_Presence{Presence: &kuplav1.DeskPresence{
				ConversationId: "c1", Presence: &kuplav1.Presence{ParticipantId: "customer"},
			}}},
		)
		f.conversations[0].expires = timestamppb.New(time.Date(2030, 1, 2, 5, 0, 0, 0, time.UTC))
	})
	s.expect("[1] The customer is away. The conversation ends at 2 January at 07:00", "[2] Customer is typing…\n", "[1] Matti Malli is not connected right now.\n")
	s.never("[1] Matti Malli is typing")
	s.write("/s 1")
	s.expect("Now in [1] Matti Malli, Trial queue.\n", "[1] ", "Ja toinen\n")
	s.write("/list")
	s.expect("[1] Matti Malli, Trial queue, 0 unread (open here)\n", "[2] Customer, Trial queue, 0 unread\n")
	s.write("/switch 9", "/switch", "/nonsense")
	s.expect("You have no conversation 9.", "Which one?", "/nonsense is not a command")

	s.write("/close")
	s.expect("[1] is closed.\n")
	s.write("too late")
	s.expect("Your message was not sent. The conversation is closed.\n")
	f.change(func() {
		f.conversations[0].onDesk, f.conversations[0].removal = false, kuplav1.RemovalReason_REMOVAL_REASON_CLOSED
	})
	s.expect("[1] left your desk: it is closed.\n")
	s.write("nobody there")
	s.expect("No conversation is open here.")
	f.change(func() { f.close(second, kuplav1.CloseReason_CLOSE_REASON_CUSTOMER_LEFT) })
	s.expect("[2] Closed: the customer left.\n")
	s.write("/quit")
	s.ends(ExitOK)
	s.never("come back within 3 minutes") // all are closed
	if f.marked() == 0 {
		t.Error("nothing was marked as read")
	}
}

func TestDeskCommands(t *testing.T) {
	f := newFake(t)
	f.wait("Matti Malli", "Hei.")
	s := startDesk(t, f)
	s.expect("you are: away")
	s.write("/help", "/who", "/take")
	s.expect("/take [NUMBER or ID]", "Colleagues:\n  @veikko Veikko Esimerkki: available, 0 conversations\n", "@venla Venla Malli: on the phone", "You took [1].\n")
	s.write("/canned", "/canned 2", "/canned 1")
	s.expect("Ready replies", "  1. Greeting: Hei! Miten voin auttaa?\n", "There is no ready reply 2.", "You: Hei! Miten voin auttaa?\n")
	s.write("/notes", "/note", "/note Muista kysyä lääkkeistä.", "/notes")
	s.expect("There are no notes.\n", "What should the note say?", "The note was kept.", "Notes, seen by staff only:\n", "Aino Esimerkki: Muista kysyä lääkkeistä.\n")
	s.write("/invite", "/invite @ve", "/invite @nobody", "/invite @mal")
	s.expect("Whom?", "@ve could be any of these: @veikko Veikko Esimerkki, @venla Venla Malli\n", "No colleague matches @nobody.")
	s.expectAll("Venla Malli joined.\n", "Venla Malli was invited to [1].\n")
	s.write("/leave", "/close nonsense", "/availability nonsense", "/transfer", "/transfer nowhere", "/transfer night Kiire")
	s.expect("You are the only professional here.", "Why? /close completed", "What are you?", "Where to?", "There is no queue nowhere.", "the customer must agree. Ask, then add --agreed.\n")
	s.write("/transfer nig --agreed Kiireinen asia")
	s.expectAll("[1] left your desk: it was handed on.\n", "[1] was handed on.\n", "Trial queue: 1 waiting")
	s.write("/list", "/take c1")
	s.expect("(came from elsewhere)", "You took [2].\n")
	s.expect("Matti Malli: Hei.\n") // it is on the desk
	s.write("/transfer @veikko Tunnet tämän")
	s.expectAll("[2] left your desk: it was handed on.\n", "[2] was handed on.\n", "Trial queue: 1 waiting")
	s.write("/take c1")
	s.expect("You took [3].\n")
	s.expect("Matti Malli: Hei.\n")
	s.write("/return")
	s.expectAll("[3] left your desk: it went back to its queue.\n", "[3] went back to its queue.\n", "Trial queue: 1 waiting")
	f.change(func() { f.take(f.conversations[0]) })
	s.expect("[4] Matti Malli came to your desk, Trial queue.\n")
	s.write("take")
	s.expect("Nobody is waiting whom you could take.\n")
	s.write("take c1")
	s.expect("That did not work. A colleague was faster.\n")
	_ = s.in.Close()
	s.expect("You still have conversations.")
	s.ends(ExitOK)

	if len(f.transfers) != 2 {
		t.Fatalf("transfers %v", f.transfers)
	}
	if to := f.transfers[0]; to.GetQueueId() != "night" || !to.GetCustomerAgreed() || to.GetNote() != "Kiireinen asia" {
		t.Errorf("transfer %v", to)
	}
	if to := f.transfers[1]; to.GetProfessionalId() != "veikko" || to.GetCustomerAgreed() || to.GetNote() != "Tunnet tämän" {
		t.Errorf("transfer %v", to)
	}
}

func TestDeskTellsAboutItsConnection(t *testing.T) {
	f := newFake(t)
	f.wait("Matti Malli", "Hei.")
	s := startDesk(t, f)
	s.expect("you are: away")
	s.write("/take", "Yksi")
	s.expect("You: Yksi\n")
	f.listener.CloseClientConnections()
	s.expect("The connection was lost.", "3 minutes", "The connection is back.\n")
	s.write("Kaksi")
	s.expect("You: Kaksi\n")
	if n := strings.Count(s.out.String(), "You: Yksi"); n != 1 {
		t.Errorf("shown %d times", n)
	}
	f.change(func() { f.away = &kuplav1.GoAway{Reason: kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED} })
	s.ends(ExitUnauthenticated)
	s.complains("The token has expired or was revoked.")
}

func TestDeskTellsAboutAnInterruption(t *testing.T) {
	f := newFake(t)
	f.wait("Matti Malli", "Hei.")
	s := startDesk(t, f)
	s.expect("you are: away")
	s.write("/take")
	s.expect("You took [1].\n")
	f.change(func() { f.interrupted = true })
	s.expect("The service is interrupted – messages are sent when that is over.\n")
	s.write("Yksi", "Kaksi")
	f.listener.CloseClientConnections() // which is the same trouble to who reads it
	f.change(func() { f.interrupted = false })
	s.expectAll("The interruption is over.\n", "You: Yksi\n", "You: Kaksi\n")
	s.never("connection was lost")
	s.never("did not work")
	_ = s.in.Close()
	s.ends(ExitOK)
}

func TestDeskNeedsAToken(t *testing.T) {
	f := newFake(t)
	s := start(t, f, "", "desk")
	s.ends(ExitUsage)
	s.complains("The desk needs a staff token.", "kupla desk --help")
	s = start(t, f, "", "desk", "--token", "wrong")
	s.ends(ExitUnauthenticated)
	s.complains("The token is not valid or has expired.")
	s.never("wrong")
}
