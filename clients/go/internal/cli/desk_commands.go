package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// deskCommands are the commands of the desk, by name and short name. Each gets what stands behind the name.
var deskCommands = map[string]func(d *desk, rest string, calls *worker){
	"take": (*desk).doTake, "t": (*desk).doTake,
	"list":   func(d *desk, _ string, _ *worker) { d.list() },
	"l":      func(d *desk, _ string, _ *worker) { d.list() },
	"switch": (*desk).doSwitch, "s": (*desk).doSwitch,
	"canned": (*desk).doCanned, "c": (*desk).doCanned,
	"transfer": (*desk).doTransfer,
	"return":   (*desk).doReturn,
	"invite":   (*desk).doInvite,
	"leave":    (*desk).doLeave,
	"note":     (*desk).doNote, "n": (*desk).doNote,
	"notes":        (*desk).doNotes,
	"close":        (*desk).doClose,
	"availability": (*desk).doAvailability,
	"who":          (*desk).doWho, "w": (*desk).doWho,
	"help": func(d *desk, _ string, _ *worker) { d.console.say(d.texts.DeskHelp) },
}

// do does what a line says, and reports whether that is to quit.
func (d *desk) do(line string, calls *worker) (quit bool) {
	text := strings.TrimSpace(line)
	if text == "" {
		return false
	}
	word, rest, _ := strings.Cut(strings.TrimPrefix(text, "/"), " ")
	word, rest = strings.ToLower(word), strings.TrimSpace(rest)
	run, known := deskCommands[word]
	quit = word == "quit" || word == "q"
	switch {
	case strings.HasPrefix(text, "//"):
		d.send(text[1:], calls)
	// Without an open conversation a line can only be meant as a command.
	case strings.HasPrefix(text, "/") || d.current == nil && (known || quit):
		switch {
		case quit:
			return true
		case known:
			run(d, rest, calls)
		default:
			d.console.tell(d.texts.UnknownDeskCommand, "command", strings.Fields(text)[0])
		}
	default:
		d.send(text, calls)
	}
	return false
}

// call makes a call that a command asked for. Its result runs in the loop, unless the call failed, which is
// told.
func (d *desk) call(calls *worker, call func(context.Context) (result func(), err error)) {
	calls.run(func(ctx context.Context) func() {
		result, err := call(ctx)
		if err == nil {
			return result
		}
		return func() {
			if ctx.Err() == nil {
				d.console.tell(d.texts.CommandFailed, "reason", d.reason(err))
			}
		}
	})
}

// withCurrent returns the open conversation, or says that there is none.
func (d *desk) withCurrent() (*deskConversation, bool) {
	if d.current == nil {
		d.console.say(d.texts.NoCurrent)
	}
	return d.current, d.current != nil
}

func (d *desk) send(text string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	calls.run(func(ctx context.Context) func() {
		_, err := one.conversation.Send(ctx, text)
		return func() {
			if err != nil && ctx.Err() == nil {
				d.console.say(one.line(fill(d.texts.NotSent, "reason", d.reason(err))))
			}
		}
	})
}

func (d *desk) doTake(rest string, calls *worker) {
	id := rest
	if number, err := strconv.Atoi(rest); err == nil {
		if number < 1 || number > len(d.listed) {
			d.console.tell(d.texts.NoSuchEntry, "number", rest)
			return
		}
		id = d.listed[number-1]
	}
	d.taking = true
	calls.run(func(ctx context.Context) func() {
		var taken *kuplav1.Conversation
		var err error
		if id == "" {
			taken, err = d.client.Desk().TakeNext(ctx)
		} else {
			taken, err = d.client.Desk().Take(ctx, id)
		}
		return func() {
			if ctx.Err() == nil {
				d.took(taken, err)
			}
		}
	})
}

// took tells what a take came to, and then what else came onto the desk meanwhile.
func (d *desk) took(taken *kuplav1.Conversation, err error) {
	switch {
	case err != nil:
		d.console.tell(d.texts.CommandFailed, "reason", d.reason(err))
	case taken == nil:
		d.console.say(d.texts.NobodyToTake)
	default:
		one := d.conversation(taken.GetId())
		if one.snapshot == nil {
			one.learn(&kuplav1.ConversationSnapshot{Conversation: taken})
		}
		d.console.tell(d.texts.Taken, "number", one.number)
		d.openHere(one)
	}
	d.taking = false
	for _, one := range d.arrived {
		if one.id != taken.GetId() {
			d.showArrival(one)
		}
	}
	d.arrived = nil
}

