package kupla

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// A stream cut after any frame, in any way, costs no event and brings none twice.
func TestFollowSurvivesACutAfterEveryFrame(t *testing.T) {
	const last = 5
	all := []*frame{snapshotFrame(0, last)}
	for _, sequence := range upTo(last) {
		all = append(all, eventFrame(sequence), heartbeatFrame(sequence, time.Second))
	}
	ends := map[string]error{
		"bare error":        errCut,
		"silent end":        nil,
		"unavailable":       connect.NewError(connect.CodeUnavailable, "going down"),
		"internal":          connect.NewError(connect.CodeInternal, ""),
		"stream was closed": connect.NewError(connect.CodeCanceled, "reset by peer"),
	}
	for name, end := range ends {
		for cut := range len(all) + 1 {
			t.Run(fmt.Sprintf("%s after %d frames", name, cut), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					service := &fakeService{follows: []followScript{frames(end, all[:cut]...), honest(last)}}
					got := collect(t, service.conversation(), FollowOptions{})
					if got.err != nil {
						t.Fatalf("ended with %v", got.err)
					}
					if diff := cmp.Diff(upTo(last), got.events); diff != "" {
						t.Errorf("events (-want +got):\n%s", diff)
					}
					if len(got.disconnected) != 1 || got.count(UpdateConnected) != min(cut, 1)+1 {
						t.Errorf("told %d disconnects, %d connects", len(got.disconnected), got.count(UpdateConnected))
					}
					if want := at(int32(cut / 2)); cut >= 1 && service.cursors[1] != want {
						t.Errorf("resumed from %q, want %q", service.cursors[1], want)
					}
				})
			})
		}
	}
}

func TestFollowTellsWhenItHasCaughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{
			frames(errCut, snapshotFrame(0, 2), eventFrame(1), eventFrame(2), eventFrame(3)),
			frames(nil, snapshotFrame(3, 3), eventFrame(4), closedFrame(4)),
		}}
		var got []string
		for update, err := range service.conversation().Follow(t.Context(), FollowOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			switch update.Kind {
			case UpdateCaughtUp:
				got = append(got, "caught up")
			case UpdateEvent:
				got = append(got, fmt.Sprintf("%d history=%t", update.Sequence, update.History))
			default:
			}
		}
		want := []string{
			"1 history=true", "2 history=true", "caught up", "3 history=false",
			"caught up", "4 history=false",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
	})
}

func TestFollowFromABareCursorLearnsWhereItStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Nothing tells whether event 4 is before or behind the cursor until the stream is idle.
		service := &fakeService{follows: []followScript{
			frames(nil, snapshotFrame(4, 4), heartbeatFrame(4, time.Second), eventFrame(5), eventFrame(7), closedFrame(7)),
			frames(nil, snapshotFrame(5, 7), eventFrame(6), eventFrame(7), closedFrame(7)),
		}}
		got := collect(t, service.conversation(), FollowOptions{Cursor: at(4)})
		if diff := cmp.Diff([]int32{5, 6, 7}, got.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		wantKinds := []UpdateKind{
			UpdateConnected, UpdateSnapshot, UpdateCaughtUp, UpdateEvent, UpdateDisconnected,
			UpdateConnected, UpdateSnapshot, UpdateEvent, UpdateEvent, UpdateCaughtUp,
		}
		if diff := cmp.Diff(wantKinds, got.kinds); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
	})
}

func TestFollowDropsDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{
			frames(errCut, snapshotFrame(0, 4), eventFrame(1), eventFrame(1), eventFrame(2), eventFrame(1), eventFrame(2)),
			frames(nil, snapshotFrame(1, 4), eventFrame(2), eventFrame(3), eventFrame(3), eventFrame(4), closedFrame(4)),
		}}
		got := collect(t, service.conversation(), FollowOptions{})
		if diff := cmp.Diff(upTo(4), got.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if got.err != nil || service.cursors[1] != at(2) {
			t.Errorf("err %v, resumed from %q", got.err, service.cursors[1])
		}
	})
}

