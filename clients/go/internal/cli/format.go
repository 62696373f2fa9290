package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// helsinki returns the time zone of the service.
func helsinki() *time.Location {
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		return time.UTC // cannot happen while the zones are built in
	}
	return zone
}

// clean makes text safe to print: what others wrote must not be able to move the cursor, change the
// terminal or turn the direction of the text. Line breaks stay.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069',
			r == '\u2028', r == '\u2029':
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// oneLine puts text of several lines on one.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

// indented lets further lines of a text stand apart, so that they cannot pass for lines of their own.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimRight(clean(text), "\n"), "\n", "\n    ")
}

// shortened cuts text after about n characters.
func shortened(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// clock returns a moment as a time of day.
func (a *app) clock(at *timestamppb.Timestamp) string {
	if at == nil {
		return "--:--"
	}
	return at.AsTime().In(a.zone).Format("15:04")
}

// moment returns a moment as a time of day, with the day when it is not today.
func (a *app) moment(at time.Time) string {
	at = at.In(a.zone)
	if at.Format(time.DateOnly) == time.Now().In(a.zone).Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format(a.texts.DayTime)
}

// minutes returns how long something has lasted, in whole minutes.
func (a *app) minutes(d time.Duration) string {
	if d < time.Minute {
		return a.texts.WaitMoment
	}
	return minutesText(int(d / time.Minute))
}

// seconds returns a short time exactly, and a longer one in minutes, rounded up.
func (a *app) seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", max(int((d+time.Second-1)/time.Second), 1))
	}
	return minutesText(int((d + time.Minute - 1) / time.Minute))
}

// minutesText writes minutes out, in hours when there are many. The units are the same in all languages.
func minutesText(minutes int) string {
	if minutes < 100 {
		return fmt.Sprintf("%d min", minutes)
	}
	if minutes%60 == 0 {
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}

// wait returns the range of an estimate in words, and whether there is one; otherwise why there is none.
func (a *app) wait(estimate *kuplav1.WaitEstimate) (text string, known bool) {
	wait := estimate.GetRange()
	if wait == nil {
		if text, ok := a.texts.CannotEstimate[estimate.GetCannotEstimate()]; ok {
			return text, false
		}
		return a.texts.CannotEstimate[kuplav1.CannotEstimateReason_CANNOT_ESTIMATE_REASON_UNSPECIFIED], false
	}
	low := int(wait.GetLow().AsDuration() / time.Minute)
	high := int((wait.GetHigh().AsDuration() + time.Minute - 1) / time.Minute)
	switch {
	case high <= 1:
		return a.texts.WaitMoment, true
	case low >= high:
		return minutesText(high), true
	case high < 100:
		return fmt.Sprintf("%d–%s", low, minutesText(high)), true
	default:
		return minutesText(low) + " – " + minutesText(high), true
	}
}

// queueState tells how a queue is.
func (a *app) queueState(status *kuplav1.QueueStatus) string {
	change := status.GetChangeTime()
	switch state := status.GetState(); {
	case state == kuplav1.QueueState_QUEUE_STATE_OPEN && status.GetFull():
		return a.texts.QueueFull
	case state == kuplav1.QueueState_QUEUE_STATE_OPEN && change != nil:
		return fill(a.texts.OpenUntil, "time", a.moment(change.AsTime()))
	case state == kuplav1.QueueState_QUEUE_STATE_CLOSED && change != nil:
		return a.texts.QueueStates[state] + ", " + fill(a.texts.OpensAt, "time", a.moment(change.AsTime()))
	case state == kuplav1.QueueState_QUEUE_STATE_PAUSED && change != nil:
		return fill(a.texts.PausedUntil, "time", a.moment(change.AsTime()))
	default:
		if text, ok := a.texts.QueueStates[state]; ok {
			return text
		}
		return a.texts.QueueStates[kuplav1.QueueState_QUEUE_STATE_UNSPECIFIED]
	}
}
