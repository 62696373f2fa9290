package cli

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func (a *app) queuesCommand() *cobra.Command {
	s := &script{app: a}
	var watch bool
	cmd := &cobra.Command{
		Use:                   "queues",
		DisableFlagsInUseLine: true,
		Short:                 a.texts.QueuesShort,
		Long:                  a.texts.QueuesLong,
		Args:                  a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := s.client()
			defer client.Close()
			if watch {
				return s.watchQueues(cmd.Context(), client, nil, false)
			}
			return s.listQueues(cmd.Context(), client)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, a.texts.FlagWatch)
	cmd.AddCommand(a.queuesGet(), a.queuesWatch(), a.queuesPause(), a.queuesResume())
	return s.calls(cmd)
}

func (s *script) listQueues(ctx context.Context, client *kupla.Client) error {
	queues, err := listQueues(ctx, client)
	if err != nil {
		return err
	}
	if !s.inJSON() {
		return s.printQueues(queues)
	}
	for _, queue := range queues {
		if err := s.print(queue, nil); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) queuesWatch() *cobra.Command {
	s := &script{app: a}
	var once bool
	cmd := a.command("queues watch", "["+a.texts.WordQueue+"…]", 100, func(cmd *cobra.Command, args []string) error {
		client := s.client()
		defer client.Close()
		return s.watchQueues(cmd.Context(), client, args, once)
	})
	cmd.Flags().BoolVar(&once, "once", false, a.texts.Script.Flags["once"])
	return s.calls(cmd)
}

// watchQueues prints how queues are, and then what changes: for people a line whenever what they can see of a
// queue changes, for programs every frame.
func (s *script) watchQueues(ctx context.Context, client *kupla.Client, ids []string, once bool) error {
	// Whether there is a service at all, and such queues, is told at once. What is followed tries for ever.
	first, err := s.queuesNow(ctx, client, ids)
	if err != nil {
		return err
	}
	lines := &queueLines{script: s, names: make(map[string]string), shown: make(map[string]string)}
	if !s.inJSON() {
		if err := s.printQueues(first); err != nil {
			return err
		}
		lines.learn(first)
		if once {
			return nil
		}
	}
	state := &linkTold{app: s.app}
	for update, err := range client.WatchQueues(ctx, ids...) {
		if err != nil {
			return s.endOfFollowing(ctx, err)
		}
		switch update.Kind {
		case kupla.QueuesConnected:
			state.connected()
		case kupla.QueuesDisconnected:
			if once {
				return update.Connection.Cause // whoever asks once wants to know now
			}
			state.disconnected()
		case kupla.QueuesInterrupted:
			state.outageBegan()
		case kupla.QueuesRestored:
			state.outageEnded()
		default:
			if err := s.print(queuesFrame(update), func() string { return lines.update(update) }); err != nil {
				return err
			}
			if once && update.Kind == kupla.QueuesSnapshot {
				return nil
			}
		}
	}
	return nil
}

// queuesNow returns the queues with the given ids, or all of them.
func (s *script) queuesNow(ctx context.Context, client *kupla.Client, ids []string) ([]*kuplav1.QueueWithStatus, error) {
	if len(ids) == 0 {
		return listQueues(ctx, client)
	}
	var queues []*kuplav1.QueueWithStatus
	for _, id := range ids {
		queue, err := client.Queue(ctx, id)
		if err != nil {
			return nil, err
		}
		queues = append(queues, queue)
	}
	return queues, nil
}

// queuesFrame returns an update as the frame of the contract that it came in.
func queuesFrame(update kupla.QueuesUpdate) *kuplav1.WatchQueuesResponse {
	frame := &kuplav1.WatchQueuesResponse{}
	switch update.Kind {
	case kupla.QueuesSnapshot:
		frame.Frame = &kuplav1.WatchQueuesResponse_Snapshot{Snapshot: &kuplav1.QueuesSnapshot{Queues: update.Queues}}
	case kupla.QueuesStatus:
		frame.Frame = &kuplav1.WatchQueuesResponse_Status{Status: &kuplav1.QueueStatusChange{
			QueueId: update.QueueID, Status: update.Status,
		}}
	default: // of a later version, or not of the contract
	}
	return frame
}

// queueLines tells how queues change as lines for people.
type queueLines struct {
	*script
	names, shown map[string]string
}

// learn takes in what was shown already.
func (l *queueLines) learn(queues []*kuplav1.QueueWithStatus) {
	for _, queue := range queues {
		id := queue.GetQueue().GetId()
		l.names[id] = in(l.language, queue.GetQueue().GetName())
		l.shown[id] = l.queueLine(l.names[id], queue.GetStatus())
	}
}

func (l *queueLines) update(update kupla.QueuesUpdate) string {
	var text strings.Builder
	for _, queue := range update.Queues {
		l.names[queue.GetQueue().GetId()] = in(l.language, queue.GetQueue().GetName())
		text.WriteString(l.queue(queue.GetQueue().GetId(), queue.GetStatus()))
	}
	if update.Kind == kupla.QueuesStatus {
		text.WriteString(l.queue(update.QueueID, update.Status))
	}
	return text.String()
}

// queue returns a line about a queue, or nothing when it would be the same as the last one.
func (l *queueLines) queue(id string, status *kuplav1.QueueStatus) string {
	line := l.queueLine(l.names[id], status)
	if line == l.shown[id] {
		return ""
	}
	l.shown[id] = line
	return fill(line, "time", time.Now().In(l.zone).Format("15:04:05")) + "\n"
}

func (a *app) queuesGet() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("queues get", a.texts.WordQueue, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{a.texts.MissingQueue}
		}
		client := s.client()
		defer client.Close()
		found, err := client.Queue(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return s.print(&kuplav1.GetQueueResponse{Queue: found.GetQueue(), Status: found.GetStatus()}, func() string {
			return s.queueFacts(found)
		})
	})
	return s.calls(cmd)
}