func TestFollowGoesBackWhenAnEventIsMissing(t *testing.T) {
	gap := func(from int32) followScript { // leaves out event 3
		return func(_ context.Context, cursor string, send func(*frame) error) error {
			var all []*frame
			for _, sequence := range []int32{1, 2, 4, 5} {
				if sequence > from {
					all = append(all, eventFrame(sequence))
				}
			}
			return frames(nil, append([]*frame{snapshotFrame(from, 5)}, all...)...)(nil, cursor, send)
		}
	}
	tests := map[string]struct {
		follows []followScript
		events  []int32
		cursors []string
		err     bool
	}{
		"once": {
			follows: []followScript{gap(0), honest(5)},
			events:  upTo(5),
			cursors: []string{"", at(2)},
		},
		"twice, so from the beginning": {
			follows: []followScript{gap(0), gap(2), honest(5)},
			events:  upTo(5),
			cursors: []string{"", at(2), ""},
		},
		"for good": {
			follows: []followScript{gap(0), gap(2), gap(0)},
			events:  upTo(2),
			cursors: []string{"", at(2), ""},
			err:     true,
		},
		"the last one": {
			follows: []followScript{frames(nil, snapshotFrame(0, 2), eventFrame(1), closedFrame(2)), honest(2)},
			events:  upTo(2),
			cursors: []string{"", at(1)},
		},
		"a malformed number": {
			follows: []followScript{frames(nil, snapshotFrame(0, 2), eventFrame(1), eventFrame(0)), honest(2)},
			events:  upTo(2),
			cursors: []string{"", at(1)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: test.follows}
				got := collect(t, service.conversation(), FollowOptions{})
				if diff := cmp.Diff(test.events, got.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.cursors, service.cursors); diff != "" {
					t.Errorf("cursors (-want +got):\n%s", diff)
				}
				missing, isGap := errors.AsType[*GapError](got.err)
				if isGap != test.err {
					t.Fatalf("ended with %v", got.err)
				}
				if isGap && (missing.Want != 3 || missing.Got != 4 || missing.ConversationID != "c1") {
					t.Errorf("gap %+v", missing)
				}
			})
		})
	}
}

// While a stream from the beginning repeats what is known, the cursor to keep does not go back.
func TestFollowKeepsItsCursorWhileItRewinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{
			frames(nil, snapshotFrame(0, 9), eventFrame(1), eventFrame(2), eventFrame(3), eventFrame(9)),
			frames(nil, snapshotFrame(3, 9), eventFrame(9)),
			frames(errCut, snapshotFrame(0, 9), eventFrame(1), heartbeatFrame(1, time.Second), eventFrame(2)),
			frames(errCut, snapshotFrame(0, 9), eventFrame(1), eventFrame(2), eventFrame(3)),
			frames(nil, snapshotFrame(3, 4), eventFrame(4), closedFrame(4)),
		}}
		v := service.conversation()
		var lowest int32
		for update, err := range v.Follow(t.Context(), FollowOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if after(update.Cursor) < lowest {
				t.Errorf("the cursor went back to %q from %d", update.Cursor, lowest)
			}
			lowest = after(update.Cursor)
		}
		if diff := cmp.Diff([]string{"", at(3), "", "", at(3)}, service.cursors); diff != "" {
			t.Errorf("cursors (-want +got):\n%s", diff)
		}
		if cursor, sequence := v.Cursor(); cursor != at(4) || sequence != 4 {
			t.Errorf("stands at %q, %d", cursor, sequence)
		}
	})
}

