package cli

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"github.com/google/uuid"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// screenService is what the screen asks of the service. What happens on the desk comes by messages.
type screenService interface {
	SetAvailability(ctx context.Context, availability kuplav1.Availability) (*kuplav1.Professional, error)
	TakeNext(ctx context.Context, requestID string) (*kuplav1.Conversation, error)
	Take(ctx context.Context, conversationID, requestID string) (*kuplav1.Conversation, error)
	Transfer(ctx context.Context, req *kuplav1.TransferConversationRequest) error
	ReturnToQueue(ctx context.Context, conversationID, requestID string) error
	Invite(ctx context.Context, conversationID, requestID, professionalID string) error
	Close(ctx context.Context, conversationID, requestID string, reason kuplav1.CloseReason) error
	AddNote(ctx context.Context, conversationID, requestID, text string) error
	Leave(ctx context.Context, conversationID, requestID string) error
	Notes(ctx context.Context, conversationID string) iter.Seq2[*kuplav1.CaseNote, error]
	CannedReplies(ctx context.Context, queueID string) iter.Seq2[*kuplav1.CannedReply, error]

	Send(ctx context.Context, conversationID, requestID, text string) (*kuplav1.Event, error)
	SetTyping(ctx context.Context, conversationID string) error
	MarkRead(ctx context.Context, conversationID string, sequence int32) error
}

// The messages of the screen, beside those of the terminal.
type (
	// screenTold brings what the desk's stream tells. An error ends it.
	screenTold struct {
		update kupla.DeskUpdate
		err    error
	}
	// screenQueues brings what the queues' stream tells.
	screenQueues struct{ update kupla.QueuesUpdate }
	// screenTick tells that a second has passed.
	screenTick struct{}
	// screenDone brings what is to be done with the outcome of a call.
	screenDone struct{ then func() tea.Cmd }
)

// screen is the desk on a whole screen. It changes only in Update, by the messages that come, and what View
// shows depends on nothing but what it holds: so it can be tested without a terminal.
type screen struct {
	*app
	ctx     context.Context //nolint:containedctx // The calls that keys ask for end with the program.
	service screenService
	clock   func() time.Time

	width, height int
	now           time.Time
	focused       bool // whether the terminal is before the person's eyes, as far as it tells

	queues        []*kuplav1.QueueWithStatus
	self          *kuplav1.Professional
	colleagues    []*kuplav1.Professional
	waiting       []*kuplav1.Waiting
	conversations []*screenConversation
	current       *screenConversation               // what is written goes there; nil while nothing is open
	left          *screenConversation               // what was open until it left the desk, while nothing is open
	caughtUp      bool                              // whether everything that had happened at the start is known
	started       bool                              // whether it once was
	canned        map[string][]*kuplav1.CannedReply // by queue

	connection connection
	notice     notice
	silent     bool
	rang       time.Time
	typed      time.Time // when the service was last told of typing
	written    int       // how often the line was written in
	calls      int       // under way
	wishes     map[wish]*asked

	input    textarea.Model
	dialog   dialog // nil when there is none
	help     bool
	helpFrom int   // the first line of the help that is in sight
	failed   error // why the desk's stream ended
}

// connection is how the line to the service is.
type connection struct {
	state  connectionState
	retry  time.Time // when it is tried again
	reason string    // why it has stopped
	outage bool      // whether the service said that it is interrupted
}

// serves reports whether what is asked for now can be expected to take effect soon.
func (c connection) serves() bool { return c.state == connectionStands && !c.outage }

type connectionState int

const (
	connectionBegins connectionState = iota
	connectionStands
	connectionLost
	connectionStopped
)

// notice is a line that tells what just happened. It is kept by the text's making, so that it follows the
// language.
type notice struct {
	text  func() string
	bad   bool
	until time.Time
}

const (
	// How long a notice stays: a bad one is longer, and needs to be read.
	noticeLasts, badNoticeLasts = 6 * time.Second, 15 * time.Second
	// soundRests is the least time between two sounds.
	soundRests = 2 * time.Second
	// wishLasts is how long trying again counts as the same wish. Later the same may be wanted anew.
	wishLasts = time.Minute
	// longestMessage is what the contract allows in one message.
	longestMessage = 4000
)

