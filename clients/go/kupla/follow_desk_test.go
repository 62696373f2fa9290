package kupla

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

type deskFrame = kuplav1.WatchDeskResponse

func conversationNow(id string, last int32) *kuplav1.ConversationSnapshot {
	return &kuplav1.ConversationSnapshot{Conversation: &kuplav1.Conversation{Id: id, LastSequence: last}}
}

func deskSnapshot(cursor string, conversations ...*kuplav1.ConversationSnapshot) *deskFrame {
	return &deskFrame{Cursor: cursor, Frame: &kuplav1.WatchDeskResponse_Snapshot{
		Snapshot: &kuplav1.DeskSnapshot{Conversations: conversations},
	}}
}

func deskEvent(cursor, id string, sequence int32) *deskFrame {
	return deskEvents(cursor, id, sequence, sequence)
}

// deskEvents is one frame with several events.
func deskEvents(cursor, id string, from, to int32) *deskFrame {
	events := &kuplav1.DeskEvents{ConversationId: id}
	for sequence := from; sequence <= to; sequence++ {
		events.Events = append(events.Events, message(sequence))
	}
	return &deskFrame{Cursor: cursor, Frame: &kuplav1.WatchDeskResponse_Events{Events: events}}
}

func deskAdded(cursor, id string, last int32) *deskFrame {
	return &deskFrame{Cursor: cursor, Frame: &kuplav1.WatchDeskResponse_ConversationAdded{
		ConversationAdded: &kuplav1.ConversationAdded{Snapshot: conversationNow(id, last)},
	}}
}

func deskRemoved(cursor, id string, reason kuplav1.RemovalReason) *deskFrame {
	return &deskFrame{Cursor: cursor, Frame: &kuplav1.WatchDeskResponse_ConversationRemoved{
		ConversationRemoved: &kuplav1.ConversationRemoved{ConversationId: id, Reason: reason},
	}}
}

func deskHeartbeat(cursor string) *deskFrame {
	return &deskFrame{Cursor: cursor, Frame: &kuplav1.WatchDeskResponse_Heartbeat{
		Heartbeat: &kuplav1.Heartbeat{Interval: durationpb.New(time.Second)},
	}}
}

func deskAway(cursor string) *deskFrame {
	return &deskFrame{Cursor: cursor, Frame: &kuplav1.WatchDeskResponse_GoAway{
		GoAway: &kuplav1.GoAway{Reason: kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED},
	}}
}

type deskScript = func(context.Context, string, func(*deskFrame) error) error

func deskFrames(err error, all ...*deskFrame) deskScript {
	return func(_ context.Context, _ string, send func(*deskFrame) error) error {
		for _, one := range all {
			if err := send(one); err != nil {
				return err
			}
		}
		return err
	}
}

// watchDesk follows a desk to its end and writes down what it told.
func watchDesk(t *testing.T, service *fakeService, options WatchDeskOptions) (told []string, last string, end error) {
	t.Helper()
	for update, err := range service.client().WatchDesk(t.Context(), options) {
		if err != nil {
			end = err
			continue
		}
		last = update.Cursor
		line := map[DeskUpdateKind]string{
			DeskConnected: "connected", DeskDisconnected: "disconnected", DeskCaughtUp: "caught up", DeskReset: "reset",
			DeskSnapshot: "snapshot", DeskEvent: "event", DeskConversationAdded: "added",
			DeskConversationRemoved: "removed", DeskConversation: "conversation", DeskWaiting: "waiting",
			DeskTyping: "typing", DeskReadMark: "read", DeskPresence: "presence", DeskColleagues: "colleagues",
		}[update.Kind]
		if update.ConversationID != "" {
			line += " " + update.ConversationID
		}
		if update.Event != nil {
			line += fmt.Sprint(update.Event.GetSequence())
			if update.History {
				line += " history"
			}
		}
		told = append(told, line)
	}
	return told, last, end
}

