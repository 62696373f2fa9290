package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

func (a *app) deskCommand() *cobra.Command {
	var plain bool
	command := &cobra.Command{
		Use:                   "desk",
		DisableFlagsInUseLine: true,
		Short:                 a.texts.DeskShort,
		Long:                  a.texts.DeskLong,
		Args:                  a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.token == "" {
				return usageError{a.texts.MissingToken}
			}
			// Line by line is what a screen reader reads well, and all that a pipe can have.
			if plain || !onTerminal(a.stdin, a.stdout, a.env) {
				return a.runDesk(cmd.Context())
			}
			return a.runScreen(cmd.Context())
		},
	}
	command.Flags().BoolVar(&plain, "plain", false, a.texts.Screen.FlagPlain)
	return command
}

// desk is a professional's desk. Everything in it belongs to the loop.
type desk struct {
	*app
	client  *kupla.Client
	console *console
	aside   *courier

	queues   []*kuplav1.QueueWithStatus
	self     *kuplav1.Professional
	waiting  []*kuplav1.Waiting // by queue, in the order they are told
	listed   []string           // the conversations that wait, by the numbers they were last listed with
	shown    map[string]string  // what was last printed about who waits, by queue
	mine     []*deskConversation
	numbers  int // given out so far
	current  *deskConversation
	others   []*kuplav1.Professional
	ready    bool // whether the desk has been shown, so that lines can take effect
	lost     bool // whether the loss of the connection was told
	outage   bool // whether the service said that it is interrupted
	everHere bool
	waitList bool                // whether who waits is to be printed as a list, with the first snapshot
	taking   bool                // whether a take is under way, which brings a conversation that is no news
	arrived  []*deskConversation // what came onto the desk meanwhile
}

// deskConversation is one conversation on the desk.
type deskConversation struct {
	id           string
	number       int
	conversation *kupla.Conversation
	snapshot     *kuplav1.ConversationSnapshot
	people       *people
	lines        []string // what was said, for when it is opened
	unread       int
	closed       bool
	expires      time.Time // as it was last told
	last         int32     // the number of the last event
}

// rememberedLines is how much of a conversation is shown when it is opened again.
const rememberedLines = 30

func (a *app) runDesk(ctx context.Context) error {
	quick := a.quickClient()
	defer quick.Close()
	// Whether the service can be reached at all is told before anything else.
	queues, err := listQueues(ctx, quick)
	if err != nil {
		return err
	}
	d := &desk{app: a, client: a.patientClient(), queues: queues, shown: make(map[string]string), waitList: true}
	defer d.client.Close()
	d.console = newConsole(a.stdin, a.stdout, a.env)
	defer d.console.close()
	return d.work(ctx)
}

// work is the loop of the desk.
func (d *desk) work(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	calls := newWorker(running)
	d.aside = newCourier(running)
	updates, done := relay(running, d.client.WatchDesk(running, kupla.WatchDeskOptions{}))
	defer func() {
		stop()
		<-done
		calls.close()
		d.aside.close()
	}()

	lines := d.console.input()
	for {
		// Lines wait while a call runs, so that they take effect in order, and until the desk is there.
		var next <-chan string
		if !calls.busy && d.ready {
			next = lines
		}
		select {
		case told, open := <-updates:
			switch {
			case !open || told.err != nil && ctx.Err() != nil:
				return d.leave()
			case told.err != nil:
				return told.err
			}
			d.show(told.update)
		case line, open := <-next:
			if !open || d.do(line, calls) {
				return d.leave()
			}
		case result := <-calls.results:
			calls.finish(result)
		case <-d.console.keys:
			if d.current != nil && can(d.current.snapshot, kuplav1.Capability_CAPABILITY_SEND_MESSAGE) {
				d.aside.typing(d.current.conversation)
			}
		case <-d.console.left:
			return d.leave()
		case <-ctx.Done():
			return d.leave()
		}
	}
}

// leave ends the program.
func (d *desk) leave() error {
	for _, one := range d.mine {
		if !one.closed {
			d.console.say(d.texts.QuitWithConversations)
			break
		}
	}
	return nil
}

