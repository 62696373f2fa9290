package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func (a *app) queuesCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:                   "queues",
		DisableFlagsInUseLine: true,
		Short:                 a.texts.QueuesShort,
		Long:                  a.texts.QueuesLong,
		Args:                  a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.runQueues(cmd.Context(), watch)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, a.texts.FlagWatch)
	return cmd
}

func (a *app) runQueues(ctx context.Context, watch bool) error {
	client := a.quickClient()
	defer client.Close()
	queues, err := listQueues(ctx, client)
	if err != nil {
		return err
	}
	a.printQueues(queues)
	if !watch {
		return nil
	}
	return a.watchQueues(ctx, client, queues)
}

// watchQueues prints a line whenever what can be seen of a queue changes.
func (a *app) watchQueues(ctx context.Context, client *kupla.Client, queues []*kuplav1.QueueWithStatus) error {
	out := newConsole(strings.NewReader(""), a.stdout, a.env)
	defer out.close()
	names := make(map[string]string)
	shown := make(map[string]string)
	for _, queue := range queues {
		names[queue.GetQueue().GetId()] = in(a.language, queue.GetQueue().GetName())
		shown[queue.GetQueue().GetId()] = a.queueLine(names[queue.GetQueue().GetId()], queue.GetStatus())
	}
	show := func(id string, status *kuplav1.QueueStatus) {
		if line := a.queueLine(names[id], status); line != shown[id] {
			shown[id] = line
			out.tell(line, "time", time.Now().In(a.zone).Format("15:04:05"))
		}
	}
	connected := true // the list was got just now
	for update, err := range client.WatchQueues(ctx) {
		if ctx.Err() != nil {
			return nil // watching ends when the person ends it
		}
		if err != nil {
			return err
		}
		switch update.Kind {
		case kupla.QueuesConnected:
			if !connected {
				out.say(a.texts.ConnectionBack)
			}
			connected = true
		case kupla.QueuesDisconnected:
			if connected {
				out.tell(a.texts.NotConnected, "server", a.server)
			}
			connected = false
		case kupla.QueuesSnapshot:
			for _, queue := range update.Queues {
				names[queue.GetQueue().GetId()] = in(a.language, queue.GetQueue().GetName())
				show(queue.GetQueue().GetId(), queue.GetStatus())
			}
		case kupla.QueuesStatus:
			show(update.QueueID, update.Status)
		}
	}
	return nil
}

// queueLine returns a line about a queue, with the time left open.
func (a *app) queueLine(name string, status *kuplav1.QueueStatus) string {
	wait, _ := a.wait(status.GetEstimate())
	return fill(a.texts.QueueLine,
		"queue", oneLine(name), "state", a.queueState(status), "waiting", status.GetWaitingCount(), "wait", wait)
}

func (a *app) printQueues(queues []*kuplav1.QueueWithStatus) {
	if len(queues) == 0 {
		_, _ = fmt.Fprintln(a.stdout, a.texts.NoQueues)
		return
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
	_, _ = fmt.Fprint(a.stdout, table(rows))
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