func TestFollowTellsAReset(t *testing.T) {
	reset := &frame{Cursor: at(0), Frame: &kuplav1.FollowConversationResponse_Reset_{
		Reset_: &kuplav1.Reset{Reason: kuplav1.ResetReason_RESET_REASON_OTHER_HISTORY},
	}}
	rest := []*frame{snapshotFrame(0, 2), eventFrame(1), eventFrame(2), closedFrame(2)}
	tests := map[string]struct {
		follows []followScript
		want    []string
	}{
		"first of all": {
			follows: []followScript{frames(nil, append([]*frame{reset}, rest...)...)},
			want:    []string{"reset OTHER_HISTORY", "caught up after 2"},
		},
		"after a snapshot": {
			follows: []followScript{frames(nil, append([]*frame{snapshotFrame(7, 7), reset}, rest...)...)},
			want:    []string{"caught up after 7", "reset OTHER_HISTORY", "caught up after 2"},
		},
		"cut right behind it": {
			follows: []followScript{frames(errCut, reset), frames(nil, rest...)},
			want:    []string{"reset OTHER_HISTORY", "caught up after 2"},
		},
		"not told, but the log is shorter": {
			follows: []followScript{frames(errCut, snapshotFrame(7, 2)), frames(nil, rest...)},
			want:    []string{"reset CURSOR_AHEAD", "caught up after 2"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: test.follows}
				var got []string
				var events []int32
				for update, err := range service.conversation().Follow(t.Context(), FollowOptions{Cursor: at(7), Sequence: 7}) {
					if err != nil {
						t.Fatal(err)
					}
					switch update.Kind {
					case UpdateReset:
						got = append(got, "reset "+update.Reset.GetReason().String()[len("RESET_REASON_"):])
						if update.Sequence != 0 {
							t.Errorf("after the reset it stands at %d", update.Sequence)
						}
					case UpdateCaughtUp:
						got = append(got, fmt.Sprintf("caught up after %d", update.Sequence))
					case UpdateEvent:
						events = append(events, update.Sequence)
					default:
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("updates (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(upTo(2), events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestFollowHonoursGoAway(t *testing.T) {
	tests := map[string]struct {
		away  *frame
		ends  bool
		err   bool
		pause time.Duration
	}{
		"closed":             {away: closedFrame(1), ends: true},
		"token ended":        {away: goAwayFrame(1, kuplav1.GoAwayReason_GO_AWAY_REASON_TOKEN_ENDED, false, 0), ends: true, err: true},
		"superseded":         {away: goAwayFrame(1, kuplav1.GoAwayReason_GO_AWAY_REASON_SUPERSEDED, false, 0), ends: true, err: true},
		"shutdown":           {away: goAwayFrame(1, kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN, true, 0)},
		"shutdown for a bit": {away: goAwayFrame(1, kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN, true, 7*time.Second), pause: 7*time.Second + 250*time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: []followScript{
					frames(nil, snapshotFrame(0, 1), eventFrame(1), test.away), honest(2),
				}}
				start := time.Now()
				got := collect(t, service.conversation(withRandom(longest)), FollowOptions{})
				if test.ends != (len(service.cursors) == 1) {
					t.Errorf("%d streams", len(service.cursors))
				}
				away, isAway := errors.AsType[*GoAwayError](got.err)
				if isAway != test.err || (got.err != nil) != test.err {
					t.Fatalf("ended with %v", got.err)
				}
				if isAway && away.Reason != test.away.GetGoAway().GetReason() {
					t.Errorf("reason %v", away.Reason)
				}
				if time.Since(start) != test.pause {
					t.Errorf("paused %v, want %v", time.Since(start), test.pause)
				}
			})
		})
	}
}

// A service that says "come back at once" again and again is not hammered.
func TestFollowSlowsDownWhenSentAwayInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := frames(nil, snapshotFrame(0, 0), goAwayFrame(0, kuplav1.GoAwayReason_GO_AWAY_REASON_SHUTDOWN, true, 0))
		service := &fakeService{follows: []followScript{away, away, away, honest(1)}}
		got := collect(t, service.conversation(withRandom(longest)), FollowOptions{})
		want := []time.Duration{0, 500 * time.Millisecond, time.Second}
		var pauses []time.Duration
		for _, connection := range got.disconnected {
			pauses = append(pauses, connection.RetryIn)
		}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
	})
}

