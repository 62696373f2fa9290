package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// These are the dialogs: what there is to choose, and what is done with the choice.

func (m *screen) showMenu() tea.Cmd {
	m.dialog = &picker{
		title: func() string { return m.texts.Screen.MenuTitle },
		items: func() []item {
			var items []item
			for _, one := range actions() {
				if slices.Contains(one.keys, "f9") {
					continue // one is there
				}
				items = append(items, item{
					label: one.name(&m.texts.Screen), detail: one.shown, choose: func() tea.Cmd { return m.run(one) },
				})
			}
			return items
		},
	}
	return nil
}

func (m *screen) chooseAvailability() tea.Cmd {
	choices := []kuplav1.Availability{
		kuplav1.Availability_AVAILABILITY_AVAILABLE,
		kuplav1.Availability_AVAILABILITY_ON_PHONE,
		kuplav1.Availability_AVAILABILITY_AWAY,
	}
	m.dialog = &picker{
		title: func() string { return m.texts.Screen.AvailabilityTitle },
		items: func() []item {
			var items []item
			for _, choice := range choices {
				mark := ""
				if choice == m.self.GetAvailability() {
					mark = "●"
				}
				items = append(items, item{
					label: m.availability(choice), detail: mark, choose: func() tea.Cmd { return m.setAvailability(choice) },
				})
			}
			return items
		},
	}
	return nil
}

func (m *screen) setAvailability(chosen kuplav1.Availability) tea.Cmd {
	if !m.connected() {
		return nil
	}
	return m.call(func(ctx context.Context) (func() tea.Cmd, error) {
		self, err := m.service.SetAvailability(ctx, chosen)
		return func() tea.Cmd {
			m.self = self
			m.tell(func() string {
				return fill(m.texts.AvailabilityNow, "availability", m.availability(self.GetAvailability()))
			})
			return nil
		}, err
	})
}

func (m *screen) chooseWaiting() tea.Cmd {
	m.dialog = &picker{
		title: func() string { return m.texts.Screen.ChooseTitle },
		items: func() []item {
			var entries []*kuplav1.WaitingEntry
			for _, waiting := range m.waiting {
				entries = append(entries, waiting.GetEntries()...)
			}
			slices.SortStableFunc(entries, func(a, b *kuplav1.WaitingEntry) int {
				return a.GetArrivalTime().AsTime().Compare(b.GetArrivalTime().AsTime())
			})
			var items []item
			for _, entry := range entries {
				items = append(items, item{
					label: fill(m.texts.Screen.WaitingItem,
						"wait", m.age(entry.GetArrivalTime().AsTime()), "language", m.languageName(entry.GetLanguage())),
					detail: strings.TrimSpace(m.queueName(entry.GetQueueId()) + " " + marks(map[string]bool{
						m.texts.MarkTransferred: entry.GetTransferred(), m.texts.MarkAway: !entry.GetPresent(),
					}, m.texts.MarkTransferred, m.texts.MarkAway)),
					choose: func() tea.Cmd {
						id := entry.GetConversationId()
						return m.takeBy(wish{"take", id, ""}, func(ctx context.Context, requestID string) (*kuplav1.Conversation, error) {
							return m.service.Take(ctx, id, requestID)
						})
					},
				})
			}
			return items
		},
	}
	return nil
}

// chooseCanned puts a ready reply into the line, in the customer's language, to be read once more before it
// is sent.
func (m *screen) chooseCanned() tea.Cmd {
	one := m.current
	spoken, known := parseLanguage(one.snapshot.GetConversation().GetLanguage())
	if !known {
		spoken = finnish
	}
	return m.loadCanned(one.queueID(), func(replies []*kuplav1.CannedReply) tea.Cmd {
		if m.current != one || m.dialog != nil {
			return nil // the person is at something else by now
		}
		m.dialog = &picker{
			title: func() string { return m.texts.Screen.CannedTitle },
			items: func() []item {
				var items []item
				for _, reply := range replies {
					items = append(items, item{
						label: oneLine(in(m.language, reply.GetTitle())), detail: oneLine(in(spoken, reply.GetText())),
						choose: func() tea.Cmd {
							m.input.InsertString(clean(in(spoken, reply.GetText())))
							return nil
						},
					})
				}
				return items
			},
		}
		return nil
	})
}

// transferTarget is where a conversation may go: what it is called, and how it is asked for.
type transferTarget struct {
	name   string
	choose func(*kuplav1.TransferConversationRequest)
}

