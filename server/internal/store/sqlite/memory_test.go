package sqlite

import (
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store/committer"
)

func TestLRU(t *testing.T) {
	var l lru[int, string]
	l.limit, l.limitBytes = 3, 10
	if _, ok := l.get(1); ok {
		t.Error("an empty cache holds something")
	}
	holds := func(want ...int) {
		t.Helper()
		if len(l.entries) != len(want) {
			t.Errorf("holds %d entries, want %v", len(l.entries), want)
		}
		bytes := 0
		for e := l.root.next; e != &l.root; e = e.next {
			bytes += e.bytes
			if len(want) == 0 || e.key != want[0] {
				t.Fatalf("holds %d, want %v", e.key, want)
			}
			want = want[1:]
		}
		if bytes != l.bytes {
			t.Errorf("counts %d bytes, holds %d", l.bytes, bytes)
		}
	}
	l.put(1, "a", 2)
	l.put(2, "b", 2)
	l.put(3, "c", 2)
	holds(3, 2, 1)
	if v, ok := l.get(1); !ok || v != "a" {
		t.Errorf("got %q, %v", v, ok)
	}
	holds(1, 3, 2)
	l.put(4, "d", 2)
	holds(4, 1, 3)
	l.put(3, "C", 7)
	holds(3, 4) // With 1 they would be 11 bytes.
	l.put(5, "e", 100)
	holds()
	l.clear()
	holds()
}

// TestMemoryTakesNoStaleRead has a reader come back with what it read before a commit.
func TestMemoryTakesNoStaleRead(t *testing.T) {
	closed := func(version int64) committer.Conversation {
		return committer.Conversation{Key: 1, Version: version, State: &chat.Conversation{ID: "c", State: chat.Closed}}
	}
	written := &committer.Writes{Conversations: []*committer.ConversationWrite{{
		Key: 1, Version: 2, Before: closed(1).State, After: closed(2).State,
	}}}
	version := func(m *memory) int64 {
		c, _, _ := m.conversation("c")
		return c.Version
	}
	for name, test := range map[string]func(m *memory, read func() int64){
		"read before, kept during": func(m *memory, read func() int64) {
			epoch := read()
			m.committing()
			m.keep(closed(1), 10, epoch)
			if v := version(m); v != 0 {
				t.Errorf("kept version %d while it was being replaced", v)
			}
			m.apply(written)
		},
		"read before, kept after": func(m *memory, read func() int64) {
			epoch := read()
			m.committing()
			m.apply(written)
			m.keep(closed(1), 10, epoch)
		},
		"read during, kept during": func(m *memory, read func() int64) {
			m.committing()
			m.keep(closed(1), 10, read())
			m.apply(written)
		},
		"read during, kept after it was dropped again": func(m *memory, read func() int64) {
			m.committing()
			epoch := read()
			m.apply(written)
			m.closed.clear()
			m.keep(closed(1), 10, epoch)
			if v := version(m); v != 0 {
				t.Errorf("kept version %d, replaced since", v)
			}
			m.keep(closed(2), 10, read())
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			test(m, func() int64 { _, epoch, _ := m.conversation("c"); return epoch })
			if v := version(m); v != 2 {
				t.Errorf("remembers version %d, want 2", v)
			}
		})
	}
}

func TestMemoryKeepsClosedOnly(t *testing.T) {
	m := newMemory()
	open := committer.Conversation{State: &chat.Conversation{ID: "c", State: chat.Waiting, ArrivalTime: time.Unix(1, 0)}}
	_, epoch, _ := m.conversation("c")
	m.keep(open, 10, epoch)
	if _, _, ok := m.conversation("c"); ok {
		t.Error("an open conversation was kept beside the open ones")
	}
}