func (d *desk) doSwitch(rest string, _ *worker) {
	number, err := strconv.Atoi(strings.Trim(rest, "[]"))
	if err != nil {
		d.console.say(d.texts.SwitchUsage)
		return
	}
	for _, one := range d.mine {
		if one.number == number {
			d.openHere(one)
			return
		}
	}
	d.console.tell(d.texts.NoSuchNumber, "number", number)
}

func (d *desk) doCanned(rest string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	spoken, known := parseLanguage(one.snapshot.GetConversation().GetLanguage())
	if !known {
		spoken = finnish
	}
	queueID := one.queueID() // what is read beside the loop must not change under it
	d.call(calls, func(ctx context.Context) (func(), error) {
		var replies []*kuplav1.CannedReply
		for reply, err := range d.client.Desk().CannedReplies(ctx, queueID) {
			if err != nil {
				return nil, err
			}
			replies = append(replies, reply)
		}
		if rest == "" {
			return func() { d.listCanned(replies, spoken) }, nil
		}
		chosen := slices.IndexFunc(replies, func(reply *kuplav1.CannedReply) bool { return reply.GetId() == rest })
		if number, err := strconv.Atoi(rest); err == nil && chosen < 0 && number >= 1 && number <= len(replies) {
			chosen = number - 1
		}
		if chosen < 0 {
			return func() { d.console.tell(d.texts.NoSuchCanned, "number", rest) }, nil
		}
		_, err := one.conversation.Send(ctx, in(spoken, replies[chosen].GetText()))
		return func() {
			if d.console.editor != nil && one == d.current {
				// It was not typed, so it does not stand in the terminal yet.
				d.console.say(one.line(d.texts.You + ": " + indented(in(spoken, replies[chosen].GetText()))))
			}
		}, err
	})
}

func (d *desk) listCanned(replies []*kuplav1.CannedReply, spoken language) {
	if len(replies) == 0 {
		d.console.say(d.texts.CannedNone)
		return
	}
	d.console.say(d.texts.CannedTitle)
	for i, reply := range replies {
		d.console.tell(d.texts.CannedLine,
			"number", i+1, "title", oneLine(in(d.language, reply.GetTitle())), "text", oneLine(in(spoken, reply.GetText())))
	}
}

func (d *desk) doTransfer(rest string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	target, note, _ := strings.Cut(rest, " ")
	if target == "" {
		d.console.say(d.texts.TransferUsage)
		return
	}
	options := kupla.TransferOptions{Note: strings.TrimSpace(note)}
	if behind, agreed := strings.CutPrefix(options.Note, "--agreed"); agreed && (behind == "" || behind[0] == ' ') {
		options.Note, options.CustomerAgreed = strings.TrimSpace(behind), true
	}
	move := d.client.Desk().TransferToQueue
	if strings.HasPrefix(target, "@") {
		colleague, ok := d.colleague(target)
		if !ok {
			return
		}
		target, move = colleague.GetId(), d.client.Desk().TransferToProfessional
	} else if target, ok = d.findQueue(target); !ok {
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		_, err := move(ctx, one.id, target, options)
		return func() {
			d.gone(one)
			d.console.tell(d.texts.TransferDone, "number", one.number)
		}, err
	})
}

func (d *desk) doReturn(_ string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		_, err := d.client.Desk().ReturnToQueue(ctx, one.id)
		return func() {
			d.gone(one)
			d.console.tell(d.texts.ReturnDone, "number", one.number)
		}, err
	})
}

func (d *desk) doInvite(rest string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	if rest == "" {
		d.console.say(d.texts.InviteUsage)
		return
	}
	colleague, ok := d.colleague(rest)
	if !ok {
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		_, err := d.client.Desk().Invite(ctx, one.id, colleague.GetId())
		return func() {
			d.console.tell(d.texts.InviteDone, "name", oneLine(colleague.GetDisplayName()), "number", one.number)
		}, err
	})
}

func (d *desk) doLeave(_ string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		_, err := one.conversation.Leave(ctx)
		return func() {
			d.gone(one)
			d.console.tell(d.texts.LeaveDone, "number", one.number)
		}, err
	})
}

func (d *desk) doNote(rest string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	if rest == "" {
		d.console.say(d.texts.NoteUsage)
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		_, err := d.client.Desk().AddNote(ctx, one.id, rest)
		return func() { d.console.say(d.texts.NoteDone) }, err
	})
}

