package chat_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kupla-chat/kupla/server/internal/chat"
)

// A conversation kept from before some messages and advanced by them is the conversation after them, and that they
// were all is told. After anything else it is not.
func TestAdvance(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	c := chat.Start(chat.StartParams{ID: "c", QueueID: "q", Language: "fi", Now: now, Arrival: now})
	nurse := chat.Staff{ID: "nurse", DisplayName: "Testi"}
	if err := c.Take(nurse, now); err != nil {
		t.Fatal(err)
	}
	c.Settle()
	kept := c.Clone()
	professional := c.StaffParticipant("nurse").ID
	for i, who := range []string{chat.CustomerID, professional, chat.CustomerID} {
		if err := c.Post(who, "hei", now.Add(time.Duration(i+1)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if !c.OnlyPosted(kept) {
		t.Error("three messages are something else")
	}
	for _, e := range c.Pending() {
		if err := kept.Advance(e); err != nil {
			t.Fatal(err)
		}
	}
	messages := c.Pending()
	c.Settle()
	if diff := cmp.Diff(c, kept, cmpopts.IgnoreUnexported(chat.Conversation{})); diff != "" {
		t.Errorf("advanced (+) is not what it became (-):\n%s", diff)
	}
	for _, e := range messages[:2] {
		if err := kept.Advance(e); err == nil {
			t.Errorf("event %d came twice", e.Sequence)
		}
	}
	if _, err := c.MarkRead(c.Customer(), 2); err != nil {
		t.Fatal(err)
	}
	if c.OnlyPosted(kept) {
		t.Error("a read mark is a message")
	}
	if err := c.Close(professional, chat.Completed, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Pending() {
		if err := kept.Advance(e); err == nil {
			t.Errorf("advanced by %T", e.Kind)
		}
	}
}

// Every field is either compared by OnlyPosted or told by a message.
func TestOnlyPostedComparesEveryField(t *testing.T) {
	told := map[string]bool{"LastSequence": true, "LastEventTime": true, "LastStaffMessageTime": true}
	typ := reflect.TypeFor[chat.Conversation]()
	for field := range typ.Fields() {
		if !field.IsExported() || field.Name == "ID" {
			continue // ID is what the two are the same by.
		}
		before, after := &chat.Conversation{}, &chat.Conversation{}
		v := reflect.ValueOf(after).Elem().FieldByIndex(field.Index)
		switch value := v.Addr().Interface().(type) {
		case *string:
			*value = "x"
		case *bool:
			*value = true
		case *int32:
			*value = 1
		case *time.Time:
			*value = time.Unix(1, 0)
		case *[]chat.Participant:
			*value = []chat.Participant{{ID: "x"}}
		case *map[string]int32:
			*value = map[string]int32{"x": 1}
		default:
			if !v.CanInt() {
				t.Fatalf("%s has a type that is not known here: %s", field.Name, v.Type())
			}
			v.SetInt(1)
		}
		if after.OnlyPosted(before) != told[field.Name] {
			t.Errorf("a change of %s is taken for messages: %t", field.Name, !told[field.Name])
		}
	}
}