func TestFollowFindsADeadStream(t *testing.T) {
	tests := map[string]struct {
		sent []*frame
		dead time.Duration
	}{
		"before the first frame": {dead: 30 * time.Second},
		"before a heartbeat":     {sent: []*frame{snapshotFrame(0, 1)}, dead: 30 * time.Second},
		"after a heartbeat":      {sent: []*frame{snapshotFrame(0, 1), heartbeatFrame(0, 4*time.Second)}, dead: 8 * time.Second},
		"told next to nothing":   {sent: []*frame{snapshotFrame(0, 1), heartbeatFrame(0, time.Millisecond)}, dead: 2 * time.Second},
		"told nothing":           {sent: []*frame{snapshotFrame(0, 1), heartbeatFrame(0, 0)}, dead: 30 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: []followScript{hang(test.sent...), honest(3)}}
				start := time.Now()
				none := func(time.Duration) time.Duration { return 0 }
				got := collect(t, service.conversation(withRandom(none)), FollowOptions{})
				if time.Since(start) != test.dead {
					t.Errorf("noticed after %v, want %v", time.Since(start), test.dead)
				}
				if len(got.disconnected) != 1 || !errors.Is(got.disconnected[0].Cause, ErrStreamSilent) {
					t.Errorf("disconnects %+v", got.disconnected)
				}
				if diff := cmp.Diff(upTo(3), got.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				synctest.Wait()
				if service.open != 0 {
					t.Errorf("%d streams are still open", service.open)
				}
			})
		})
	}
}

// A consumer that takes its time is no dead stream.
func TestFollowWaitsForASlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{honest(3)}}
		for update, err := range service.conversation().Follow(t.Context(), FollowOptions{}) {
			if err != nil || update.Kind == UpdateDisconnected {
				t.Fatalf("lost the stream: %v %+v", err, update.Connection)
			}
			time.Sleep(5 * time.Minute)
		}
	})
}

// Heartbeats alone keep a stream for as long as they come.
func TestFollowStaysWithAQuietStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{
			func(_ context.Context, _ string, send func(*frame) error) error {
				if err := send(snapshotFrame(0, 0)); err != nil {
					return err
				}
				for range 1000 {
					time.Sleep(15 * time.Second)
					if err := send(heartbeatFrame(0, 15*time.Second)); err != nil {
						return err
					}
				}
				return send(closedFrame(0))
			},
		}}
		if got := collect(t, service.conversation(), FollowOptions{}); len(got.disconnected) != 0 || got.err != nil {
			t.Errorf("ended with %v after %d disconnects", got.err, len(got.disconnected))
		}
	})
}

func TestFollowToleratesTheUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var raw []byte
		raw = protowire.AppendTag(raw, 999, protowire.BytesType)
		raw = protowire.AppendBytes(raw, []byte("from the future"))
		unknownFrame := &frame{Cursor: at(1)}
		unknownFrame.ProtoReflect().SetUnknown(raw)
		unknownEvent := &kuplav1.Event{Sequence: 2}
		unknownEvent.ProtoReflect().SetUnknown(raw)

		service := &fakeService{follows: []followScript{frames(nil,
			snapshotFrame(0, 3), eventFrame(1), unknownFrame,
			&frame{Cursor: at(2), Frame: &kuplav1.FollowConversationResponse_Events{
				Events: &kuplav1.Events{Events: []*kuplav1.Event{unknownEvent}},
			}},
			eventFrame(3), closedFrame(3),
		)}}
		got := collect(t, service.conversation(), FollowOptions{})
		if diff := cmp.Diff(upTo(3), got.events); diff != "" || got.err != nil || len(got.disconnected) != 0 {
			t.Errorf("ended with %v, events (-want +got):\n%s", got.err, diff)
		}
	})
}

func TestFollowHandsOutEverythingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{frames(nil,
			snapshotFrame(0, 0),
			&frame{Cursor: at(0), Frame: &kuplav1.FollowConversationResponse_Place{Place: &kuplav1.Place{Position: 3}}},
			&frame{Cursor: at(0), Frame: &kuplav1.FollowConversationResponse_Typing{Typing: &kuplav1.Typing{ParticipantId: "p2"}}},
			&frame{Cursor: at(0), Frame: &kuplav1.FollowConversationResponse_ReadMark{ReadMark: &kuplav1.ReadMark{Sequence: 4}}},
			&frame{Cursor: at(0), Frame: &kuplav1.FollowConversationResponse_Presence{Presence: &kuplav1.Presence{Present: true}}},
			closedFrame(0),
		)}}
		got := map[UpdateKind]bool{}
		for update, err := range service.conversation().Follow(t.Context(), FollowOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			switch update.Kind {
			case UpdatePlace:
				got[update.Kind] = update.Place.GetPosition() == 3
			case UpdateTyping:
				got[update.Kind] = update.Typing.GetParticipantId() == "p2"
			case UpdateReadMark:
				got[update.Kind] = update.ReadMark.GetSequence() == 4
			case UpdatePresence:
				got[update.Kind] = update.Presence.GetPresent()
			default:
			}
		}
		for _, kind := range []UpdateKind{UpdatePlace, UpdateTyping, UpdateReadMark, UpdatePresence} {
			if !got[kind] {
				t.Errorf("update %d was not handed out", kind)
			}
		}
	})
}

func TestFollowEndsWhenRefused(t *testing.T) {
	tests := []struct {
		err  error
		ends bool
	}{
		{refusal(connect.CodeUnauthenticated, "CREDENTIALS_INVALID", nil), true},
		{refusal(connect.CodePermissionDenied, "ACCESS_ENDED", nil), true},
		{refusal(connect.CodeNotFound, "CONVERSATION_NOT_FOUND", nil), true},
		{refusal(connect.CodeInvalidArgument, "CURSOR_MALFORMED", nil), true},
		{refusal(connect.CodeUnimplemented, "PROCEDURE_UNKNOWN", nil), true},
		{refusal(connect.CodeUnavailable, "UNAVAILABLE", nil), false},
		{refusal(connect.CodeResourceExhausted, "TOO_MANY_STREAMS", nil), false},
		{refusal(connect.CodeInternal, "INTERNAL", nil), false},
	}
	for _, test := range tests {
		t.Run(connect.CodeOf(test.err).String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: []followScript{frames(test.err), honest(1)}}
				got := collect(t, service.conversation(), FollowOptions{})
				if ended := got.err != nil; ended != test.ends {
					t.Fatalf("ended with %v", got.err)
				}
				if test.ends {
					if ReasonOf(got.err) != ReasonOf(test.err) || len(service.cursors) != 1 {
						t.Errorf("ended with %v after %d streams", got.err, len(service.cursors))
					}
				} else if diff := cmp.Diff(upTo(1), got.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Leaving the loop anywhere ends the stream. The bubble of synctest would not end with a goroutine left in
// it.
func TestFollowReleasesEverythingWhenLeft(t *testing.T) {
	for leaveAt := 1; leaveAt <= 6; leaveAt++ {
		t.Run(fmt.Sprintf("at update %d", leaveAt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: []followScript{
					frames(errCut, snapshotFrame(0, 1), eventFrame(1)), // connected, snapshot, event, caught up, disconnected
					hang(snapshotFrame(1, 1)),
				}}
				v := service.conversation()
				n := 0
				for _, err := range v.Follow(t.Context(), FollowOptions{}) {
					if err != nil {
						t.Fatal(err)
					}
					n++
					if n == leaveAt {
						break
					}
				}
				synctest.Wait()
				if service.open != 0 || n != leaveAt {
					t.Errorf("%d streams are open after %d updates", service.open, n)
				}
			})
		})
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	tests := map[string]followScript{
		"while following": hang(snapshotFrame(0, 0)),
		"while opening":   hang(),
		"while pausing":   frames(errCut),
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := &fakeService{follows: []followScript{script}}
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(cause) })
				var last error
				for _, err := range service.conversation().Follow(ctx, FollowOptions{}) {
					last = err
				}
				if !errors.Is(last, cause) {
					t.Errorf("ended with %v", last)
				}
			})
		})
	}
}

func TestFollowPausesGrowAndStartOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := frames(connect.NewError(connect.CodeUnavailable, "down"))
		flapping := frames(errCut, snapshotFrame(0, 0))
		held := func(_ context.Context, _ string, send func(*frame) error) error {
			if err := send(snapshotFrame(0, 0)); err != nil {
				return err
			}
			time.Sleep(healthyAfter)
			return errCut
		}
		asked := frames(refusal(connect.CodeResourceExhausted, "RATE_LIMITED", map[string]string{"retry_delay": "20s"}))
		service := &fakeService{follows: []followScript{
			down, down, flapping, down, down, down, down, down, held, down, asked, honest(1),
		}}
		got := collect(t, service.conversation(withRandom(longest)), FollowOptions{})
		want := []time.Duration{
			250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second,
			8 * time.Second, 15 * time.Second, 15 * time.Second,
			250 * time.Millisecond, 500 * time.Millisecond, 20*time.Second + time.Second,
		}
		var pauses []time.Duration
		for _, connection := range got.disconnected {
			pauses = append(pauses, connection.RetryIn)
		}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
		if got.disconnected[7].Attempt != 8 || got.disconnected[8].Attempt != 1 {
			t.Errorf("attempts %d, %d", got.disconnected[7].Attempt, got.disconnected[8].Attempt)
		}
	})
}

// The handle stands behind what the loop has dealt with, and goes on from there after a restart.
func TestConversationKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &fakeService{follows: []followScript{honest(6)}}
		client := service.client()
		v := client.Resume(Credentials{ConversationID: "c1", AccessToken: "secret"})
		for update, err := range v.Follow(t.Context(), FollowOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if update.Kind == UpdateEvent {
				if _, sequence := v.Cursor(); sequence != update.Sequence-1 {
					t.Errorf("stands at %d while %d is being dealt with", sequence, update.Sequence)
				}
				if update.Sequence == 4 {
					break
				}
			}
		}
		saved := v.Credentials()
		if saved.Cursor != at(4) || saved.Sequence != 4 || saved.AccessToken != "secret" {
			t.Fatalf("saved %q, %d", saved.Cursor, saved.Sequence)
		}
		got := collect(t, client.Resume(saved), FollowOptions{Cursor: saved.Cursor, Sequence: saved.Sequence})
		if diff := cmp.Diff([]int32{5, 6}, got.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Whatever the connection does, the log comes whole, once and in order.
func TestFollowUnderRandomFaults(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 2))
				const last = 40
				faulty := 1 + random.IntN(30)
				service := &fakeService{}
				for range faulty {
					service.follows = append(service.follows, randomFaults(rand.New(rand.NewPCG(random.Uint64(), 3)), last))
				}
				service.follows = append(service.follows, honest(last))
				got := collect(t, service.conversation(), FollowOptions{})
				if got.err != nil {
					// Only an event left out for good may end it, and then nothing past it was handed out.
					if _, ok := errors.AsType[*GapError](got.err); !ok {
						t.Fatalf("ended with %v", got.err)
					}
				} else if len(got.events) != last {
					t.Errorf("ended after %d events", len(got.events))
				}
				if !slices.Equal(got.events, upTo(int32(len(got.events)))) {
					t.Errorf("events %v", got.events)
				}
			})
		})
	}
}