// queueFacts tells a queue to people.
func (s *script) queueFacts(found *kuplav1.QueueWithStatus) string {
	queue, status := found.GetQueue(), found.GetStatus()
	var languages []string
	for _, code := range queue.GetLanguages() {
		languages = append(languages, s.languageName(code))
	}
	wait, _ := s.wait(status.GetEstimate())
	if status.GetState() != kuplav1.QueueState_QUEUE_STATE_OPEN {
		wait = "" // nobody can come, so there is no newcomer's wait
	}
	return facts(
		s.label("queue"), queue.GetId(),
		s.label("name"), in(s.language, queue.GetName()),
		s.label("description"), in(s.language, queue.GetDescription()),
		s.label("state"), s.queueState(status),
		s.label("waiting"), strconv.Itoa(int(status.GetWaitingCount())),
		s.label("wait"), wait,
		s.label("languages"), strings.Join(languages, ", "),
		s.label("phone"), queue.GetPhone(),
		s.label("notice"), in(s.language, queue.GetNotice()),
		s.label("notice-version"), queue.GetNoticeVersion(),
		s.label("transfers"), strings.Join(queue.GetTransferQueueIds(), ", "),
	)
}

func (a *app) queuesPause() *cobra.Command {
	s := &script{app: a}
	var until string
	var lasts time.Duration
	cmd := a.command("queues pause", a.texts.WordQueue, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{a.texts.MissingQueue}
		}
		req := &kuplav1.PauseQueueRequest{QueueId: args[0]}
		switch {
		case until != "" && lasts != 0:
			return usageError{a.texts.Script.UntilOrFor}
		case until != "":
			moment, err := time.Parse(time.RFC3339, until)
			if err != nil {
				return usageError{fill(a.texts.Script.BadMoment, "value", until)}
			}
			req.ResumeTime = timestamppb.New(moment)
		case lasts < 0:
			return usageError{fill(a.texts.BadFlag, "flag", "--for")}
		case lasts > 0:
			req.ResumeTime = timestamppb.New(time.Now().Add(lasts).Round(time.Second))
		}
		client := s.client()
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.PauseQueueRequest, *kuplav1.PauseQueueResponse]{
			request: req,
			call:    client.DeskService().PauseQueue,
			check:   func(ctx context.Context) error { return s.checkQueue(ctx, client, args[0]) },
			words:   func(res *kuplav1.PauseQueueResponse) string { return s.waitingFacts(res.GetWaiting()) },
		})
	})
	cmd.Flags().StringVar(&until, "until", "", a.texts.Script.Flags["until"])
	cmd.Flags().DurationVar(&lasts, "for", 0, a.texts.Script.Flags["for"])
	return s.writes(cmd, &kuplav1.PauseQueueRequest{})
}

