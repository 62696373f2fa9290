package kupla

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// beat is a heartbeat that tells whether the service is interrupted.
func beat(cursor int32, interrupted bool) *frame {
	return &frame{Cursor: at(cursor), Frame: &kuplav1.FollowConversationResponse_Heartbeat{
		Heartbeat: &kuplav1.Heartbeat{Interval: durationpb.New(15 * time.Second), Interrupted: interrupted},
	}}
}

// interruptedRefusal is how the service refuses everything while it is interrupted.
func interruptedRefusal() error {
	return refusal(connect.CodeUnavailable, "UNAVAILABLE", map[string]string{"retry_delay": "1s"})
}

// story is what a follower tells, in short words.
func story(t *testing.T, v *Conversation) []string {
	t.Helper()
	var told []string
	for update, err := range v.Follow(t.Context(), FollowOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		switch update.Kind {
		case UpdateConnected:
			told = append(told, "connected")
		case UpdateDisconnected:
			told = append(told, "disconnected")
		case UpdateInterrupted:
			told = append(told, "interrupted")
		case UpdateRestored:
			told = append(told, "restored")
		case UpdateEvent:
			told = append(told, fmt.Sprint(update.Sequence))
		default:
		}
	}
	return told
}

func TestFollowTellsAnInterruptionOnce(t *testing.T) {
	refused := func(context.Context, string, func(*frame) error) error { return interruptedRefusal() }
	goAway := &frame{Cursor: at(1), Frame: &kuplav1.FollowConversationResponse_GoAway{GoAway: &kuplav1.GoAway{
		Reason:     kuplav1.GoAwayReason_GO_AWAY_REASON_UNAVAILABLE,
		Reconnect:  true,
		RetryDelay: durationpb.New(time.Second),
	}}}
	for name, tc := range map[string]struct {
		follows []followScript
		want    []string
	}{
		"while the stream stays open": {
			[]followScript{frames(nil,
				snapshotFrame(0, 1), eventFrame(1), beat(1, false), beat(1, true), beat(1, true), eventFrame(2),
				beat(2, false), beat(2, false), beat(2, true), beat(2, false), closedFrame(2),
			)},
			[]string{"connected", "1", "interrupted", "2", "restored", "interrupted", "restored"},
		},
		"when streams are refused for it": {
			[]followScript{
				frames(errCut, snapshotFrame(0, 1), eventFrame(1)), refused, refused,
				frames(nil, snapshotFrame(1, 2), eventFrame(2), closedFrame(2)),
			},
			[]string{
				"connected", "1", "disconnected", "interrupted", "disconnected", "disconnected",
				"connected", "restored", "2",
			},
		},
		"when the stream is ended for it": {
			[]followScript{
				frames(nil, snapshotFrame(0, 1), eventFrame(1), goAway),
				frames(nil, snapshotFrame(1, 2), eventFrame(2), closedFrame(2)),
			},
			[]string{"connected", "1", "interrupted", "disconnected", "connected", "restored", "2"},
		},
		"when the stream is lost during it": {
			[]followScript{
				frames(errCut, snapshotFrame(0, 1), eventFrame(1), beat(1, true)),
				frames(errCut),
				frames(nil, snapshotFrame(1, 2), eventFrame(2), closedFrame(2)),
			},
			[]string{
				"connected", "1", "interrupted", "disconnected", "disconnected", "connected", "restored", "2",
			},
		},
		"when streams are ended for it before they brought anything": {
			[]followScript{
				frames(errCut, snapshotFrame(0, 1), eventFrame(1)), frames(nil, goAway), frames(nil, goAway),
				frames(nil, snapshotFrame(1, 2), eventFrame(2), closedFrame(2)),
			},
			[]string{
				"connected", "1", "disconnected", "interrupted", "disconnected", "disconnected",
				"connected", "restored", "2",
			},
		},
		"when a stream begins in it": {
			[]followScript{
				frames(errCut, beat(0, true)),
				frames(nil, beat(0, true), snapshotFrame(0, 1), eventFrame(1), beat(1, false), closedFrame(1)),
			},
			[]string{"connected", "interrupted", "disconnected", "connected", "1", "restored"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: tc.follows}
				if diff := cmp.Diff(tc.want, story(t, service.conversation())); diff != "" {
					t.Errorf("told (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// An interruption that lasts costs neither the stream nor a message.
func TestAnInterruptionLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outage = 90 * time.Second
		begin := time.Now()
		var requests []string
		service := &fakeService{
			follows: []followScript{func(_ context.Context, _ string, send func(*frame) error) error {
				for _, f := range []*frame{snapshotFrame(0, 0), beat(0, true)} {
					if err := send(f); err != nil {
						return err
					}
				}
				for time.Since(begin) < outage {
					time.Sleep(15 * time.Second)
					if err := send(beat(0, time.Since(begin) < outage)); err != nil {
						return err
					}
				}
				time.Sleep(10 * time.Second)
				return frames(nil, eventFrame(1), closedFrame(1))(t.Context(), "", send)
			}},
			send: func(_ context.Context, req *kuplav1.SendMessageRequest) (*kuplav1.SendMessageResponse, error) {
				requests = append(requests, req.GetRequestId())
				if time.Since(begin) < outage {
					return nil, interruptedRefusal()
				}
				return &kuplav1.SendMessageResponse{Event: &kuplav1.Event{Sequence: 1}}, nil
			},
		}
		conversation := service.conversation()
		sent := make(chan error, 1)
		go func() {
			_, err := conversation.Send(t.Context(), "Is anybody there?")
			sent <- err
		}()
		want := []string{"connected", "interrupted", "restored", "1"}
		if diff := cmp.Diff(want, story(t, conversation)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if err := <-sent; err != nil {
			t.Errorf("the message: %v", err)
		}
		for _, id := range requests {
			if id != requests[0] {
				t.Errorf("sent under %s and %s", requests[0], id)
			}
		}
		if len(requests) < 2 || len(requests) > int(outage/time.Second)+1 {
			t.Errorf("tried %d times in %v, although asked to wait a second between", len(requests), outage)
		}
	})
}

func TestDeskAndQueuesTellAnInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deskBeat := func(interrupted bool) *deskFrame {
			return &deskFrame{Cursor: "1", Frame: &kuplav1.WatchDeskResponse_Heartbeat{
				Heartbeat: &kuplav1.Heartbeat{Interrupted: interrupted},
			}}
		}
		queuesBeat := func(interrupted bool) *kuplav1.WatchQueuesResponse {
			return &kuplav1.WatchQueuesResponse{Frame: &kuplav1.WatchQueuesResponse_Heartbeat{
				Heartbeat: &kuplav1.Heartbeat{Interrupted: interrupted},
			}}
		}
		service := &fakeService{
			watches: []deskScript{
				deskFrames(nil, deskSnapshot("1"), deskBeat(true), deskBeat(true), deskBeat(false), deskAway("1")),
			},
			watchQueues: func(_ context.Context, send func(*kuplav1.WatchQueuesResponse) error) error {
				for _, f := range []*kuplav1.WatchQueuesResponse{
					{Frame: &kuplav1.WatchQueuesResponse_Snapshot{Snapshot: &kuplav1.QueuesSnapshot{}}},
					queuesBeat(true), queuesBeat(true), queuesBeat(false),
					{Frame: &kuplav1.WatchQueuesResponse_GoAway{GoAway: &kuplav1.GoAway{
						Reason: kuplav1.GoAwayReason_GO_AWAY_REASON_QUEUE_REMOVED,
					}}},
				} {
					if err := send(f); err != nil {
						return err
					}
				}
				return nil
			},
		}
		var desk []DeskUpdateKind
		for update, err := range service.client().WatchDesk(t.Context(), WatchDeskOptions{}) {
			if err == nil {
				desk = append(desk, update.Kind)
			}
		}
		wantDesk := []DeskUpdateKind{DeskConnected, DeskSnapshot, DeskCaughtUp, DeskInterrupted, DeskRestored}
		if diff := cmp.Diff(wantDesk, desk); diff != "" {
			t.Errorf("the desk told (-want +got):\n%s", diff)
		}
		var queues []QueuesUpdateKind
		for update, err := range service.client().WatchQueues(t.Context()) {
			if err == nil {
				queues = append(queues, update.Kind)
			}
		}
		wantQueues := []QueuesUpdateKind{QueuesConnected, QueuesSnapshot, QueuesInterrupted, QueuesRestored}
		if diff := cmp.Diff(wantQueues, queues); diff != "" {
			t.Errorf("the queues told (-want +got):\n%s", diff)
		}
	})
}