// show tells what happened.
func (d *desk) show(update kupla.DeskUpdate) {
	switch update.Kind {
	case kupla.DeskConnected:
		if d.lost {
			d.console.say(d.texts.ConnectionBack)
		}
		d.everHere, d.lost = true, false
	case kupla.DeskDisconnected:
		switch {
		case d.outage: // which is told, and why nothing comes
			return
		case d.lost:
		case d.everHere:
			d.console.say(d.texts.DeskConnectionLost)
		default:
			d.console.tell(d.texts.NotConnected, "server", d.server)
		}
		d.lost = true
	case kupla.DeskInterrupted:
		d.outage = true
		d.console.say(d.texts.DeskInterrupted)
	case kupla.DeskRestored:
		d.outage = false
		d.console.say(d.texts.InterruptionOver)
	case kupla.DeskReset:
		d.console.say(d.texts.StartedOver)
		d.mine, d.current, d.waitList = nil, nil, true
		d.setPrompt()
	case kupla.DeskSnapshot:
		d.showSnapshot(update.Snapshot)
	case kupla.DeskCaughtUp:
		if !d.ready {
			d.ready = true
			d.showStart()
		}
	case kupla.DeskWaiting:
		d.learnWaiting(update.Waiting)
		d.showWaiting(update.Waiting)
	case kupla.DeskColleagues:
		d.others = update.Colleagues
	case kupla.DeskConversationAdded:
		one := d.conversation(update.ConversationID)
		one.learn(update.Conversation)
		switch {
		case d.taking:
			d.arrived = append(d.arrived, one)
		case one != d.current:
			d.showArrival(one)
		}
	case kupla.DeskConversationRemoved:
		d.remove(update.ConversationID, update.Removal)
	case kupla.DeskConversation:
		one := d.conversation(update.ConversationID)
		one.learn(update.Conversation)
		d.showExpiry(one)
	case kupla.DeskEvent:
		d.showEvent(d.conversation(update.ConversationID), update.Event, update.History)
	case kupla.DeskTyping:
		one := d.conversation(update.ConversationID)
		if text := one.people.types(update.Typing.GetParticipantId()); text != "" && one == d.current {
			d.console.say(one.line(text))
		}
	case kupla.DeskPresence:
		one := d.conversation(update.ConversationID)
		if text := one.people.comesOrGoes(update.Presence); text != "" {
			d.console.say(one.line(text))
		}
	default: // how far others have read, and what later versions tell
	}
}

func (d *desk) showSnapshot(snapshot *kuplav1.DeskSnapshot) {
	d.self, d.others = snapshot.GetProfessional(), snapshot.GetColleagues()
	d.waiting = nil
	for _, waiting := range snapshot.GetWaiting() {
		d.learnWaiting(waiting)
		if !d.waitList {
			d.showWaiting(waiting)
		}
	}
	for _, conversation := range snapshot.GetConversations() {
		one := d.conversation(conversation.GetConversation().GetId())
		one.learn(conversation)
		d.showExpiry(one)
	}
	if d.waitList && d.ready {
		d.showStart() // after a reset
	}
}

// showStart shows the desk as a whole.
func (d *desk) showStart() {
	d.waitList = false
	d.console.tell(d.texts.DeskWelcome,
		"name", oneLine(d.self.GetDisplayName()), "availability", d.availability(d.self.GetAvailability()))
	d.list()
}

// conversation returns the conversation with the given id, which is new to the desk when it was not there.
func (d *desk) conversation(id string) *deskConversation {
	for _, one := range d.mine {
		if one.id == id {
			return one
		}
	}
	d.numbers++
	one := &deskConversation{
		id:           id,
		number:       d.numbers,
		conversation: d.client.Conversation(id),
		people:       d.newPeople(""),
	}
	d.mine = append(d.mine, one)
	return one
}

func (d *desk) showArrival(one *deskConversation) {
	d.console.tell(d.texts.Added,
		"number", one.number, "name", one.people.customer(), "queue", d.queueName(one.queueID()))
}

// gone notes that a conversation has left the desk by the professional's own doing. The stream will say so,
// too; until then nothing must be sent there by mistake.
func (d *desk) gone(one *deskConversation) {
	if d.current == one {
		d.current = nil
		d.setPrompt()
	}
}

func (d *desk) remove(id string, reason kuplav1.RemovalReason) {
	for i, one := range d.mine {
		if one.id != id {
			continue
		}
		text, ok := d.texts.Removals[reason]
		if !ok {
			text = d.texts.Removals[kuplav1.RemovalReason_REMOVAL_REASON_UNSPECIFIED]
		}
		d.mine = append(d.mine[:i:i], d.mine[i+1:]...)
		d.gone(one)
		d.console.tell(d.texts.Removed, "number", one.number, "reason", text)
		return
	}
}

