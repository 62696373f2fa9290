package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func chatFiles(t *testing.T, home string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, ".local", "state", "kupla", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(filepath.Join(home, ".local", "state", "kupla", ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return append(files, hidden...)
}

// The whole of a chat: the notice, the wait, the talk, the end, the survey.
func TestChatFromTheNoticeToTheSurvey(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	s := start(t, f, home, "chat", "demo", "--name", "Testi")
	s.expect("Trial queue\n", "For trying.\n", "Call 112 in an emergency.\n", "You can also call 116117.\n", "Start the chat? (yes/no)\n")
	s.write("maybe")
	s.expect("Please answer yes or no.\n")
	s.write("Yes")
	s.expect("You are in the queue: Trial queue.", "You can already write", "Your place in the queue: 3. Estimated wait: 5–10 min.\n")

	f.change(func() { f.place = &kuplav1.Place{Position: 3, Estimate: estimate(5, 10)} }) // nothing new to see
	f.change(func() {
		f.place = &kuplav1.Place{Position: 4, MovedBack: true, Estimate: &kuplav1.WaitEstimate{
			Result:            &kuplav1.WaitEstimate_CannotEstimate{CannotEstimate: kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_NOBODY_AVAILABLE},
			TurnBeforeClosing: kuplav1.TurnBeforeClosing_TURN_BEFORE_CLOSING_UNLIKELY,
		}}
	})
	s.expect("Your place moved back",
		"Your place in the queue: 4. The wait cannot be estimated: no professional is available right now. "+
			"Your turn will probably not come before the queue closes. You can also call 116117.\n")
	f.change(func() { f.place = &kuplav1.Place{Position: 1, Estimate: estimate(0, 1)} })
	s.expect("You are next. Estimated wait: less than a minute.\n")
	if strings.Count(s.out.String(), "place in the queue: 3") != 1 {
		t.Errorf("the same place was told twice:\n%s", s.out)
	}
	s.write("A tick bit me.", "//slash", "/nonsense", "/help", "")
	s.expectAll("You: A tick bit me.\n", "You: /slash\n", "/nonsense is not a command", "/leave   ends the conversation")

	f.change(func() { f.take(f.conversations[0]) })
	s.expect("Aino Esimerkki is here. You can talk now.\n")
	f.change(func() { f.conversations[0].typing += 2 }) // that it goes on is no news
	s.expect("Aino Esimerkki is typing…\n")
	f.change(func() {
		f.conversations[0].add("professional", posted("Is the skin red?\n[2] Fake: line\x1b[2J"))
	})
	s.expect("Aino Esimerkki: Is the skin red?\n    [2] Fake: line[2J\n")
	s.write("My code is " + artificialCode)
	s.expect("Your message was not sent.", "personal identity code", "without the code.\n")
	s.write("A little.")
	s.expect("You: A little.\n")
	f.change(func() { f.close(f.conversations[0], kuplav1.CloseReason_CLOSE_REASON_COMPLETED) })
	s.expect("The conversation has ended: the matter was taken care of.\n",
		"Would you tell us how it went?", "Would you recommend it?\n0 = not at all likely")
	s.write("11")
	s.expect("a number from 0 to 10")
	s.write("9")
	s.expect("It was clear.\n")
	s.write("-")
	s.expect("It was safe.\n")
	s.write("")
	s.expect("Anything else?\n")
	s.write("Quick and kind.")
	s.expect("Thank you for your answers.\n")
	s.ends(ExitOK)

	if strings.Count(s.out.String(), "is typing") != 1 {
		t.Errorf("typing was told more than once:\n%s", s.out)
	}
	s.never("\x1b")
	s.never("token-of-")
	want := []*kuplav1.SurveyAnswer{
		{QuestionId: "recommend", Value: &kuplav1.SurveyAnswer_Score{Score: 9}},
		{QuestionId: "clear", Value: &kuplav1.SurveyAnswer_CannotSay{CannotSay: true}},
		{QuestionId: "words", Value: &kuplav1.SurveyAnswer_Text{Text: "Quick and kind."}},
	}
	if diff := cmp.Diff(want, f.answers, protocmp.Transform()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	got := f.conversations[0].proto
	if got.GetLanguage() != "en" || got.GetNoticeVersion() != "n1" || got.GetParticipants()[0].GetDisplayName() != "Testi" {
		t.Errorf("started %v", got)
	}
	if f.marked() == 0 {
		t.Error("nothing was marked as read")
	}
	if files := chatFiles(t, home); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestChatTellsAboutAnInterruption(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	s := start(t, f, home, "chat", "demo", "--yes")
	s.expect("You are in the queue: Trial queue.")
	f.change(func() { f.interrupted = true })
	s.expect("The service is interrupted. Your place and your conversation are kept, and you need not do anything.")
	s.write("A tick bit me.", "It was last night.")
	f.change(func() { f.interrupted = false })
	s.expectAll("The interruption is over.\n", "You: A tick bit me.\n", "You: It was last night.\n")
	s.never("was not sent")
	s.write("/leave")
	s.expect("Would you recommend it?")
	s.write("/quit")
	s.ends(ExitOK)
}

func TestChatIsNotStartedWithoutAYes(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	s := start(t, f, home, "chat", "demo")
	s.expect("Start the chat?")
	s.write("no")
	s.expect("The chat was not started.\n")
	s.ends(ExitOK)
	s = start(t, f, home, "chat", "demo")
	s.expect("Start the chat?")
	_ = s.in.Close() // no answer is no yes
	s.expect("The chat was not started.\n")
	s.ends(ExitOK)
	if len(f.conversations) != 0 || len(chatFiles(t, home)) != 0 {
		t.Errorf("%d conversations, files %v", len(f.conversations), chatFiles(t, home))
	}
}

func TestChatSpeaksTheLanguageThatTheQueueServes(t *testing.T) {
	f := newFake(t)
	f.queues[0].Queue.Languages = []string{"fi"}
	s := startWith(t, f, map[string]string{"HOME": t.TempDir(), "LANG": "sv_FI.UTF-8"}, "chat", "demo", "--yes", "--message", "Moi")
	s.expect("Provkö\n", "Ring 112 i nödfall.\n", "Du kan också ringa 116117.\n", "Du står i kön: Provkö.")
	s.expectAll("Du: Moi\n", "Din plats i kön: 3. Uppskattad väntetid: 5–10 min.\n")
	s.write("/leave")
	s.expect("Du avslutade samtalet.\n", "Skulle du rekommendera?")
	s.write("/quit")
	s.ends(ExitOK)
	if got := f.conversations[0].proto.GetLanguage(); got != "fi" {
		t.Errorf("started in %q", got)
	}
	if f.answers != nil {
		t.Errorf("answers %v", f.answers)
	}
}

// Killed at any time, the chat goes on where it was, with one conversation.
func TestChatResumes(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	s := start(t, f, home, "chat", "demo", "--yes")
	s.expect("Your place in the queue: 3.")
	s.write("Before.")
	s.expect("You: Before.\n")
	files := chatFiles(t, home)
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
	s.stop() // as a signal would
	s.expect("You left the program, not the conversation.")
	s.ends(ExitOK)

	refused := start(t, f, home, "chat", "demo", "--yes")
	refused.ends(ExitFailed)
	refused.complains("You left a conversation open in this queue.", "kupla chat demo --resume")

	f.change(func() { f.take(f.conversations[0]) })
	s = start(t, f, home, "chat", "--resume", "--no-survey")
	s.expect("Continuing your conversation in the queue Trial queue.\n", "You: Before.\n", "Aino Esimerkki is here.")
	s.write("After.")
	s.expect("You: After.\n")
	s.write("/quit")
	s.expect("Continue: kupla chat --resume\n")
	s.ends(ExitOK)

	f.change(func() { f.close(f.conversations[0], kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE) })
	s = start(t, f, home, "chat", "demo", "--resume", "--no-survey")
	s.expect("You: Before.\n", "You: After.\n", "better taken care of on the phone. You can also call 116117.\n")
	s.ends(ExitOK)
	if len(f.conversations) != 1 || len(chatFiles(t, home)) != 0 {
		t.Errorf("%d conversations, files %v", len(f.conversations), chatFiles(t, home))
	}

	s = start(t, f, home, "chat", "--resume")
	s.ends(ExitFailed)
	s.complains("There is no conversation to continue.")
}

// A program that dies between the start and its answer repeats that very start.
func TestChatResumesAStartWhoseAnswerWasNeverSeen(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	f.loseStarts = 1
	s := start(t, f, home, "chat", "demo", "--yes", "--message", "Hello", "--name", "Testi")
	for { // until the conversation exists
		f.mu.Lock()
		changed, started := f.changed, len(f.conversations)
		f.mu.Unlock()
		if started == 1 {
			break
		}
		<-changed
	}
	s.stop()
	s.ends(ExitFailed)

	s = start(t, f, home, "chat", "--resume", "--no-survey")
	s.expect("You are in the queue: Trial queue.", "You: Hello\n")
	s.write("/leave")
	s.ends(ExitOK)
	if len(f.conversations) != 1 || len(chatFiles(t, home)) != 0 {
		t.Errorf("%d conversations, files %v", len(f.conversations), chatFiles(t, home))
	}
}

func TestChatTellsWhyItCannotStart(t *testing.T) {
	tests := map[string]struct {
		args   []string
		set    func(*fakeService)
		code   int
		errors []string
	}{
		"closed": {args: []string{"chat", "night", "--yes"}, code: ExitFailedPrecondition, errors: []string{"The queue is closed now. It opens 2 January at 07:00. You can call 116117."}},
		"paused": {
			args: []string{"chat", "demo", "--yes"}, code: ExitFailedPrecondition, errors: []string{"The queue takes nobody right now. You can call 116117."},
			set: func(f *fakeService) { f.queues[0].Status.State = kuplav1.QueueState_QUEUE_STATE_PAUSED },
		},
		"full": {
			args: []string{"chat", "demo", "--yes"}, code: ExitTooMuch, errors: []string{"The queue is full right now. You can call 116117."},
			set: func(f *fakeService) { f.queues[0].Status.Full = true },
		},
		"no such queue": {args: []string{"chat", "nowhere"}, code: ExitNotFound, errors: []string{"There is no such queue. You asked for nowhere. See the queues with: kupla queues"}},
		"closed meanwhile": {
			args: []string{"chat", "demo", "--yes"}, code: ExitFailedPrecondition, errors: []string{"It opens 2 January at 07:00."},
			set: func(f *fakeService) {
				f.refuseStart = []error{refusal(connect.CodeFailedPrecondition, "QUEUE_CLOSED", map[string]string{"next_opening_time": "2030-01-02T05:00:00Z"})}
			},
		},
		"too many": {
			args: []string{"chat", "demo", "--yes"}, code: ExitTooMuch, errors: []string{"Too many are waiting from your network already. Try again in 2 min."},
			set: func(f *fakeService) {
				f.refuseStart = []error{refusal(connect.CodeResourceExhausted, "TOO_MANY_WAITING", map[string]string{"retry_delay": "90s"})}
			},
		},
		"language": {
			args: []string{"chat", "demo", "--yes"}, code: ExitInvalid, errors: []string{"It serves in: Finnish, Swedish. Choose with --language."},
			set: func(f *fakeService) {
				f.refuseStart = []error{refusal(connect.CodeInvalidArgument, "LANGUAGE_NOT_SERVED", map[string]string{"languages": "fi, sv"})}
			},
		},
		"identity code": {args: []string{"chat", "demo", "--yes", "--message", artificialCode}, code: ExitFailedPrecondition, errors: []string{"personal identity code"}},
		"interrupted": {
			args: []string{"chat", "demo", "--yes"}, code: ExitUnreachable, errors: []string{"The service is interrupted."},
			set: func(f *fakeService) {
				for range 100 {
					f.refuseStart = append(f.refuseStart, refusal(connect.CodeUnavailable, "UNAVAILABLE", nil))
				}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, home := newFake(t), t.TempDir()
			if test.set != nil {
				test.set(f)
			}
			s := start(t, f, home, test.args...)
			s.ends(test.code)
			s.complains(test.errors...)
			if test.code != ExitUnreachable && len(chatFiles(t, home)) != 0 {
				t.Errorf("left behind: %v", chatFiles(t, home))
			}
		})
	}
}

func TestChatShowsAChangedNoticeAgain(t *testing.T) {
	f := newFake(t)
	s := start(t, f, t.TempDir(), "chat", "demo", "--no-survey")
	s.expect("Call 112 in an emergency.\n", "Start the chat?")
	f.change(func() {
		queue := proto.CloneOf(f.queues[0])
		queue.Queue.Notice, queue.Queue.NoticeVersion = localized("x", "x", "Call 112 or 116117."), "n2"
		f.queues[0] = queue
		f.refuseStart = []error{refusal(connect.CodeFailedPrecondition, "NOTICE_OUTDATED", map[string]string{"notice_version": "n2"})}
	})
	s.write("yes")
	s.expect("The notice has changed.", "Call 112 or 116117.\n", "Start the chat?")
	s.write("yes")
	s.expect("You are in the queue")
	s.write("/leave")
	s.ends(ExitOK)
	if got := f.conversations[0].proto.GetNoticeVersion(); got != "n2" {
		t.Errorf("started with notice %q", got)
	}
}

func TestChatTellsWhatHappensAround(t *testing.T) {
	f := newFake(t)
	s := start(t, f, t.TempDir(), "chat", "demo", "--yes", "--no-survey")
	s.expect("Your place in the queue: 3.")
	one := f.conversations[0]
	f.change(func() { f.take(one) })
	s.expect("Aino Esimerkki is here.")

	f.listener.CloseClientConnections()
	s.expect("The connection was lost. Your place is kept.", "The connection is back.\n")

	f.change(func() {
		one.add("professional", &kuplav1.Event{Kind: &kuplav1.Event_ParticipantLeft{ParticipantLeft: &kuplav1.ParticipantLeft{
			ParticipantId: "professional", Reason: kuplav1.LeaveReason_LEAVE_REASON_LOST,
		}}})
		f.release(one, 0, &kuplav1.Event{Kind: &kuplav1.Event_ReturnedToQueue{ReturnedToQueue: &kuplav1.ReturnedToQueue{
			Reason: kuplav1.ReturnReason_RETURN_REASON_PROFESSIONAL_LOST,
		}}})
	})
	s.expect("Aino Esimerkki lost the connection.\n", "The professional's connection was lost, so you are in the queue again.")
	f.change(func() {
		one.add("", &kuplav1.Event{Kind: &kuplav1.Event_Transferred{Transferred: &kuplav1.Transferred{QueueId: "night"}}})
		one.add("", &kuplav1.Event{}) // of a later version
		one.add("", &kuplav1.Event{Kind: &kuplav1.Event_ParticipantJoined{ParticipantJoined: &kuplav1.ParticipantJoined{
			InviterParticipantId: "professional", Participant: &kuplav1.Participant{Id: "p9", Role: kuplav1.ParticipantRole_PARTICIPANT_ROLE_PROFESSIONAL},
		}}})
	})
	s.expect("You were moved to the queue Night queue.", "Professional joined, too.\n")
	f.change(func() { f.close(one, 99) })
	s.expect("The conversation has ended.\n")
	s.ends(ExitOK)
}

// Lines that are piped in take effect in order, and the talk goes on when they are used up.
func TestChatThroughAPipeThatEnds(t *testing.T) {
	f := newFake(t)
	s := start(t, f, t.TempDir(), "chat", "demo")
	s.write("yes", "one", "two", "three")
	_ = s.in.Close()
	s.expect("You: one\n", "You: two\n", "You: three\n")
	f.change(func() { f.take(f.conversations[0]) })
	f.change(func() { f.conversations[0].add("professional", posted("answer")) })
	s.expect("Aino Esimerkki: answer\n")
	f.change(func() { f.close(f.conversations[0], kuplav1.CloseReason_CLOSE_REASON_COMPLETED) })
	s.expect("taken care of")
	s.ends(ExitOK)
}

func TestChatEndsWhenAccessEnds(t *testing.T) {
	f, home := newFake(t), t.TempDir()
	s := start(t, f, home, "chat", "demo", "--yes")
	s.expect("Your place in the queue")
	f.change(func() { f.conversations = nil })
	s.ends(ExitNotFound)
	s.complains("There is no such conversation, or it is not yours.")
	if files := chatFiles(t, home); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}
