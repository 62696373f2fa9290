package record_test

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kupla-chat/kupla/server/internal/chat"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record"
)

// ignorePending leaves out what a conversation holds only while it is being changed.
var ignorePending = cmpopts.IgnoreUnexported(chat.Conversation{})

// fill gives every exported field below v a value that is not zero and occurs nowhere else.
func fill(t *testing.T, v reflect.Value, n *int64) {
	t.Helper()
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.UnixMicro(1_700_000_000_123_456 + *n).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("väärä %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int8:
		v.SetInt(*n%120 + 1)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(*n)
	case reflect.Uint8:
		v.SetUint(uint64(*n%200 + 1))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 3 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, n)
			fill(t, value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i), n)
			}
		}
	default:
		t.Fatalf("no way to fill a %s: teach this test", v.Type())
	}
}

func filled[T any](t *testing.T) T {
	t.Helper()
	var v T
	n := int64(0)
	fill(t, reflect.ValueOf(&v).Elem(), &n)
	return v
}

// TestConversationKeepsEveryField fails for a field that is added to the domain and not to the record.
func TestConversationKeepsEveryField(t *testing.T) {
	roundTrip := func(t *testing.T, want *chat.Conversation) {
		t.Helper()
		data, err := record.EncodeConversation(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.DecodeConversation(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, ignorePending); diff != "" {
			t.Errorf("stored and read again (-want +got):\n%s", diff)
		}
		if got.Changed() || len(got.Pending()) > 0 {
			t.Error("what was read has something pending")
		}
	}
	whole := filled[chat.Conversation](t)
	t.Run("all", func(t *testing.T) { roundTrip(t, &whole) })
	t.Run("none", func(t *testing.T) { roundTrip(t, &chat.Conversation{ReadMarks: map[string]int32{}}) })
	// Each alone too: two that were swapped would pass for all of them in a symmetric mistake.
	for i := range reflect.TypeFor[chat.Conversation]().NumField() {
		field := reflect.TypeFor[chat.Conversation]().Field(i)
		if !field.IsExported() {
			continue
		}
		t.Run(field.Name, func(t *testing.T) {
			c := chat.Conversation{ReadMarks: map[string]int32{}}
			reflect.ValueOf(&c).Elem().Field(i).Set(reflect.ValueOf(&whole).Elem().Field(i))
			roundTrip(t, &c)
		})
	}
}

// kinds is one event of each kind, all fields filled.
func kinds(t *testing.T) []chat.Kind {
	t.Helper()
	return []chat.Kind{
		filled[chat.MessagePosted](t), filled[chat.ParticipantJoined](t), filled[chat.ParticipantLeft](t),
		filled[chat.Transferred](t), filled[chat.ReturnedToQueue](t), filled[chat.ConversationClosed](t),
	}
}

func TestEventKeepsEveryField(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(fmt.Sprintf("%T", kind), func(t *testing.T) {
			want := chat.Event{
				Sequence: 7, Time: time.UnixMicro(1_700_000_000_000_001).UTC(), ParticipantID: "professional-2", Kind: kind,
			}
			payload, err := record.EncodeEvent(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := record.DecodeEvent(want.Sequence, want.Time, payload)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("stored and read again (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryKindHasARecord finds the kinds in the domain's source, so that a new one cannot be forgotten.
func TestEveryKindHasARecord(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../chat/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if ok && f.Recv != nil && f.Name.Name == "kind" {
			declared = append(declared, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	var known []string
	for _, kind := range kinds(t) {
		known = append(known, strings.TrimPrefix(fmt.Sprintf("%T", kind), "chat."))
	}
	slices.Sort(declared)
	slices.Sort(known)
	if diff := cmp.Diff(declared, known); diff != "" {
		t.Errorf("kinds of the domain and those tested here (-domain +tested):\n%s", diff)
	}
}

func TestEventWithoutRecord(t *testing.T) {
	if _, err := record.EncodeEvent(chat.Event{Sequence: 1}); err == nil {
		t.Error("an event without a kind was encoded")
	}
	if _, err := record.EncodeEvent(chat.Event{Sequence: 1, Kind: chat.MessagePosted{Text: "\xff"}}); err == nil {
		t.Error("text that is not UTF-8 was encoded")
	} else if strings.Contains(err.Error(), "\xff") {
		t.Errorf("the error tells what was written: %q", err)
	}
}

// TestLaterVersion reads what a later version of the schema may have written.
func TestLaterVersion(t *testing.T) {
	unknown := protowire.AppendTag(nil, 999, protowire.BytesType)
	unknown = protowire.AppendBytes(unknown, []byte{8, 1})

	// Field 1 is who did it.
	payload := protowire.AppendTag(nil, 1, protowire.BytesType)
	payload = protowire.AppendString(payload, "customer")
	e, err := record.DecodeEvent(3, time.UnixMicro(5).UTC(), append(payload, unknown...))
	if err != nil {
		t.Fatal(err)
	}
	want := chat.Event{Sequence: 3, Time: time.UnixMicro(5).UTC(), ParticipantID: "customer"}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("event of an unknown kind (-want +got):\n%s", diff)
	}

	known, err := record.EncodeEvent(chat.Event{Kind: chat.ConversationClosed{Reason: 77}})
	if err != nil {
		t.Fatal(err)
	}
	if e, err = record.DecodeEvent(1, time.Time{}, known); err != nil || e.Kind != (chat.ConversationClosed{Reason: 77}) {
		t.Errorf("event with an unknown reason: %+v, %v", e, err)
	}

	whole := filled[chat.Conversation](t)
	data, err := record.EncodeConversation(&whole)
	if err != nil {
		t.Fatal(err)
	}
	c, err := record.DecodeConversation(append(data, unknown...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&whole, c, ignorePending); diff != "" {
		t.Errorf("conversation with an unknown field (-want +got):\n%s", diff)
	}
}

// TestStoredBytes reads bytes as they were once stored. They may never be changed here: what is stored
// somewhere is not.
func TestStoredBytes(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 0, 0, 123456000, time.UTC)
	for _, c := range []struct {
		bytes string
		want  chat.Kind
	}{
		{"0a08637573746f6d657212050a03686569", chat.MessagePosted{Text: "hei"}},
		{
			"0a08637573746f6d65721a460a3a0a0e70726f66657373696f6e616c2d3110021a056d6169746122054d616974612880c0dfc9df80" +
				"9303300338c0cd96cbdf8093034009480150011208637573746f6d6572",
			chat.ParticipantJoined{
				Participant: chat.Participant{
					ID: "professional-1", Role: chat.Professional, StaffID: "maita", DisplayName: "Maita",
					JoinTime: time.UnixMicro(1772438400000000).UTC(), JoinSequence: 3,
					LeaveTime: time.UnixMicro(1772438403000000).UTC(), LeaveSequence: 9,
					LeaveReason: chat.LeftByChoice, Leading: true,
				},
				InviterID: "customer",
			},
		},
		{"0a08637573746f6d657222120a0e70726f66657373696f6e616c2d311003", chat.ParticipantLeft{ParticipantID: "professional-1", Reason: chat.LeftTransferred}},
		{"0a08637573746f6d65722a0b0a01611201621a01632001", chat.Transferred{SourceQueueID: "a", QueueID: "b", ParticipantID: "c", CustomerAgreed: true}},
		{"0a08637573746f6d657232050802120162", chat.ReturnedToQueue{Reason: chat.ProfessionalLost, QueueID: "b"}},
		{"0a08637573746f6d65723a020804", chat.ConversationClosed{Reason: chat.NotReached}},
	} {
		data, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.DecodeEvent(1, at, data)
		if err != nil {
			t.Errorf("%T: %v", c.want, err)
			continue
		}
		want := chat.Event{Sequence: 1, Time: at, ParticipantID: "customer", Kind: c.want}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", c.want, diff)
		}
	}

	data, err := hex.DecodeString("0a01631201711803220266692801300238034004480450015a016e62016f6a130a08637573746f6d6572" +
		"100122014128013001720c0a08637573746f6d657210057806800107880108")
	if err != nil {
		t.Fatal(err)
	}
	got, err := record.DecodeConversation(data)
	if err != nil {
		t.Fatal(err)
	}
	micro := func(n int64) time.Time { return time.UnixMicro(n).UTC() }
	want := &chat.Conversation{
		ID: "c", QueueID: "q", State: chat.Closed, Language: "fi", CreateTime: micro(1), ArrivalTime: micro(2),
		TakeTime: micro(3), CloseTime: micro(4), CloseReason: chat.NotReached, Transferred: true, NoticeVersion: "n",
		Origin: "o", ReadMarks: map[string]int32{"customer": 5}, LastSequence: 6, LastEventTime: micro(7),
		LastStaffMessageTime: micro(8),
		Participants: []chat.Participant{{
			ID: "customer", Role: chat.Customer, DisplayName: "A", JoinTime: micro(1), JoinSequence: 1,
		}},
	}
	if diff := cmp.Diff(want, got, ignorePending); diff != "" {
		t.Errorf("conversation (-want +got):\n%s", diff)
	}
}

func TestStaffAndNotesKeepEveryField(t *testing.T) {
	t.Run("profile", func(t *testing.T) {
		want := filled[store.Staff](t)
		data, err := record.EncodeStaffProfile(want)
		if err != nil {
			t.Fatal(err)
		}
		// What is not the profile's is in columns.
		got := store.Staff{
			ID: want.ID, Availability: want.Availability, AvailabilityTime: want.AvailabilityTime,
			Conversations: want.Conversations,
		}
		if err := record.DecodeStaffProfile(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("token", func(t *testing.T) {
		want := filled[store.StaffToken](t)
		data, err := record.EncodeStaffToken(want)
		if err != nil {
			t.Fatal(err)
		}
		got := store.StaffToken{ID: want.ID, StaffID: want.StaffID, Hash: want.Hash}
		if err := record.DecodeStaffToken(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("case note", func(t *testing.T) {
		want := filled[store.CaseNote](t)
		data, err := record.EncodeCaseNote(want)
		if err != nil {
			t.Fatal(err)
		}
		got := store.CaseNote{Number: want.Number, ConversationID: want.ConversationID}
		if err := record.DecodeCaseNote(data, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTime(t *testing.T) {
	helsinki := time.FixedZone("EET", 2*60*60)
	for _, c := range []struct{ in, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Date(2026, 1, 1, 2, 0, 0, 1999, helsinki), time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC)},
		{time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)},
	} {
		if got := record.Time(record.Micros(c.in)); got != c.want {
			t.Errorf("%v was kept as %v, want %v", c.in, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	c := chat.Start(chat.StartParams{
		ID: "c", QueueID: "q", Language: "fi", DisplayName: "Asiakas", Message: "Hei",
		Now: time.UnixMicro(1_700_000_000_000_000), Arrival: time.UnixMicro(1_700_000_000_000_001),
	})
	data, err := record.EncodeConversation(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, e := range c.Pending() {
		if data, err = record.EncodeEvent(e); err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := record.DecodeConversation(data); err == nil {
			again, err := record.EncodeConversation(c)
			if err != nil {
				t.Fatal(err)
			}
			d, err := record.DecodeConversation(again)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, d, ignorePending, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("read, stored and read again:\n%s", diff)
			}
		}
		if e, err := record.DecodeEvent(1, time.UnixMicro(1).UTC(), data); err == nil && e.Kind != nil {
			again, err := record.EncodeEvent(e)
			if err != nil {
				t.Fatal(err)
			}
			d, err := record.DecodeEvent(1, time.UnixMicro(1).UTC(), again)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, d); diff != "" {
				t.Fatalf("read, stored and read again:\n%s", diff)
			}
		}
		// These must not panic; what they make of it is theirs.
		_ = record.DecodeCaseNote(data, &store.CaseNote{})
		_ = record.DecodeStaffProfile(data, &store.Staff{})
		_ = record.DecodeStaffToken(data, &store.StaffToken{})
	})
}

func BenchmarkMessage(b *testing.B) {
	e := chat.Event{Sequence: 1, ParticipantID: "customer", Kind: chat.MessagePosted{Text: strings.Repeat("a", 200)}}
	payload, err := record.EncodeEvent(e)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := record.EncodeEvent(e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := record.DecodeEvent(1, e.Time, payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkConversation(b *testing.B) {
	now := time.UnixMicro(1_700_000_000_000_000)
	c := chat.Start(chat.StartParams{
		ID: "4f0d3c1e-0000-4000-8000-000000000000", QueueID: "terveysneuvonta", Language: "fi", DisplayName: "Asiakas",
		Message: "Hei", NoticeVersion: "2026-01", Origin: "0123456789abcdef", Now: now, Arrival: now,
	})
	if err := c.Take(chat.Staff{ID: "maita", DisplayName: "Maita"}, now); err != nil {
		b.Fatal(err)
	}
	for _, p := range []string{chat.CustomerID, "professional-1"} {
		if _, err := c.MarkRead(c.Participant(p), 2); err != nil {
			b.Fatal(err)
		}
	}
	data, err := record.EncodeConversation(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := record.EncodeConversation(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := record.DecodeConversation(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
