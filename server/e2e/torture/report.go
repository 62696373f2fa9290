package torture

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Report is what a run did and found.
type Report struct {
	// Scenario is what was done to a cluster of so many Servers; empty without one.
	Scenario string    `json:"scenario,omitempty"`
	Servers  int       `json:"servers,omitempty"`
	Seed     uint64    `json:"seed"`
	Start    time.Time `json:"start"`
	Duration float64   `json:"duration_seconds"`

	// Messages is how many are stored, Acknowledged how many answers said so, repeats left out.
	Messages      int   `json:"messages"`
	Acknowledged  int64 `json:"acknowledged"`
	Conversations int   `json:"conversations"`
	Closed        int   `json:"closed"`
	// Histories is how many were checked: one for each follower of each conversation, and the log. Events is how many
	// events they hold, Whole how many reached the end of a closed conversation.
	Histories int   `json:"histories"`
	Whole     int   `json:"whole_histories"`
	Events    int   `json:"events"`
	Places    int   `json:"places"`
	Streams   int64 `json:"streams"`
	// Interrupted is how often followers were told that the service is interrupted, on streams that stood.
	Interrupted int64 `json:"told_interrupted"`

	Faults     map[string]int `json:"faults"`
	Trials     map[string]int `json:"trials"`
	Refusals   map[string]int `json:"refusals"`
	StreamEnds map[string]int `json:"stream_ends"`
	Losses     map[string]int `json:"lost_connections"`

	Anomalies []history.Anomaly `json:"anomalies"`

	// Restarts is what the server used after each start, Steady under an even load at the end.
	Restarts []Sample `json:"after_restarts"`
	Steady   []Sample `json:"steady"`
	Flat     []Flat   `json:"flat"`

	histories []*history.Conversation
}

// add counts a history.
func (r *Report) add(h *history.Conversation) {
	r.histories = append(r.histories, h)
	r.Conversations++
	if h.State.State == chat.Closed {
		r.Closed++
	}
	r.Histories += 1 + len(h.Views)
	r.Events += len(h.Log)
	for _, e := range h.Log {
		if _, ok := e.Kind.(chat.MessagePosted); ok {
			r.Messages++
		}
	}
	for _, v := range h.Views {
		r.Events += len(v.Events)
		if v.Whole {
			r.Whole++
		}
	}
}

// Found is how many things must not be.
func (r *Report) Found() int { return len(r.Anomalies) }

// WriteFile writes the report as JSON.
func (r *Report) WriteFile(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeReport(path, data)
}

func writeReport(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // A report is for everybody.
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // As above.
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	if r.Scenario != "" {
		fmt.Fprintf(w, "\n%d servers on PostgreSQL: %s\n", r.Servers, r.Scenario)
	}
	fmt.Fprintf(w, "\nseed %d, %.0f s, from %s\n\n", r.Seed, r.Duration, r.Start.Format(time.DateTime))
	fmt.Fprintf(w, "messages stored        %8d   (%d acknowledged)\n", r.Messages, r.Acknowledged)
	fmt.Fprintf(w, "conversations          %8d   (%d closed)\n", r.Conversations, r.Closed)
	fmt.Fprintf(w, "histories checked      %8d   (%d to the very end, %d events)\n", r.Histories, r.Whole, r.Events)
	fmt.Fprintf(w, "places checked         %8d\n", r.Places)
	fmt.Fprintf(w, "streams opened         %8d\n", r.Streams)
	fmt.Fprintf(w, "told of interruptions  %8d\n", r.Interrupted)
	for _, group := range []struct {
		title  string
		counts map[string]int
	}{
		{"faults injected", r.Faults},
		{"trials", r.Trials},
		{"refusals", r.Refusals},
		{"ends of streams of the generated clients", r.StreamEnds},
		{"lost connections of the SDK's followers", r.Losses},
	} {
		fmt.Fprintf(w, "\n%s\n", group.title)
		for _, kind := range slices.Sorted(maps.Keys(group.counts)) {
			fmt.Fprintf(w, "  %-46s %8d\n", kind, group.counts[kind])
		}
	}
	fmt.Fprintf(w, "\nthe server under an even load         at first     at last    at most\n")
	for _, f := range r.Flat {
		fmt.Fprintf(w, "  %-32s %11d %11d %11d\n", f.What, f.Before, f.After, f.Bound)
	}
	fmt.Fprintf(w, "\nanomalies: %d\n", len(r.Anomalies))
	for _, a := range r.Anomalies {
		fmt.Fprintf(w, "  %s %s\n    %s\n", a.Kind, a.Conversation, a.Detail)
	}
}
