package cli

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func TestWaitInWords(t *testing.T) {
	a := &app{texts: textsIn(english), zone: helsinki()}
	tests := []struct {
		low, high time.Duration
		want      string
	}{
		{0, 30 * time.Second, "less than a minute"},
		{0, 5 * time.Minute, "0–5 min"},
		{5*time.Minute + 59*time.Second, 9*time.Minute + time.Second, "5–10 min"},
		{7 * time.Minute, 7 * time.Minute, "7 min"},
		{80 * time.Minute, 120 * time.Minute, "80 min – 2 h"},
		{125 * time.Minute, 190 * time.Minute, "2 h 5 min – 3 h 10 min"},
	}
	for _, test := range tests {
		got, known := a.wait(&kuplav1.WaitEstimate{Result: &kuplav1.WaitEstimate_Range{Range: &kuplav1.WaitRange{
			Low: durationpb.New(test.low), High: durationpb.New(test.high),
		}}})
		if got != test.want || !known {
			t.Errorf("%v to %v: got %q, %t", test.low, test.high, got, known)
		}
	}
	for _, estimate := range []*kuplav1.WaitEstimate{
		nil, {Result: &kuplav1.WaitEstimate_CannotEstimate{CannotEstimate: 99}},
	} {
		if got, known := a.wait(estimate); known || got != "cannot be estimated" {
			t.Errorf("%v: got %q, %t", estimate, got, known)
		}
	}
	for wait, want := range map[time.Duration]string{
		0: "less than a minute", 59 * time.Second: "less than a minute", time.Minute: "1 min", 2 * time.Hour: "2 h",
	} {
		if got := a.minutes(wait); got != want {
			t.Errorf("%v: got %q", wait, got)
		}
	}
	for delay, want := range map[time.Duration]string{
		0: "1 s", 1500 * time.Millisecond: "2 s", time.Minute: "1 min", 61 * time.Second: "2 min",
	} {
		if got := a.seconds(delay); got != want {
			t.Errorf("%v: got %q", delay, got)
		}
	}
}

// Times are those of the service, also over the change of clocks.
func TestMomentsAreFinnish(t *testing.T) {
	winter, summer := time.Date(2031, 1, 2, 5, 0, 0, 0, time.UTC), time.Date(2031, 7, 2, 5, 0, 0, 0, time.UTC)
	for l, want := range map[language][2]string{
		finnish: {"2.1. klo 07:00", "2.7. klo 08:00"},
		swedish: {"2.1 kl. 07:00", "2.7 kl. 08:00"},
		english: {"2 January at 07:00", "2 July at 08:00"},
	} {
		a := &app{texts: textsIn(l), zone: helsinki()}
		if got := [2]string{a.moment(winter), a.moment(summer)}; got != want {
			t.Errorf("%s: got %q", l, got)
		}
		if got := a.clock(timestamppb.New(winter)); got != "07:00" {
			t.Errorf("clock %q", got)
		}
	}
}

func TestQueueStateInWords(t *testing.T) {
	a := &app{texts: textsIn(english), zone: helsinki()}
	change := timestamppb.New(time.Date(2031, 1, 2, 5, 0, 0, 0, time.UTC))
	tests := []struct {
		status *kuplav1.QueueStatus
		want   string
	}{
		{nil, "not known"},
		{&kuplav1.QueueStatus{State: 99}, "not known"},
		{&kuplav1.QueueStatus{State: kuplav1.QueueState_QUEUE_STATE_OPEN}, "open"},
		{&kuplav1.QueueStatus{State: kuplav1.QueueState_QUEUE_STATE_OPEN, ChangeTime: change}, "open until 2 January at 07:00"},
		{&kuplav1.QueueStatus{State: kuplav1.QueueState_QUEUE_STATE_OPEN, Full: true, ChangeTime: change}, "full"},
		{&kuplav1.QueueStatus{State: kuplav1.QueueState_QUEUE_STATE_PAUSED}, "paused"},
		{&kuplav1.QueueStatus{State: kuplav1.QueueState_QUEUE_STATE_PAUSED, ChangeTime: change}, "paused until 2 January at 07:00"},
		{&kuplav1.QueueStatus{State: kuplav1.QueueState_QUEUE_STATE_CLOSED, ChangeTime: change}, "closed, opens 2 January at 07:00"},
	}
	for _, test := range tests {
		if got := a.queueState(test.status); got != test.want {
			t.Errorf("%v: got %q", test.status, got)
		}
	}
}