func TestWatchDesk(t *testing.T) {
	tests := map[string]struct {
		options WatchDeskOptions
		watches []deskScript
		want    []string
		cursors []string
		last    string
	}{
		"conversations come and go": {
			watches: []deskScript{deskFrames(nil,
				deskSnapshot("s", conversationNow("a", 2)),
				deskEvent("a1", "a", 1), deskEvent("a2", "a", 2), deskEvent("a3", "a", 3),
				deskAdded("b0", "b", 1), deskEvent("b1", "b", 1), deskEvent("b2", "b", 2),
				deskRemoved("b-", "b", kuplav1.RemovalReason_REMOVAL_REASON_TRANSFERRED),
				deskAdded("b0'", "b", 3), deskEvent("b1'", "b", 1), deskEvent("b2'", "b", 2), deskEvent("b3'", "b", 3),
				deskAway("end"),
			)},
			want: []string{
				"connected", "snapshot", "event a1 history", "event a2 history", "caught up", "event a3",
				"added b", "event b1 history", "event b2", "removed b",
				"added b", "event b1 history", "event b2 history", "event b3 history",
			},
			cursors: []string{""},
			last:    "b3'",
		},
		"cut and resumed": {
			watches: []deskScript{
				deskFrames(errCut, deskSnapshot("s", conversationNow("a", 1), conversationNow("b", 1)),
					deskEvent("1", "a", 1), deskEvent("2", "b", 1), deskEvent("2", "b", 1), deskAdded("3", "c", 2), deskEvent("4", "c", 1)),
				deskFrames(nil, deskSnapshot("4", conversationNow("a", 2), conversationNow("c", 2)),
					deskRemoved("5", "b", kuplav1.RemovalReason_REMOVAL_REASON_LOST),
					deskEvent("6", "a", 2), deskEvent("6", "c", 1), deskEvent("7", "c", 2), deskAway("8")),
			},
			want: []string{
				"connected", "snapshot", "event a1 history", "event b1 history", "caught up", "added c", "event c1 history",
				"disconnected", "connected", "snapshot", "removed b", "event a2 history", "event c2 history", "caught up",
			},
			cursors: []string{"", "4"},
			last:    "7",
		},
		"an arrival told twice is none": {
			watches: []deskScript{
				deskFrames(errCut, deskSnapshot("s"), deskAdded("1", "a", 1), deskEvent("2", "a", 1)),
				deskFrames(nil, deskSnapshot("2", conversationNow("a", 1)), deskAdded("3", "a", 1), deskEvent("3", "a", 1),
					deskEvent("4", "a", 2), deskAway("5")),
			},
			want: []string{
				"connected", "snapshot", "caught up", "added a", "event a1 history", "disconnected",
				"connected", "snapshot", "caught up", "conversation a", "event a2",
			},
			cursors: []string{"", "2"},
			last:    "4",
		},
		"a gap in one conversation, with another going on": {
			watches: []deskScript{
				deskFrames(nil, deskSnapshot("s", conversationNow("a", 3), conversationNow("b", 1)), deskEvent("1", "a", 1), deskEvent("2", "a", 3)),
				deskFrames(nil, deskSnapshot("1", conversationNow("a", 3), conversationNow("b", 1)), deskEvent("2", "b", 1), deskEvent("3", "a", 3)),
				// From the beginning now: what it repeats is dropped, what left the desk meanwhile is told.
				deskFrames(nil, deskSnapshot("0", conversationNow("a", 3)), deskEvent("1", "a", 1), deskEvent("4", "a", 2),
					deskEvent("5", "a", 3), deskAway("6")),
			},
			want: []string{
				"connected", "snapshot", "event a1 history", "disconnected",
				"connected", "snapshot", "event b1 history", "disconnected",
				"connected", "removed b", "snapshot", "event a2 history", "event a3 history", "caught up",
			},
			cursors: []string{"", "1", ""},
			last:    "5",
		},
		"a reset": {
			watches: []deskScript{
				deskFrames(errCut, deskSnapshot("s", conversationNow("a", 1)), deskEvent("1", "a", 1)),
				deskFrames(nil, &deskFrame{Cursor: "r", Frame: &kuplav1.WatchDeskResponse_Reset_{Reset_: &kuplav1.Reset{}}},
					deskSnapshot("r0", conversationNow("a", 1)), deskEvent("r1", "a", 1), deskAway("r2")),
			},
			want: []string{
				"connected", "snapshot", "event a1 history", "caught up", "disconnected",
				"connected", "reset", "snapshot", "event a1 history", "caught up",
			},
			cursors: []string{"", "1"},
			last:    "r1",
		},
		"a lost history": {
			watches: []deskScript{
				deskFrames(errCut, deskSnapshot("s", conversationNow("a", 2)), deskEvent("1", "a", 1), deskEvent("2", "a", 2)),
				deskFrames(nil, deskSnapshot("2", conversationNow("a", 1))),
				deskFrames(nil, deskSnapshot("r0", conversationNow("a", 1)), deskEvent("r1", "a", 1), deskAway("r2")),
			},
			want: []string{
				"connected", "snapshot", "event a1 history", "event a2 history", "caught up", "disconnected",
				"connected", "reset", "disconnected",
				"connected", "snapshot", "event a1 history", "caught up",
			},
			cursors: []string{"", "2", ""},
			last:    "r1",
		},
		"from a bare cursor": {
			options: WatchDeskOptions{Cursor: "kept"},
			watches: []deskScript{deskFrames(nil,
				deskSnapshot("kept", conversationNow("a", 7)), deskHeartbeat("kept"), deskEvent("8", "a", 8), deskAway("9"))},
			want:    []string{"connected", "snapshot", "caught up", "event a8"},
			cursors: []string{"kept"},
			last:    "8",
		},
		"from a cursor with how far each has come": {
			options: WatchDeskOptions{Cursor: "kept", Sequences: map[string]int32{"a": 7, "b": 5, "left": 2}},
			watches: []deskScript{deskFrames(nil,
				deskSnapshot("kept", conversationNow("a", 7), conversationNow("b", 6), conversationNow("new", 1)),
				deskEvent("l3", "left", 3), deskRemoved("l-", "left", kuplav1.RemovalReason_REMOVAL_REASON_RETURNED),
				deskEvent("b6", "b", 6), deskEvent("n1", "new", 1), deskEvent("a8", "a", 8), deskAway("end"))},
			// It has caught up without waiting for a heartbeat.
			want: []string{
				"connected", "snapshot", "event left3", "removed left", "event b6 history", "event new1 history", "caught up",
				"event a8",
			},
			cursors: []string{"kept"},
			last:    "a8",
		},
		"from a cursor with how far each has come, and one missing": {
			options: WatchDeskOptions{Cursor: "kept", Sequences: map[string]int32{"a": 7}},
			watches: []deskScript{
				deskFrames(nil, deskSnapshot("kept", conversationNow("a", 9)), deskEvent("9", "a", 9)),
				deskFrames(nil, deskSnapshot("kept", conversationNow("a", 9)), deskEvent("8", "a", 8), deskEvent("9", "a", 9),
					deskAway("end")),
			},
			want: []string{
				"connected", "snapshot", "disconnected",
				"connected", "snapshot", "event a8 history", "event a9 history", "caught up",
			},
			cursors: []string{"kept", "kept"},
			last:    "9",
		},
		"from a bare cursor, with one that left meanwhile": {
			options: WatchDeskOptions{Cursor: "kept"},
			watches: []deskScript{
				deskFrames(errCut, deskSnapshot("kept", conversationNow("a", 7)), deskEvent("b6", "b", 6)),
				deskFrames(nil, deskSnapshot("b6", conversationNow("a", 7)), deskEvent("b7", "b", 7),
					deskRemoved("b-", "b", kuplav1.RemovalReason_REMOVAL_REASON_RETURNED), deskEvent("c3", "c", 3),
					deskRemoved("c-", "c", kuplav1.RemovalReason_REMOVAL_REASON_LOST), deskAway("end")),
			},
			want: []string{
				"connected", "snapshot", "event b6", "disconnected",
				"connected", "snapshot", "event b7", "removed b", "event c3", "removed c",
			},
			cursors: []string{"kept", "b6"},
			last:    "c-",
		},
		"everything else, and what is not known": {
			watches: []deskScript{deskFrames(nil, deskSnapshot("s"),
				&deskFrame{Cursor: "1", Frame: &kuplav1.WatchDeskResponse_Waiting{Waiting: &kuplav1.Waiting{}}},
				&deskFrame{Cursor: "2", Frame: &kuplav1.WatchDeskResponse_Colleagues{Colleagues: &kuplav1.Colleagues{}}},
				&deskFrame{Cursor: "3", Frame: &kuplav1.WatchDeskResponse_Typing{Typing: &kuplav1.DeskTyping{ConversationId: "a"}}},
				&deskFrame{Cursor: "4", Frame: &kuplav1.WatchDeskResponse_ReadMark{ReadMark: &kuplav1.DeskReadMark{ConversationId: "a"}}},
				&deskFrame{Cursor: "5", Frame: &kuplav1.WatchDeskResponse_Presence{Presence: &kuplav1.DeskPresence{ConversationId: "a"}}},
				&deskFrame{Cursor: "6", Frame: &kuplav1.WatchDeskResponse_ConversationSnapshot{ConversationSnapshot: conversationNow("a", 0)}},
				&deskFrame{Cursor: "7"},
				deskAway("8"),
			)},
			want: []string{
				"connected", "snapshot", "caught up", "waiting", "colleagues", "typing a", "read a", "presence a", "conversation a",
			},
			cursors: []string{""},
			last:    "6",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{watches: test.watches}
				told, last, end := watchDesk(t, service, test.options)
				if diff := cmp.Diff(test.want, told); diff != "" {
					t.Errorf("updates (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.cursors, service.cursors); diff != "" {
					t.Errorf("cursors (-want +got):\n%s", diff)
				}
				if last != test.last {
					t.Errorf("the last cursor is %q, want %q", last, test.last)
				}
				if away, ok := errors.AsType[*GoAwayError](end); !ok ||
					away.Reason != kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED {
					t.Errorf("ended with %v", end)
				}
			})
		})
	}
}

func TestWatchDeskEndsWithAGapThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{watches: []deskScript{
			deskFrames(nil, deskSnapshot("s", conversationNow("a", 3)), deskEvent("1", "a", 1), deskEvent("3", "a", 3)),
		}}
		told, _, end := watchDesk(t, service, WatchDeskOptions{})
		if missing, ok := errors.AsType[*GapError](end); !ok || missing.ConversationID != "a" || missing.Want != 2 {
			t.Errorf("ended with %v", end)
		}
		if len(service.cursors) != maxGaps {
			t.Errorf("tried %d times: %v", len(service.cursors), told)
		}
	})
}

func TestWatchQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams := 0
		service := &fakeService{watchQueues: func(_ context.Context, send func(*kuplav1.WatchQueuesResponse) error) error {
			streams++
			all := []*kuplav1.WatchQueuesResponse{
				{Frame: &kuplav1.WatchQueuesResponse_Snapshot{Snapshot: &kuplav1.QueuesSnapshot{
					Queues: []*kuplav1.QueueWithStatus{{Queue: &kuplav1.Queue{Id: "demo"}}},
				}}},
				{Frame: &kuplav1.WatchQueuesResponse_Status{Status: &kuplav1.QueueStatusChange{
					QueueId: "demo", Status: &kuplav1.QueueStatus{WaitingCount: 2},
				}}},
				{Frame: &kuplav1.WatchQueuesResponse_Heartbeat{Heartbeat: &kuplav1.Heartbeat{}}},
				{},
			}
			if streams == 2 {
				all = append(all, &kuplav1.WatchQueuesResponse{Frame: &kuplav1.WatchQueuesResponse_GoAway{
					GoAway: &kuplav1.GoAway{Reason: kuplav1.GoAwayReason_GO_AWAY_REASON_QUEUE_REMOVED},
				}})
			}
			for _, one := range all {
				if err := send(one); err != nil {
					return err
				}
			}
			return errCut
		}}
		var kinds []QueuesUpdateKind
		var end error
		for update, err := range service.client().WatchQueues(t.Context(), "demo") {
			if err != nil {
				end = err
				continue
			}
			kinds = append(kinds, update.Kind)
			if update.Kind == QueuesStatus && (update.QueueID != "demo" || update.Status.GetWaitingCount() != 2) {
				t.Errorf("status of %q: %v", update.QueueID, update.Status)
			}
			if update.Kind == QueuesSnapshot && update.Queues[0].GetQueue().GetId() != "demo" {
				t.Errorf("snapshot of %v", update.Queues)
			}
		}
		want := []QueuesUpdateKind{
			QueuesConnected, QueuesSnapshot, QueuesStatus, QueuesDisconnected,
			QueuesConnected, QueuesSnapshot, QueuesStatus,
		}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
		if _, ok := errors.AsType[*GoAwayError](end); !ok {
			t.Errorf("ended with %v", end)
		}
	})
}

// As in a conversation: who leaves in the middle of a frame goes on with the next event of it.
func TestWatchDeskGoesOnWithinAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := deskFrames(nil, deskSnapshot("a", conversationNow("c1", 4)), deskEvents("b", "c1", 1, 4))
		service := &fakeService{watches: []deskScript{script, script}}
		client := service.client()
		var got []int32
		var options WatchDeskOptions
		for _, until := range []int32{2, 4} {
			for update, err := range client.WatchDesk(t.Context(), options) {
				if err != nil {
					t.Fatal(err)
				}
				if update.Kind != DeskEvent {
					continue
				}
				got = append(got, update.Event.GetSequence())
				options = WatchDeskOptions{
					Cursor: update.Cursor, Sequences: map[string]int32{"c1": update.Event.GetSequence()},
				}
				if update.Event.GetSequence() == until {
					break
				}
			}
			if want := map[int32]string{2: "a", 4: "b"}[until]; options.Cursor != want {
				t.Errorf("after event %d the cursor is %q, want %q", until, options.Cursor, want)
			}
		}
		if diff := cmp.Diff(upTo(4), got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}
