package torture

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kupla-chat/kupla/server/e2e/history"
	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// judge holds everything that was recorded against the store, and fills the report in.
func (r *run) judge(ctx context.Context, report *Report) (err error) {
	st, err := r.openStore(ctx)
	if err != nil {
		return fmt.Errorf("open the store after the last kill: %w", err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	var waits []history.Wait
	var told []history.Told
	report.Faults, report.Refusals, report.Trials = r.counts[faults], r.counts[refusals], r.counts[trials]
	report.StreamEnds, report.Losses = r.counts[ends], r.counts[losses]
	report.Acknowledged, report.Streams = r.acked.Load(), r.streams.Load()
	report.Interrupted = r.interrupted.Load()
	ids, err := r.allConversations(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		rec := r.record(id) // also of those whose start was never answered
		h := &rec.history
		if err := r.read(ctx, st, h); err != nil {
			return fmt.Errorf("read conversation %s: %w", id, err)
		}
		r.anomalies = append(r.anomalies, history.Check(h)...)
		waits = append(waits, r.waits(rec)...)
		told = append(told, r.told(rec)...)
		report.add(h)
	}
	for id := range r.records {
		if !slices.Contains(ids, id) {
			r.anomalyf(history.Lost, id, "the whole conversation is not in the store")
		}
	}
	if err := r.readLogs(); err != nil {
		return err
	}
	r.anomalies = append(r.anomalies, history.CheckPlaces(waits, told)...)
	r.anomalies = append(r.anomalies, checkRestarts(report.Restarts)...)
	report.Places = len(told)
	report.Anomalies = append([]history.Anomaly{}, r.anomalies...) // in JSON a list, also when it is empty
	report.Duration = time.Since(r.began).Seconds()
	if len(r.anomalies) > 0 {
		return r.keep(ctx)
	}
	return nil
}

// openStore opens the store that was written.
func (r *run) openStore(ctx context.Context) (store.Store, error) {
	if r.cluster != nil {
		return postgres.Open(ctx, r.cluster.DSN(), postgres.Options{}, store.Options{})
	}
	return sqlite.Open(ctx, r.server.Database, store.Options{})
}

// allConversations are the ids of all that the store has.
func (r *run) allConversations(ctx context.Context) ([]string, error) {
	if r.cluster != nil {
		return allInCluster(ctx, r.cluster.DSN())
	}
	return allInFile(ctx, r.server.Database)
}

func allInFile(ctx context.Context, path string) (ids []string, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "SELECT id FROM conversation ORDER BY key")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// readLogs looks for what the servers say that must not happen.
func (r *run) readLogs() error {
	if r.cluster == nil {
		return r.readLog(filepath.Join(r.config.Folder, "kuplad.log"))
	}
	for _, path := range r.cluster.Logs() {
		if err := r.readLog(path); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) readLog(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		said := lines.Text()
		if strings.Contains(said, "level=ERROR") || strings.HasPrefix(said, "panic:") || strings.HasPrefix(said, "fatal error:") {
			r.anomalyf("server log", "", "%s", said)
		}
	}
	return lines.Err()
}

// read reads what the store has of a conversation.
func (r *run) read(ctx context.Context, st store.Store, h *history.Conversation) error {
	var err error
	if h.State, err = st.Conversation(ctx, h.ID); err != nil {
		return err
	}
	if h.Log, err = st.Events(ctx, h.ID, 0, chat.MaxEvents); err != nil {
		return err
	}
	if h.QueueID != "" {
		return nil
	}
	// The answer to its start never came, and only professionals saw it.
	h.QueueID = h.State.QueueID
	for _, e := range h.Log {
		if t, ok := e.Kind.(chat.Transferred); ok {
			h.QueueID = t.SourceQueueID
			break
		}
	}
	for _, e := range h.Log {
		if m, ok := e.Kind.(chat.MessagePosted); ok && r.unknown[m.Text] {
			h.Messages = append(h.Messages, &history.Message{Sender: history.Customer, Text: m.Text})
		}
	}
	return nil
}

// waits are the times for which a conversation waited, as its log has them.
func (r *run) waits(rec *record) []history.Wait {
	var all []history.Wait
	h := &rec.history
	waiting := false
	begin := func(queueID string, at history.Moment) {
		waiting = true
		all = append(all, history.Wait{Conversation: h.ID, QueueID: queueID, Arrival: h.State.ArrivalTime, From: at})
	}
	for i, e := range h.Log {
		at := r.moment(rec, e)
		ends := false
		switch k := e.Kind.(type) {
		case chat.ParticipantJoined:
			if i == 0 {
				begin(h.QueueID, at)
			}
			ends = k.Participant.Role == chat.Professional
		case chat.Transferred:
			if k.ParticipantID == "" {
				begin(k.QueueID, at)
			}
		case chat.ReturnedToQueue:
			begin(k.QueueID, at)
		case chat.ConversationClosed:
			ends = true
		}
		if ends && waiting {
			waiting = false
			all[len(all)-1].To = at
		}
	}
	return all
}

// moment is when an event happened: not before its time, which may have been held back when the clock went back, and
// not after anybody heard of it.
func (r *run) moment(rec *record, e chat.Event) history.Moment {
	m, ok := r.clock.when(e.Time)
	if !ok {
		m.Earliest = r.began
	}
	m.Latest = time.Now()
	if seen, heard := rec.seen[e.Sequence]; heard {
		m.Latest = seen
	}
	return m
}

// told are the places that a conversation's customer was told.
func (r *run) told(rec *record) []history.Told {
	var all []history.Told
	for _, t := range rec.told {
		at, ok := r.clock.when(t.asOf)
		if !ok {
			r.anomalies = append(r.anomalies, history.Anomaly{Kind: history.FalsePlace, Conversation: rec.history.ID, Detail: fmt.Sprintf(
				"told place %d as of %s, which the server's clock never showed", t.position, t.asOf)})
			continue
		}
		if r.cluster != nil {
			at.Earliest = r.interruptions.reaching(at.Earliest.Add(-heardWithin), at.Latest)
		}
		all = append(all, history.Told{Conversation: rec.history.ID, Position: t.position, AsOf: at})
	}
	return all
}

// keep writes down what is needed to look into anomalies: the database and the histories they are about.
func (r *run) keep(ctx context.Context) error {
	if r.cluster == nil {
		if err := r.keepFile(ctx); err != nil {
			return fmt.Errorf("keep the database: %w", err)
		}
	}
	path := filepath.Join(r.config.Folder, "histories")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	folder, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	written := map[string]bool{}
	for _, a := range r.anomalies {
		rec := r.records[a.Conversation]
		if rec == nil || written[a.Conversation] {
			continue
		}
		written[a.Conversation] = true
		if err := folder.WriteFile(a.Conversation+".txt", []byte(transcript(&rec.history)), 0o600); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// keepFile keeps the SQLite file. The store is open, so that it is copied whole by the database alone.
func (r *run) keepFile(ctx context.Context) error {
	db, err := sql.Open("sqlite", r.server.Database)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", filepath.Join(r.config.Folder, "kupla.db"))
	return errors.Join(err, db.Close())
}

// transcript is a history as a person reads it.
func transcript(h *history.Conversation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "conversation %s, started in %s\n\nin the store\n", h.ID, h.QueueID)
	for _, e := range h.Log {
		fmt.Fprintf(&b, "  %s\n", history.FromStore(e).Line)
	}
	b.WriteString("\nwritten\n")
	for _, m := range h.Messages {
		fmt.Fprintf(&b, "  %s by %s, acknowledged %v by %s, refused %t: %q\n", m.Sent.Format(time.RFC3339Nano), m.Sender, m.Sequences,
			m.Acked.Format(time.RFC3339Nano), m.Refused, m.Text)
	}
	for _, v := range h.Views {
		fmt.Fprintf(&b, "\nhanded to %s by %s after %d, whole %t, removed %t\n", v.Viewer, v.By, v.After, v.Whole, v.Removed)
		for _, e := range v.Events {
			fmt.Fprintf(&b, "  %s\n", e.Line)
		}
	}
	return b.String()
}
