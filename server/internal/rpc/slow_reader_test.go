package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2/connecthttp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// append10k appends 10,000 messages to a conversation, a hundred a change, numbered from 1.
func append10k(t *testing.T, s *apptest.Server, id, padding string) {
	t.Helper()
	for i := range 100 {
		_, err := s.Store.Change(t.Context(), store.Request{}, store.Rows{Conversations: []string{id}},
			func(w *store.Work) error {
				for j := range 100 {
					text := fmt.Sprintf("%d%s", i*100+j+1, padding)
					if err := w.Conversation(id).Post(chat.CustomerID, text, w.Now); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever does not read while 10,000 messages are written gets all of them, each once and in order, and costs
// no memory meanwhile: a reader is fed from the store.
func TestSlowReaderMissesNothingAndCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		conversation, err := customer.Conversation.FollowConversation(t.Context(),
			&kuplav1.FollowConversationRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		desk, err := nurse.Desk.WatchDesk(t.Context(), &kuplav1.WatchDeskRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conversation.Receive(); err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Receive(); err != nil {
			t.Fatal(err)
		}
		const padded = 800 // bytes a message: 8 MB in all
		before := heap()
		append10k(t, s, customer.ID, " "+strings.Repeat("x", padded))
		synctest.Wait()
		if grown := heap() - before; grown > 3<<20 {
			t.Errorf("two readers who do not read cost %d KB", grown>>10)
		}
		// Marks and presence keep the latest value only.
		for sequence := int32(1); sequence <= 50; sequence++ {
			markRead(t, nurse, customer.ID, sequence)
		}
		closeConversation(t, nurse, customer.ID)

		checkLog(t, "FollowConversation", customer.ID, func() ([]*kuplav1.Event, bool, error) {
			f, err := conversation.Receive()
			return f.GetEvents().GetEvents(), f.GetGoAway() != nil, err
		})
		checkLog(t, "WatchDesk", customer.ID, func() ([]*kuplav1.Event, bool, error) {
			f, err := desk.Receive()
			return f.GetEvents().GetEvents(), f.GetConversationRemoved() != nil, err
		})
		_ = desk.Close()
	})
}

// checkLog reads a log of 10,000 messages, from its first event, or the one after what was sent already, to the end.
func checkLog(t *testing.T, name, id string, next func() (events []*kuplav1.Event, over bool, err error)) {
	t.Helper()
	last := int32(0)
	for {
		events, over, err := next()
		if errors.Is(err, io.EOF) || over {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, e := range events {
			last++
			if e.GetSequence() != last {
				t.Fatalf("%s: got event %d, want %d", name, e.GetSequence(), last)
			}
			// The first two are the joinings.
			if text := e.GetMessagePosted().GetText(); last > 2 && last <= 10_002 &&
				!strings.HasPrefix(text, fmt.Sprintf("%d ", last-2)) {
				t.Fatalf("%s: event %d of %s is %.20q", name, last, id, text)
			}
		}
	}
	if last != 10_003 {
		t.Errorf("%s: the last event is %d, want 10003", name, last)
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Of read marks a slow reader may miss some, and never the latest.
func TestSlowReaderGetsTheLatestReadMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		for range 48 {
			customer.Say(t, customer.ID, "Hei")
		}
		slow, err := customer.Conversation.FollowConversation(t.Context(),
			&kuplav1.FollowConversationRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := slow.Receive(); err != nil {
			t.Fatal(err)
		}
		for sequence := int32(1); sequence <= 50; sequence++ {
			markRead(t, nurse, customer.ID, sequence)
		}
		lines := only(record(t, slow, describeFollowed).lines(), "read")
		wantLines(t, lines, "read professional-1 50")
	})
}

// flaky is a store whose events cannot be read while it is broken.
type flaky struct {
	store.Store
	broken atomic.Bool
}

func (f *flaky) Events(ctx context.Context, id string, after int32, limit int) ([]chat.Event, error) {
	if f.broken.Load() {
		return nil, fmt.Errorf("%w: broken for a test", store.ErrUnavailable)
	}
	return f.Store.Events(ctx, id, after, limit)
}

// A store that cannot be read ends no stream, although nothing announced it: a stream that needs it says that the service
// is interrupted, tries again, and misses nothing.
func TestStreamGoesOnWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &flaky{}
		s := apptest.New(t, apptest.WithStore(func(st store.Store) store.Store {
			disk.Store = st
			return disk
		}))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		slow, err := customer.Conversation.FollowConversation(t.Context(),
			&kuplav1.FollowConversationRequest{ConversationId: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		slowDesk, err := nurse.Desk.WatchDesk(t.Context(), &kuplav1.WatchDeskRequest{})
		if err != nil {
			t.Fatal(err)
		}
		// Both have everything so far, and are in the middle of being sent the next message: what follows is more
		// than they are held ready.
		for range 3 {
			if _, err := slow.Receive(); err != nil {
				t.Fatal(err)
			}
			if _, err := slowDesk.Receive(); err != nil {
				t.Fatal(err)
			}
		}
		const messages = 200
		for i := range messages {
			writer := []apptest.Clients{nurse, customer.Clients}[i%2]
			writer.Say(t, customer.ID, "Hei")
			synctest.Wait()
		}
		disk.broken.Store(true)
		stream, desk := record(t, slow, describeFollowed), record(t, slowDesk, describeDesk)
		stream.want("event 3 message", "heartbeat interrupted")
		desk.want("event 3 message", "event 4 message", "heartbeat interrupted") // their own message, and the reply that it came with
		time.Sleep(time.Minute)
		for _, lines := range [][]string{stream.lines(), desk.lines()} {
			if len(lines) < 4 || len(without(lines, "heartbeat interrupted")) > 0 {
				t.Errorf("told %q in a minute of interruption", lines)
			}
		}
		for _, gap := range append(stream.gaps(), desk.gaps()...) {
			if gap > 15*time.Second {
				t.Errorf("silent for %v", gap)
			}
		}
		disk.broken.Store(false)
		time.Sleep(10 * time.Second)
		for name, rest := range map[string]struct {
			lines []string
			first int // event
		}{"stream": {stream.lines(), 4}, "desk": {desk.lines(), 5}} {
			lines, first := without(rest.lines, "heartbeat interrupted"), fmt.Sprintf("event %d message", rest.first)
			n := messages + 2 - rest.first + 1 + 1 // and the snapshot
			if len(lines) != n+1 || lines[0] != first || lines[n] != "heartbeat" {
				t.Errorf("the %s is told %d frames when it is over, the last %q", name, len(lines), lines[len(lines)-1:])
			}
		}
		stream.wantOpen()
		desk.wantOpen()
	})
}

// A stream that cannot go on from its cursor because the store cannot be read ends with that cursor, and not with one that
// begins anew: whoever keeps nothing else would be told everything again.
func TestCursorOutlivesAStreamThatCouldNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &flaky{}
		s := apptest.New(t, apptest.WithStore(func(st store.Store) store.Store {
			disk.Store = st
			return disk
		}))
		nurse := s.Staff(store.Staff{ID: "nurse"})
		customer := s.Start(apptest.Queue)
		take(t, nurse, customer.ID)
		customer.Say(t, customer.ID, "Hei")

		follow := func(cursor string) (frame *kuplav1.FollowConversationResponse) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := customer.Conversation.FollowConversation(ctx,
				&kuplav1.FollowConversationRequest{ConversationId: customer.ID, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for frame.GetHeartbeat() == nil && frame.GetGoAway() == nil {
				if frame, err = stream.Receive(); err != nil {
					t.Fatal(err)
				}
			}
			return frame
		}
		watch := func(cursor string) (frame *kuplav1.WatchDeskResponse) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := nurse.Desk.WatchDesk(ctx, &kuplav1.WatchDeskRequest{Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for frame.GetHeartbeat() == nil && frame.GetGoAway() == nil {
				if frame, err = stream.Receive(); err != nil {
					t.Fatal(err)
				}
			}
			return frame
		}
		followed, watched := follow("").GetCursor(), watch("").GetCursor()

		disk.broken.Store(true)
		if frame := follow(followed); frame.GetGoAway() == nil || frame.GetCursor() != followed {
			t.Errorf("the stream ended with %v, after it had come with the cursor %q", frame, followed)
		}
		if frame := watch(watched); frame.GetGoAway() == nil || frame.GetCursor() != watched {
			t.Errorf("the desk ended with %v, after it had come with the cursor %q", frame, watched)
		}
	})
}

// Whoever does not read at all is let go, and with nothing but their own stream: another one on the same connection
// goes on.
func TestPeerThatDoesNotReadIsLetGo(t *testing.T) {
	for name, version2 := range map[string]bool{"HTTP 1.1": false, "h2c": true} {
		t.Run(name, func(t *testing.T) {
			s := apptest.New(t)
			url := s.Listen(rpc.HTTPConfig{WriteTimeout: 200 * time.Millisecond})
			client := httpClient(t, version2)
			idle, flooded := s.Start(apptest.Queue), s.Start(apptest.Queue)
			follow := func(c apptest.Customer) interface {
				Receive() (*kuplav1.FollowConversationResponse, error)
			} {
				stream, err := apptest.Over(client, url, c.Token, connecthttp.WithCompressors()).Conversation.FollowConversation(t.Context(),
					&kuplav1.FollowConversationRequest{ConversationId: c.ID})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := stream.Receive(); err != nil {
					t.Fatal(err)
				}
				return stream
			}
			take(t, s.Staff(store.Staff{ID: "nurse"}), flooded.ID)
			reader := follow(idle)
			if _, err := reader.Receive(); err != nil { // that it began
				t.Fatal(err)
			}
			follow(flooded)
			// More than the buffers on the way hold, and not compressed.
			append10k(t, s, flooded.ID, " "+strings.Repeat("x", 1900))
			// The network is real here, and so is its time.
			for deadline := time.Now().Add(time.Minute); s.Hub.Followers() > 1; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("a peer that does not read is still fed")
				}
			}
			idle.Say(t, idle.ID, "hei")
			f, err := reader.Receive()
			for err == nil && f.GetHeartbeat() != nil { // of the time that all this took
				f, err = reader.Receive()
			}
			if err != nil || f.GetEvents().GetEvents()[0].GetMessagePosted().GetText() != "hei" {
				t.Errorf("the other stream got %v, %v", f, err)
			}
		})
	}
}

// A short answer leaves the server's buffers only after the handler has ended. Whoever does not take it is let go too.
func TestAnswerThatIsNotReadIsLetGo(t *testing.T) {
	s := apptest.New(t)
	url := s.Listen(rpc.HTTPConfig{WriteTimeout: 200 * time.Millisecond})
	t.Run("HTTP 1.1", func(t *testing.T) {
		conn := dialRaw(t, url, "")
		const request = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
		// One after the other on one connection, until the answers fill what is on the way and the server waits.
		for many := strings.Repeat(request, 100); ; {
			_, err := io.WriteString(conn, many)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("a connection whose answers nobody reads is still open")
			}
			if err != nil {
				return
			}
		}
	})
	t.Run("h2c", func(t *testing.T) {
		conn := dialRaw(t, url, http2.ClientPreface)
		framer := http2.NewFramer(conn, conn)
		framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		// No stream may send a byte of its answer.
		if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
			t.Fatal(err)
		}
		const streams = 20
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		for i := range uint32(streams) {
			block.Reset()
			for _, field := range [][2]string{
				{":method", "GET"},
				{":scheme", "http"},
				{":authority", "x"},
				{":path", "/nothing"},
			} {
				if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
					t.Fatal(err)
				}
			}
			err := framer.WriteHeaders(http2.HeadersFrameParam{
				StreamID: 2*i + 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for ended := map[uint32]bool{}; len(ended) < streams; {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("%d of %d answers that nobody takes were ended: %v", len(ended), streams, err)
			}
			if reset, ok := frame.(*http2.RSTStreamFrame); ok {
				ended[reset.StreamID] = true
			}
		}
	})
}