func newScreen(ctx context.Context, a *app, service screenService, queues []*kuplav1.QueueWithStatus) *screen {
	m := &screen{
		app: a, ctx: ctx, service: service, clock: time.Now, focused: true, queues: queues,
		canned: make(map[string][]*kuplav1.CannedReply), wishes: make(map[wish]*asked), width: 80, height: 24,
	}
	m.now = m.clock()
	m.input = newInput()
	m.resize()
	return m
}

// Init begins the seconds.
func (m *screen) Init() tea.Cmd { return tick() }

func tick() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return screenTick{} }) }

// Update takes in a message.
func (m *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.now = m.clock()
	command := m.take(msg)
	if m.notice.text != nil && !m.now.Before(m.notice.until) {
		m.notice = notice{}
	}
	m.resize()
	return m, tea.Batch(command, m.look())
}

func (m *screen) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.FocusMsg:
		m.focused = true
	case tea.BlurMsg:
		m.focused = false
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		return m.paste(msg)
	case screenTick:
		return tick()
	case screenTold:
		return m.told(msg)
	case screenQueues:
		m.learnQueues(msg.update)
	case screenSent:
		return m.sent(msg)
	case screenMarked:
		m.markedRead(msg)
	case screenDone:
		m.calls--
		return msg.then()
	}
	return nil
}

// tell shows a notice. text is made anew with each look, so that it follows the language.
func (m *screen) tell(text func() string) {
	m.notice = notice{text: text, until: m.now.Add(noticeLasts)}
}

// warn shows a notice of something that did not work.
func (m *screen) warn(text func() string) {
	m.notice = notice{text: text, bad: true, until: m.now.Add(badNoticeLasts)}
}

// call makes a call beside the screen. Its result runs in Update, unless the call failed, which is told.
func (m *screen) call(call func(context.Context) (result func() tea.Cmd, err error)) tea.Cmd {
	return m.callOr(call, m.tellFailure)
}

// tellFailure tells that what was asked for did not work.
func (m *screen) tellFailure(err error) tea.Cmd {
	m.warn(func() string { return fill(m.texts.CommandFailed, "reason", m.refusal(err)) })
	return nil
}

// wish is something that a key asks the service to change.
type wish struct{ what, conversationID, target string }

// asked is a wish that the service has not answered. When the answer is lost, it may have been fulfilled; its
// request id stays, so that trying again never does it twice.
type asked struct {
	requestID string
	underWay  bool
	until     time.Time // how long trying again is a repeat, once it has failed
}

// once is call for what is done once, however often it is tried. It does nothing while the same is under way.
func (m *screen) once(
	wanted wish, call func(ctx context.Context, requestID string) (result func() tea.Cmd, err error),
) tea.Cmd {
	one := m.wishes[wanted]
	if one != nil && one.underWay {
		return nil
	}
	if one == nil || !m.now.Before(one.until) {
		one = &asked{requestID: uuid.NewString()}
		m.wishes[wanted] = one
	}
	one.underWay = true
	requestID := one.requestID
	return m.callOr(func(ctx context.Context) (func() tea.Cmd, error) {
		then, err := call(ctx, requestID)
		return func() tea.Cmd {
			m.forgetWishes(func(_ wish, other *asked) bool { return other == one })
			return then()
		}, err
	}, func(err error) tea.Cmd {
		one.underWay, one.until = false, m.now.Add(wishLasts)
		return m.tellFailure(err)
	})
}

// forgetWishes forgets what was asked for: asking for it again is something new.
func (m *screen) forgetWishes(which func(wish, *asked) bool) { maps.DeleteFunc(m.wishes, which) }

// callOr is call with something else to do about a failure.
func (m *screen) callOr(
	call func(context.Context) (result func() tea.Cmd, err error), failed func(error) tea.Cmd,
) tea.Cmd {
	m.calls++
	return func() tea.Msg {
		result, err := call(m.ctx)
		switch {
		case m.ctx.Err() != nil:
			return screenDone{then: func() tea.Cmd { return nil }}
		case err != nil:
			return screenDone{then: func() tea.Cmd { return failed(err) }}
		default:
			return screenDone{then: result}
		}
	}
}

// refusal tells why something did not work, in words that fit a screen.
func (m *screen) refusal(err error) string {
	if sentences, ok := m.texts.Screen.Refusals[kupla.ReasonOf(err)]; ok {
		return fillKnown(sentences, m.metadata(err))
	}
	return m.reason(err)
}

