package record

import "time"

// Micros is a time as it is stored: microseconds since 1970-01-01 00:00 UTC. The zero time is 0, which
// makes the one microsecond that is 1970 begins unstorable.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the time that Micros stored, in UTC.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
