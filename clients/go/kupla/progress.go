package kupla

// progress is how far the log of one conversation has been handed out.
type progress struct {
	last   int32 // the number of the last event handed out
	known  bool  // whether last is certain; after resuming from a bare cursor only the next event tells
	stream int32 // the number of the last event that the present stream has brought, or begins after
	target int32 // the last event when the present stream began: up to it events are history
	gaps   int   // how often in a row the next event was missing
}

// verdict is what becomes of an event.
type verdict int

const (
	fresh     verdict = iota // the next one: hand it out
	duplicate                // handed out before: drop it
	missing                  // something before it is missing: break the stream
)

// take judges the event with the given number, and counts it.
func (p *progress) take(sequence int32) verdict {
	switch {
	case sequence <= 0:
		p.gaps++
		return missing
	case !p.known || sequence == p.last+1:
		*p = progress{last: sequence, known: true, stream: sequence, target: p.target}
		return fresh
	case sequence <= p.last:
		p.stream = max(p.stream, sequence)
		return duplicate
	default:
		p.gaps++
		return missing
	}
}

// caughtUp reports whether all history has been handed out, as far as is known.
func (p *progress) caughtUp() bool {
	return p.target == 0 || p.known && p.last >= p.target
}

// gap returns the error for the event that came instead of the next one. It is fatal once starting over
// did not help either.
func (p *progress) gap(conversationID string, got int32) error {
	err := &GapError{ConversationID: conversationID, Want: p.last + 1, Got: got}
	if p.gaps >= maxGaps {
		return fatal{err}
	}
	return err
}