func (a *app) queuesResume() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("queues resume", a.texts.WordQueue, 1, func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{a.texts.MissingQueue}
		}
		client := s.client()
		defer client.Close()
		return runWrite(cmd.Context(), s, client, write[*kuplav1.ResumeQueueRequest, *kuplav1.ResumeQueueResponse]{
			request: &kuplav1.ResumeQueueRequest{QueueId: args[0]},
			call:    client.DeskService().ResumeQueue,
			check:   func(ctx context.Context) error { return s.checkQueue(ctx, client, args[0]) },
			words:   func(res *kuplav1.ResumeQueueResponse) string { return s.waitingFacts(res.GetWaiting()) },
		})
	})
	return s.writes(cmd, &kuplav1.ResumeQueueRequest{})
}

// checkQueue tells whether there is such a queue, and whether the token is of a supervisor of it.
func (s *script) checkQueue(ctx context.Context, client *kupla.Client, id string) error {
	if _, err := client.Queue(ctx, id); err != nil {
		return err
	}
	// Feedback, too, is for the supervisors of a queue only. To look at the desk instead would open a stream, and
	// tell the service that a professional is there.
	today := time.Now().In(s.zone).Format(time.DateOnly)
	_, err := kupla.Call(ctx, client, &kuplav1.SummarizeFeedbackRequest{QueueId: id, StartDate: today, EndDate: today},
		client.FeedbackService().SummarizeFeedback)
	return err
}

// waitingFacts tells who waits in a queue to people.
func (s *script) waitingFacts(waiting *kuplav1.Waiting) string {
	state := s.texts.QueueStates[kuplav1.QueueState_QUEUE_STATE_OPEN]
	if waiting.GetPaused() {
		state = s.texts.QueueStates[kuplav1.QueueState_QUEUE_STATE_PAUSED]
	}
	return facts(
		s.label("queue"), waiting.GetQueueId(),
		s.label("state"), state,
		s.label("waiting"), strconv.Itoa(int(waiting.GetCount())))
}

// queueLine returns a line about a queue, with the time left open.
func (a *app) queueLine(name string, status *kuplav1.QueueStatus) string {
	wait, _ := a.wait(status.GetEstimate())
	return fill(a.texts.QueueLine,
		"queue", oneLine(name), "state", a.queueState(status), "waiting", status.GetWaitingCount(), "wait", wait)
}

func (a *app) printQueues(queues []*kuplav1.QueueWithStatus) error {
	if len(queues) == 0 {
		return a.write([]byte(a.texts.NoQueues + "\n"))
	}
	rows := [][]string{{
		a.texts.ColumnQueue, a.texts.ColumnName, a.texts.ColumnState, a.texts.ColumnWaiting, a.texts.ColumnWait,
	}}
	for _, queue := range queues {
		wait, _ := a.wait(queue.GetStatus().GetEstimate())
		if queue.GetStatus().GetState() != kuplav1.QueueState_QUEUE_STATE_OPEN {
			wait = "-" // nobody can come, so there is no newcomer's wait
		}
		rows = append(rows, []string{
			queue.GetQueue().GetId(), in(a.language, queue.GetQueue().GetName()), a.queueState(queue.GetStatus()),
			strconv.Itoa(int(queue.GetStatus().GetWaitingCount())), wait,
		})
	}
	return a.write([]byte(table(rows)))
}

// table sets rows in columns.
func table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			row[i] = oneLine(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			text.WriteString(cell)
			if i < len(row)-1 {
				text.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		text.WriteByte('\n')
	}
	return text.String()
}

func listQueues(ctx context.Context, client *kupla.Client) ([]*kuplav1.QueueWithStatus, error) {
	var queues []*kuplav1.QueueWithStatus
	for queue, err := range client.Queues(ctx) {
		if err != nil {
			return nil, err
		}
		queues = append(queues, queue)
	}
	return queues, nil
}