// showEvent tells an event: in the conversation that is open in full, in another one shortly.
func (d *desk) showEvent(one *deskConversation, event *kuplav1.Event, history bool) {
	one.last = event.GetSequence()
	text := d.eventText(one, event)
	if text == "" {
		return
	}
	one.remember(text)
	own := d.isSelf(one, event.GetParticipantId())
	switch {
	case one == d.current:
		if !own || d.console.editor == nil || event.GetMessagePosted() == nil {
			d.console.say(one.line(text))
		}
		d.markRead(one)
	case event.GetMessagePosted() != nil:
		if own {
			return
		}
		one.unread++
		if !history {
			d.console.tell(d.texts.Unread,
				"number", one.number,
				"name", one.people.name(event.GetParticipantId()),
				"text", shortened(oneLine(event.GetMessagePosted().GetText()), 60),
				"unread", one.unread)
		}
	case !history:
		d.console.say(one.line(text))
	}
}

// eventText returns an event as a line, or nothing for what is not worth one.
func (d *desk) eventText(one *deskConversation, event *kuplav1.Event) string {
	switch kind := event.GetKind().(type) {
	case *kuplav1.Event_MessagePosted:
		one.people.wrote(event.GetParticipantId())
		return one.people.message(event)
	case *kuplav1.Event_ParticipantJoined:
		one.people.joined(event)
		if d.isSelf(one, kind.ParticipantJoined.GetParticipant().GetId()) {
			one.people.own = kind.ParticipantJoined.GetParticipant().GetId()
			return ""
		}
		if kind.ParticipantJoined.GetParticipant().GetRole() == kuplav1.ParticipantRole_PARTICIPANT_ROLE_CUSTOMER {
			return "" // the one who waited
		}
		return fill(d.texts.DeskJoined, "name", one.people.name(kind.ParticipantJoined.GetParticipant().GetId()))
	case *kuplav1.Event_ParticipantLeft:
		return fill(d.texts.DeskLeft, "name", one.people.name(kind.ParticipantLeft.GetParticipantId()))
	case *kuplav1.Event_Transferred:
		target := d.queueName(kind.Transferred.GetQueueId())
		if leader := kind.Transferred.GetParticipantId(); leader != "" {
			target = one.people.name(leader)
		}
		return fill(d.texts.DeskTransferred, "target", target)
	case *kuplav1.Event_ReturnedToQueue:
		return fill(d.texts.DeskReturned, "queue", d.queueName(kind.ReturnedToQueue.GetQueueId()))
	case *kuplav1.Event_Closed:
		one.closed = true
		text, ok := d.texts.CloseReasons[kind.Closed.GetReason()]
		if !ok {
			text = d.texts.CloseReasons[kuplav1.CloseReason_CLOSE_REASON_UNSPECIFIED]
		}
		return fill(d.texts.DeskClosed, "reason", text)
	default:
		return "" // a kind of a later version
	}
}

// isSelf reports whether a participant is the professional at this desk.
func (d *desk) isSelf(one *deskConversation, participantID string) bool {
	id := one.people.byID[participantID].GetProfessionalId()
	return id != "" && id == d.self.GetId()
}

func (d *desk) markRead(one *deskConversation) {
	if one.last > 0 && can(one.snapshot, kuplav1.Capability_CAPABILITY_MARK_READ) {
		d.aside.read(one.conversation, one.last)
	}
}

// showExpiry warns once when a customer is about to be given up.
func (d *desk) showExpiry(one *deskConversation) {
	var expires time.Time
	if one.snapshot.GetExpireTime() != nil {
		expires = one.snapshot.GetExpireTime().AsTime()
	}
	if !expires.IsZero() && !expires.Equal(one.expires) {
		d.console.tell(d.texts.CustomerExpires, "number", one.number, "time", d.moment(expires))
	}
	one.expires = expires
}

// learnWaiting takes in who waits in a queue.
func (d *desk) learnWaiting(waiting *kuplav1.Waiting) {
	for i, known := range d.waiting {
		if known.GetQueueId() == waiting.GetQueueId() {
			d.waiting[i] = waiting
			return
		}
	}
	d.waiting = append(d.waiting, waiting)
}

// showWaiting prints how many wait in a queue when that has changed.
func (d *desk) showWaiting(waiting *kuplav1.Waiting) {
	key := fmt.Sprint(waiting.GetCount(), waiting.GetPaused())
	if d.shown[waiting.GetQueueId()] != key {
		d.shown[waiting.GetQueueId()] = key
		d.console.say(d.waitingLine(waiting))
	}
}