// randomFaults serves the log with events doubled, repeated from earlier or left out, with silence and
// noise in between, and cuts it somewhere.
func randomFaults(random *rand.Rand, last int32) followScript {
	return func(ctx context.Context, cursor string, send func(*frame) error) error {
		next := max(after(cursor)-int32(random.IntN(3)), 0) + 1 // an old cursor of a slow server, at times
		var out []*frame
		out = append(out, snapshotFrame(next-1, last))
		for ; next <= last; next++ {
			switch random.IntN(14) {
			case 0:
				return frames(errCut, out...)(ctx, cursor, send)
			case 1:
				return frames(nil, out...)(ctx, cursor, send)
			case 2:
				return hang(out...)(ctx, cursor, send)
			case 3:
				out = append(out, eventFrame(next), eventFrame(next))
			case 4:
				out = append(out, eventFrame(max(next-int32(random.IntN(5)), 1)), eventFrame(next))
			case 5:
				if random.IntN(4) == 0 {
					continue // left out
				}
				out = append(out, eventFrame(next))
			case 6:
				out = append(out, heartbeatFrame(next-1, time.Second), &frame{Cursor: at(next - 1)}, eventFrame(next))
			default:
				out = append(out, eventFrame(next))
			}
		}
		return frames(nil, append(out, closedFrame(last))...)(ctx, cursor, send)
	}
}

// Who leaves in the middle of a frame goes on with the next event of it: the cursor of such an update is the one before
// the frame, and the sequence tells the rest.
func TestFollowGoesOnWithinAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := frames(nil, snapshotFrame(0, 5), eventsFrame(1, 5), closedFrame(5))
		for leave := int32(1); leave <= 5; leave++ {
			service := &fakeService{follows: []followScript{whole, resumable(5)}}
			conversation := service.conversation()
			var got []int32
			var options FollowOptions
			for update, err := range conversation.Follow(t.Context(), FollowOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				if update.Kind != UpdateEvent {
					continue
				}
				got = append(got, update.Event.GetSequence())
				options = FollowOptions{Cursor: update.Cursor, Sequence: update.Sequence}
				if update.Sequence == leave {
					break
				}
			}
			if want := map[bool]string{false: at(0), true: at(5)}[leave == 5]; options.Cursor != want {
				t.Errorf("after event %d the cursor is %q, want %q", leave, options.Cursor, want)
			}
			for update, err := range conversation.Follow(t.Context(), options) {
				if err != nil {
					t.Fatal(err)
				}
				if update.Kind == UpdateEvent {
					got = append(got, update.Event.GetSequence())
				}
			}
			if diff := cmp.Diff(upTo(5), got); diff != "" {
				t.Errorf("left after event %d and came back (-want +got):\n%s", leave, diff)
			}
		}
	})
}

// resumable is a log of so many events that goes on from any cursor, in one frame.
func resumable(last int32) followScript {
	return func(_ context.Context, cursor string, send func(*frame) error) error {
		from := after(cursor)
		list := []*frame{snapshotFrame(from, last)}
		if from < last {
			list = append(list, eventsFrame(from+1, last))
		}
		for _, f := range append(list, closedFrame(last)) {
			if err := send(f); err != nil {
				return err
			}
		}
		return nil
	}
}

// What a frame has before an event that is missing is handed out, once, and the rest is looked for.
func TestFollowFillsAGapWithinAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		torn := eventsFrame(1, 4)
		events := torn.GetEvents()
		events.Events = slices.Delete(events.GetEvents(), 2, 3)
		service := &fakeService{follows: []followScript{frames(nil, snapshotFrame(0, 4), torn), resumable(4)}}
		var got []int32
		gaps := 0
		for update, err := range service.conversation().Follow(t.Context(), FollowOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			switch update.Kind {
			case UpdateEvent:
				got = append(got, update.Event.GetSequence())
			case UpdateDisconnected:
				gaps++
				if update.Cursor != at(0) || update.Sequence != 2 {
					t.Errorf("at the gap it stands at %q and event %d", update.Cursor, update.Sequence)
				}
			default:
			}
		}
		if diff := cmp.Diff(upTo(4), got); diff != "" || gaps != 1 {
			t.Errorf("%d times disconnected, events (-want +got):\n%s", gaps, diff)
		}
	})
}