func (m *screen) chooseTransfer() tea.Cmd {
	one := m.current
	m.dialog = &picker{
		title: func() string { return fill(m.texts.Screen.TransferTitle, "name", one.people.customer()) },
		items: func() []item {
			var items []item
			for _, id := range m.transferQueues(one.queueID()) {
				target := transferTarget{m.queueName(id), func(req *kuplav1.TransferConversationRequest) {
					req.Target = &kuplav1.TransferConversationRequest_QueueId{QueueId: id}
				}}
				items = append(items, item{
					label: target.name, detail: m.texts.Screen.TransferQueue,
					choose: func() tea.Cmd { return m.writeTransfer(one, target) },
				})
			}
			return append(items, m.colleagueItems(func(colleague *kuplav1.Professional) tea.Cmd {
				return m.writeTransfer(one, transferTarget{
					oneLine(colleague.GetDisplayName()), func(req *kuplav1.TransferConversationRequest) {
						req.Target = &kuplav1.TransferConversationRequest_ProfessionalId{ProfessionalId: colleague.GetId()}
					},
				})
			})...)
		},
	}
	return nil
}

// transferQueues returns the queues that a conversation in the given one may go to.
func (m *screen) transferQueues(from string) []string {
	for _, queue := range m.queues {
		if queue.GetQueue().GetId() == from {
			return queue.GetQueue().GetTransferQueueIds()
		}
	}
	return nil
}

// colleagueItems returns the colleagues to choose from, those who are available first.
func (m *screen) colleagueItems(choose func(*kuplav1.Professional) tea.Cmd) []item {
	colleagues := slices.Clone(m.colleagues)
	slices.SortStableFunc(colleagues, func(a, b *kuplav1.Professional) int {
		return int(a.GetAvailability()) - int(b.GetAvailability())
	})
	var items []item
	for _, colleague := range colleagues {
		items = append(items, item{
			label: oneLine(colleague.GetDisplayName()),
			detail: fill(m.texts.Screen.TransferColleague,
				"availability", m.availability(colleague.GetAvailability()), "count", colleague.GetConversationCount()),
			choose: func() tea.Cmd { return choose(colleague) },
		})
	}
	return items
}

// writeTransfer asks for a note for whoever goes on, and hands the conversation on.
func (m *screen) writeTransfer(one *screenConversation, target transferTarget) tea.Cmd {
	s := newSheet(one)
	s.agreed, s.empty = new(bool), true
	s.title = func() string { return fill(m.texts.Screen.TransferNoteTitle, "target", target.name) }
	s.above = func() []string { return nil }
	s.hint = func() string { return m.texts.Screen.NotePlaceholder }
	s.does = func() string { return m.texts.Screen.KeyHandOn }
	s.save = func(requestID, note string) tea.Cmd {
		req := &kuplav1.TransferConversationRequest{
			ConversationId: one.id, RequestId: requestID, Note: note, CustomerAgreed: *s.agreed,
		}
		target.choose(req)
		return m.callOr(func(ctx context.Context) (func() tea.Cmd, error) {
			return func() tea.Cmd {
				m.done(s)
				return m.gone(one, m.texts.TransferDone)
			}, m.service.Transfer(ctx, req)
		}, s.fail(m))
	}
	m.dialog = s
	return nil
}

// gone tells that a conversation has gone. The stream takes it off the screen.
func (m *screen) gone(one *screenConversation, text string) tea.Cmd {
	number := one.number
	m.tell(func() string { return fill(text, "number", number) })
	return nil
}

func (m *screen) confirmReturn() tea.Cmd {
	one := m.current
	m.dialog = &confirm{
		text: func() string {
			return fill(m.texts.Screen.ReturnConfirm, "name", one.people.customer(), "queue", m.queueName(one.queueID()))
		},
		yes: func() tea.Cmd {
			if !m.connected() {
				return nil
			}
			return m.once(wish{"return", one.id, ""}, func(ctx context.Context, requestID string) (func() tea.Cmd, error) {
				return func() tea.Cmd { return m.gone(one, m.texts.ReturnDone) }, m.service.ReturnToQueue(ctx, one.id, requestID)
			})
		},
	}
	return nil
}

func (m *screen) chooseInvite() tea.Cmd {
	one := m.current
	m.dialog = &picker{
		title: func() string { return m.texts.Screen.InviteTitle },
		items: func() []item {
			return m.colleagueItems(func(colleague *kuplav1.Professional) tea.Cmd {
				if !m.connected() {
					return nil
				}
				wanted := wish{"invite", one.id, colleague.GetId()}
				return m.once(wanted, func(ctx context.Context, requestID string) (func() tea.Cmd, error) {
					return func() tea.Cmd {
						m.tell(func() string {
							return fill(m.texts.InviteDone, "name", oneLine(colleague.GetDisplayName()), "number", one.number)
						})
						return nil
					}, m.service.Invite(ctx, one.id, requestID, colleague.GetId())
				})
			})
		},
	}
	return nil
}