func (d *desk) doNotes(_ string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		var notes []*kuplav1.CaseNote
		for note, err := range d.client.Desk().Notes(ctx, one.id) {
			if err != nil {
				return nil, err
			}
			notes = append(notes, note)
		}
		return func() {
			if len(notes) == 0 {
				d.console.say(d.texts.NotesNone)
				return
			}
			d.console.say(d.texts.NotesTitle)
			for _, note := range notes {
				d.console.tell(d.texts.NoteLine,
					"time", d.clock(note.GetCreateTime()),
					"name", oneLine(note.GetDisplayName()),
					"text", indented(note.GetText()))
			}
		}, nil
	})
}

func (d *desk) doClose(rest string, calls *worker) {
	one, ok := d.withCurrent()
	if !ok {
		return
	}
	reasons := map[string]kuplav1.CloseReason{
		"":          kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		"completed": kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		"phone":     kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE,
		"ended":     kuplav1.CloseReason_CLOSE_REASON_ENDED_BY_STAFF,
	}
	reason, ok := reasons[strings.ToLower(rest)]
	if !ok {
		d.console.say(d.texts.CloseUsage)
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		_, err := d.client.Desk().Close(ctx, one.id, reason)
		return func() {
			one.closed = true
			d.console.tell(d.texts.CloseDone, "number", one.number)
		}, err
	})
}

func (d *desk) doAvailability(rest string, calls *worker) {
	choices := map[string]kuplav1.Availability{
		"available": kuplav1.Availability_AVAILABILITY_AVAILABLE,
		"phone":     kuplav1.Availability_AVAILABILITY_ON_PHONE,
		"away":      kuplav1.Availability_AVAILABILITY_AWAY,
	}
	chosen, ok := choices[strings.ToLower(rest)]
	if !ok {
		d.console.say(d.texts.AvailabilityUsage)
		return
	}
	d.call(calls, func(ctx context.Context) (func(), error) {
		professional, err := d.client.Desk().SetAvailability(ctx, chosen)
		return func() {
			d.self = professional
			d.console.tell(d.texts.AvailabilityNow, "availability", d.availability(professional.GetAvailability()))
		}, err
	})
}

func (d *desk) doWho(string, *worker) {
	if len(d.others) == 0 {
		d.console.say(d.texts.WhoNobody)
		return
	}
	d.console.say(d.texts.WhoTitle)
	for _, colleague := range d.others {
		d.console.tell(d.texts.WhoLine,
			"id", colleague.GetId(), "name", oneLine(colleague.GetDisplayName()),
			"availability", d.availability(colleague.GetAvailability()), "count", colleague.GetConversationCount())
	}
}

// colleague finds a colleague by id, or by the beginning of the id or of a part of the name, and says so when
// there is none or more than one.
func (d *desk) colleague(name string) (*kuplav1.Professional, bool) {
	wanted := strings.ToLower(strings.TrimPrefix(name, "@"))
	var found []*kuplav1.Professional
	for _, colleague := range d.others {
		id, full := strings.ToLower(colleague.GetId()), strings.ToLower(colleague.GetDisplayName())
		if id == wanted || full == wanted {
			return colleague, true
		}
		begins := func(part string) bool { return strings.HasPrefix(part, wanted) }
		if wanted != "" && (begins(id) || begins(full) || slices.ContainsFunc(strings.Fields(full), begins)) {
			found = append(found, colleague)
		}
	}
	switch len(found) {
	case 0:
		d.console.tell(d.texts.NobodyMatches, "name", name)
		return nil, false
	case 1:
		return found[0], true
	}
	var names []string
	for _, colleague := range found {
		names = append(names, "@"+colleague.GetId()+" "+oneLine(colleague.GetDisplayName()))
	}
	d.console.tell(d.texts.SeveralMatch, "name", name, "names", strings.Join(names, ", "))
	return nil, false
}

// findQueue finds a queue by id or by an unambiguous beginning of one, and says so when there is none.
func (d *desk) findQueue(name string) (string, bool) {
	var found []string
	for _, queue := range d.queues {
		id := queue.GetQueue().GetId()
		if id == name {
			return id, true
		}
		if strings.HasPrefix(id, strings.ToLower(name)) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		d.console.tell(d.texts.NoSuchQueue, "queue", name)
		return "", false
	case 1:
		return found[0], true
	}
	d.console.tell(d.texts.SeveralMatch, "name", name, "names", strings.Join(found, ", "))
	return "", false
}