func (d *desk) waitingLine(waiting *kuplav1.Waiting) string {
	queue := d.queueName(waiting.GetQueueId())
	if waiting.GetPaused() {
		queue += " " + d.texts.WaitingPaused
	}
	if waiting.GetCount() == 0 {
		return fill(d.texts.WaitingNobody, "queue", queue)
	}
	return fill(d.texts.WaitingLine, "queue", queue, "count", waiting.GetCount(),
		"wait", d.minutes(time.Since(waiting.GetLongestWaitStartTime().AsTime())))
}

// list prints who waits, with numbers to take them by, and the conversations on the desk.
func (d *desk) list() {
	d.console.say(d.texts.WaitingTitle)
	d.listed = nil
	for _, waiting := range d.waiting {
		d.shown[waiting.GetQueueId()] = fmt.Sprint(waiting.GetCount(), waiting.GetPaused())
		d.console.say(d.waitingLine(waiting))
		for _, entry := range waiting.GetEntries() {
			d.listed = append(d.listed, entry.GetConversationId())
			d.console.say(strings.TrimRight(fill(d.texts.WaitingEntry,
				"number", len(d.listed),
				"queue", d.queueName(entry.GetQueueId()),
				"wait", d.minutes(time.Since(entry.GetArrivalTime().AsTime())),
				"language", d.languageName(entry.GetLanguage()),
				"marks", marks(map[string]bool{
					d.texts.MarkTransferred: entry.GetTransferred(), d.texts.MarkAway: !entry.GetPresent(),
				}, d.texts.MarkTransferred, d.texts.MarkAway)), " "))
		}
	}
	if len(d.mine) == 0 {
		d.console.say(d.texts.MineNone)
		return
	}
	d.console.say(d.texts.MineTitle)
	for _, one := range d.mine {
		d.console.say(strings.TrimRight(fill(d.texts.MineLine,
			"number", one.number, "name", one.people.customer(), "queue", d.queueName(one.queueID()), "unread", one.unread,
			"marks", marks(map[string]bool{
				d.texts.MarkClosed: one.closed, d.texts.MarkCurrent: one == d.current,
			}, d.texts.MarkClosed, d.texts.MarkCurrent)), " "))
	}
}

// marks joins those marks that are set, in order.
func marks(set map[string]bool, order ...string) string {
	var all []string
	for _, mark := range order {
		if set[mark] {
			all = append(all, mark)
		}
	}
	return strings.Join(all, " ")
}

// openHere makes a conversation the one that lines go to, and shows what was said last.
func (d *desk) openHere(one *deskConversation) {
	d.current = one
	d.setPrompt()
	d.console.tell(d.texts.Switched,
		"number", one.number, "name", one.people.customer(), "queue", d.queueName(one.queueID()))
	for _, text := range one.lines {
		d.console.say(one.line(text))
	}
	one.unread = 0
	d.markRead(one)
}

func (d *desk) setPrompt() {
	if d.current == nil {
		d.console.prompt("> ")
		return
	}
	d.console.prompt(fmt.Sprintf("[%d] > ", d.current.number))
}

func (d *desk) queueName(id string) string {
	for _, queue := range d.queues {
		if queue.GetQueue().GetId() == id {
			return oneLine(in(d.language, queue.GetQueue().GetName()))
		}
	}
	return id
}

func (d *desk) availability(availability kuplav1.Availability) string {
	if text, ok := d.texts.Availabilities[availability]; ok {
		return text
	}
	return d.texts.Availabilities[kuplav1.Availability_AVAILABILITY_UNSPECIFIED]
}

// learn takes in how the conversation is now.
func (o *deskConversation) learn(snapshot *kuplav1.ConversationSnapshot) {
	o.snapshot = snapshot
	o.people.learn(snapshot)
	if snapshot.GetConversation().GetState() == kuplav1.ConversationState_CONVERSATION_STATE_CLOSED {
		o.closed = true
	}
}

func (o *deskConversation) queueID() string { return o.snapshot.GetConversation().GetQueueId() }

// line returns a text with the number of its conversation.
func (o *deskConversation) line(text string) string { return fmt.Sprintf("[%d] %s", o.number, text) }

// remember keeps a line for when the conversation is opened again.
func (o *deskConversation) remember(text string) {
	o.lines = append(o.lines, text)
	if len(o.lines) > rememberedLines {
		o.lines = o.lines[len(o.lines)-rememberedLines:]
	}
}
