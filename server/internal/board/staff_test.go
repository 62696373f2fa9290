package board_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Colleagues are the other professionals, by name; supervisors who answer nobody are none.
func TestColleagues(t *testing.T) {
	w := newWorld(t, board.Config{})
	lead := professional("lead")
	lead.Roles = []store.Role{store.RoleSupervisor}
	same := professional("other")
	same.DisplayName = "Testi nurse"
	w.staff(professional("zoe", oral), same, professional("nurse", oral), professional("me", oral), lead)
	w.start("a", oral, "fi")
	w.take("a", "zoe")
	var got []string
	for _, m := range w.Colleagues("me") {
		got = append(got, fmt.Sprintf("%s:%d", m.ID, m.Conversations))
	}
	if want := []string{"nurse:0", "other:0", "zoe:1"}; !slices.Equal(got, want) {
		t.Errorf("colleagues are %v, want %v", got, want)
	}
	if _, ok := w.Staff("nobody"); ok {
		t.Error("there is a staff member whom nobody has heard of")
	}
}

// A profile that has changed is told; what they are doing now stays as it is. One that has not is not told:
// it is looked at with every call.
func TestProfile(t *testing.T) {
	w := newWorld(t, board.Config{})
	busy := professional("nurse", oral)
	busy.Availability, busy.AvailabilityTime = store.OnPhone, monday
	w.staff(busy)
	desk := w.hub.FollowDesk("nurse", w.now)
	profile := busy
	profile.Availability, profile.AvailabilityTime = store.Away, time.Time{} // as an old read may say
	w.Profile(profile)
	if taken(desk).Staff {
		t.Error("told of a profile that has not changed")
	}
	profile.QueueIDs = []string{oral, child}
	w.Profile(profile)
	if !taken(desk).Staff {
		t.Error("not told of another queue")
	}
	m, _ := w.Staff("nurse")
	if !slices.Equal(m.QueueIDs, profile.QueueIDs) || m.Availability != store.OnPhone || !m.AvailabilityTime.Equal(monday) {
		t.Errorf("the nurse is %+v", m)
	}
	// Of somebody not heard of yet, the read is all there is.
	fresh := professional("doctor", oral)
	w.Profile(fresh)
	if m, ok := w.Staff("doctor"); !ok || m.Availability != store.Available {
		t.Errorf("the doctor is %+v", m)
	}
}

// A desk lists its open conversations as they were started.
func TestDesk(t *testing.T) {
	w := newWorld(t, board.Config{})
	w.staff(professional("nurse", oral))
	for n, id := range []string{"late", "later", "latest"} {
		w.now = monday.Add(time.Duration(3-n) * time.Minute)
		w.start(id, oral, "fi")
		w.take(id, "nurse")
	}
	if got, want := w.Desk("nurse"), []string{"latest", "later", "late"}; !slices.Equal(got, want) {
		t.Errorf("on the desk: %v, want %v", got, want)
	}
	w.close("later")
	if got, want := w.Desk("nurse"), []string{"latest", "late"}; !slices.Equal(got, want) {
		t.Errorf("on the desk after a close: %v, want %v", got, want)
	}
	if got := w.Desk("nobody"); len(got) != 0 {
		t.Errorf("on nobody's desk: %v", got)
	}
}
