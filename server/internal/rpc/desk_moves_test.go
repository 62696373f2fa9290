package rpc_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// A desk that moves to a server which was not told yet what came onto it stays whole: nothing leaves it, nothing comes
// onto it again, and every event is told once.
func TestDeskMovesBeforeTheNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := two(t)
		token := a.StaffToken(store.Staff{ID: "nurse"})
		here, there := a.Clients(token), b.Clients(token)
		nurse := available(t, a.Server, store.Staff{ID: "nurse"})
		desk := watchDesk(t, here, "")
		time.Sleep(time.Second)

		b.Deafen(true)
		customer := a.Start(apptest.Queue)
		if got := nurse.TakeNext(t); got.GetId() != customer.ID {
			t.Fatalf("took %s", got.GetId())
		}
		customer.Say(t, customer.ID, "Hei")
		synctest.Wait()
		frames := desk.all()
		cursor := frames[len(frames)-1].GetCursor()

		moved := watchDesk(t, there, cursor)
		time.Sleep(time.Second)
		if got := only(moved.lines(), "added", "removed", "event"); len(got) != 0 {
			t.Errorf("after the move the desk is told %q", got)
		}
		if n := len(moved.all()[0].GetSnapshot().GetConversations()); n != 1 {
			t.Errorf("the snapshot has %d conversations", n)
		}
		customer.Say(t, customer.ID, "Haloo?")
		b.Deafen(false)
		time.Sleep(time.Minute)
		wantLines(t, only(moved.lines(), "added", "removed", "event"), "event 4 message")
	})
}