// look notes what is before the person's eyes, and lets the service know that it was read.
func (m *screen) look() tea.Cmd {
	one := m.current
	if one == nil || !m.focused || m.help || one.scroll > 0 || one.removed {
		return nil
	}
	one.seen = one.last
	if one.seen <= one.marked || one.marking || !can(one.snapshot, kuplav1.Capability_CAPABILITY_MARK_READ) {
		return nil
	}
	sequence := one.seen
	one.marking = true
	return func() tea.Msg {
		err := m.service.MarkRead(m.ctx, one.id, sequence)
		return screenMarked{one, sequence, err}
	}
}

// open makes a conversation the one in the middle, where what is written goes. So nothing but the person's own
// doing may lead to another one: see putAway and takeBy.
func (m *screen) open(one *screenConversation) {
	if m.current == one {
		return
	}
	m.keepDraft()
	if m.current != nil {
		m.current.newFrom = 0
	}
	m.current = one
	if s := m.writing(); s == nil || !s.holds() {
		m.dialog = nil
	}
	if one == nil {
		m.input.SetValue("")
		return
	}
	m.left = nil
	if unread := one.unread(m.isSelf(one)); len(unread) > 0 && one.seen > 0 {
		one.newFrom = unread[0]
	}
	one.scroll = 0
	m.input.SetValue(one.draft)
	m.input.MoveToEnd()
}

// keepDraft keeps what stands in the line with its conversation.
func (m *screen) keepDraft() {
	if m.current != nil {
		m.current.draft = m.input.Value()
	}
}

// find returns the conversation with the given id, or nil.
func (m *screen) find(id string) *screenConversation {
	for _, one := range m.conversations {
		if one.id == id {
			return one
		}
	}
	return nil
}

// conversation returns the conversation with the given id. One that is new gets the lowest number that is
// free, so that the keys with numbers reach it. Not that of the one who was open and has just left: who presses it
// means that one.
func (m *screen) conversation(id string) *screenConversation {
	if one := m.find(id); one != nil {
		return one
	}
	if m.left != nil && m.left.id == id {
		m.left = nil // it is back
	}
	number := 1
	has := func(one *screenConversation) bool { return one != nil && one.number == number }
	for has(m.left) || slices.ContainsFunc(m.conversations, has) {
		number++
	}
	one := newScreenConversation(id, number, m.newPeople(""))
	m.conversations = append(m.conversations, one)
	slices.SortFunc(m.conversations, func(a, b *screenConversation) int { return a.number - b.number })
	return one
}

// putAway takes a conversation off the screen. Nothing is opened in its place: the person may be about to write
// to the one who is gone, and what they write must not go to another.
func (m *screen) putAway(gone *screenConversation) {
	if m.current == gone {
		m.open(nil)
		m.left = gone
	}
	m.conversations = slices.DeleteFunc(m.conversations, func(one *screenConversation) bool { return one == gone })
}

// leftText tells that a conversation left the desk, and why.
func (m *screen) leftText(gone *screenConversation) string {
	return strings.TrimSpace(gone.people.customer() + " " +
		fill(m.texts.Removed, "number", gone.number, "reason", m.removal(gone.removal)))
}

// isSelf returns whether a participant of a conversation is the professional at this desk.
func (m *screen) isSelf(one *screenConversation) func(participantID string) bool {
	return func(participantID string) bool {
		id := one.people.byID[participantID].GetProfessionalId()
		return id != "" && id == m.self.GetId()
	}
}

// author returns what to call somebody in a conversation.
func (m *screen) author(one *screenConversation, participantID string) string {
	if m.isSelf(one)(participantID) {
		return m.texts.You
	}
	return one.people.name(participantID)
}

// openCount returns how many conversations are under way.
func (m *screen) openCount() int {
	count := 0
	for _, one := range m.conversations {
		if !one.closed && !one.removed {
			count++
		}
	}
	return count
}

// queueName returns what to call a queue.
func (m *screen) queueName(id string) string {
	for _, queue := range m.queues {
		if queue.GetQueue().GetId() == id {
			return oneLine(in(m.language, queue.GetQueue().GetName()))
		}
	}
	return oneLine(id)
}

// availability returns what somebody is, in words.
func (m *screen) availability(availability kuplav1.Availability) string {
	if text, ok := m.texts.Availabilities[availability]; ok {
		return text
	}
	return m.texts.Availabilities[kuplav1.Availability_AVAILABILITY_UNSPECIFIED]
}