func (m *screen) confirmLeave() tea.Cmd {
	one := m.current
	m.dialog = &confirm{
		text: func() string { return fill(m.texts.Screen.LeaveConfirm, "name", one.people.customer()) },
		yes: func() tea.Cmd {
			if !m.connected() {
				return nil
			}
			return m.once(wish{"leave", one.id, ""}, func(ctx context.Context, requestID string) (func() tea.Cmd, error) {
				return func() tea.Cmd { return m.gone(one, m.texts.LeaveDone) }, m.service.Leave(ctx, one.id, requestID)
			})
		},
	}
	return nil
}

// chooseClose asks why a conversation ends, and then once more.
func (m *screen) chooseClose() tea.Cmd {
	one := m.current
	reasons := []kuplav1.CloseReason{
		kuplav1.CloseReason_CLOSE_REASON_COMPLETED,
		kuplav1.CloseReason_CLOSE_REASON_REDIRECTED_TO_PHONE,
		kuplav1.CloseReason_CLOSE_REASON_ENDED_BY_STAFF,
	}
	m.dialog = &picker{
		title: func() string { return fill(m.texts.Screen.CloseTitle, "name", one.people.customer()) },
		items: func() []item {
			var items []item
			for _, reason := range reasons {
				items = append(items, item{label: m.texts.CloseReasons[reason], choose: func() tea.Cmd {
					m.dialog = &confirm{
						text: func() string {
							return fill(m.texts.Screen.CloseConfirm, "name", one.people.customer(), "reason", m.texts.CloseReasons[reason])
						},
						yes: func() tea.Cmd { return m.close(one, reason) },
					}
					return nil
				}})
			}
			return items
		},
	}
	return nil
}

func (m *screen) close(one *screenConversation, reason kuplav1.CloseReason) tea.Cmd {
	if !m.connected() {
		return nil
	}
	wanted := wish{"close", one.id, reason.String()}
	return m.once(wanted, func(ctx context.Context, requestID string) (func() tea.Cmd, error) {
		return func() tea.Cmd {
			one.closed = true
			return m.gone(one, m.texts.CloseDone)
		}, m.service.Close(ctx, one.id, requestID, reason)
	})
}

// writeNote shows the notes about a conversation and lets another be written.
func (m *screen) writeNote() tea.Cmd {
	one := m.current
	s := newSheet(one)
	var notes []*kuplav1.CaseNote
	loaded, trouble := false, ""
	s.title = func() string { return fill(m.texts.Screen.NoteTitle, "name", one.people.customer()) }
	s.hint = func() string { return m.texts.Screen.NoteWritePlaceholder }
	s.does = func() string { return m.texts.Screen.KeySave }
	s.above = func() []string {
		switch {
		case trouble != "":
			return []string{trouble} // whether there are any is not known
		case !loaded:
			return []string{m.texts.Screen.NotesLoading}
		case len(notes) == 0:
			return []string{m.texts.NotesNone}
		}
		var all []string
		for _, note := range notes {
			all = append(all, m.clock24(note.GetCreateTime().AsTime())+" "+oneLine(note.GetDisplayName())+": "+clean(note.GetText()))
		}
		return all
	}
	s.save = func(requestID, text string) tea.Cmd {
		return m.callOr(func(ctx context.Context) (func() tea.Cmd, error) {
			return func() tea.Cmd {
				m.done(s)
				m.tell(func() string { return m.texts.NoteDone })
				return nil
			}, m.service.AddNote(ctx, one.id, requestID, text)
		}, s.fail(m))
	}
	m.dialog = s
	return m.callOr(func(ctx context.Context) (func() tea.Cmd, error) {
		all, err := collect(m.service.Notes(ctx, one.id))
		return func() tea.Cmd {
			notes, loaded = all, true
			return nil
		}, err
	}, func(err error) tea.Cmd {
		trouble = m.refusal(err) // what is written, or being saved, has nothing to do with it
		return nil
	})
}

// age returns how long something has lasted, shortly.
func (m *screen) age(since time.Time) string {
	minutes := max(int(m.now.Sub(since)/time.Minute), 0)
	if minutes == 0 {
		return "< 1 min"
	}
	return minutesText(minutes)
}

// shortAge is age where there is little room.
func (m *screen) shortAge(since time.Time) string {
	if minutes := int(m.now.Sub(since) / time.Minute); minutes >= 100 {
		return fmt.Sprintf("%d h %02d", minutes/60, minutes%60)
	}
	return m.age(since)
}

// clock24 returns a moment as a time of day, with the day when it is another one.
func (m *screen) clock24(at time.Time) string {
	at = at.In(m.zone)
	if at.Format(time.DateOnly) == m.now.In(m.zone).Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format(m.texts.DayTime)
}
