package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect/v2"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Case notes are for staff: they are listed in order, page by page, and nothing of them is ever in the log, or in
// anything that a customer can ask for.
func TestCaseNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := apptest.New(t)
		nurse := s.Staff(store.Staff{ID: "nurse", DisplayName: "Sairaanhoitaja Kuvitteellinen"})
		customer, other := s.Start(apptest.Queue), s.Start(apptest.Queue)
		stream := follow(t, customer.Clients, customer.ID, "")
		take(t, nurse, customer.ID)
		take(t, nurse, other.ID)
		const notes = 25
		for i := range notes {
			if _, err := nurse.Desk.AddCaseNote(t.Context(), &kuplav1.AddCaseNoteRequest{
				ConversationId: customer.ID, RequestId: newID(), Text: fmt.Sprintf("Huomautus %d", i),
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := nurse.Desk.AddCaseNote(t.Context(), &kuplav1.AddCaseNoteRequest{
				ConversationId: other.ID, RequestId: newID(), Text: "Toisen huomautus",
			}); err != nil {
				t.Fatal(err)
			}
		}
		var listed []*kuplav1.CaseNote
		token, pages := "", 0
		for {
			res, err := nurse.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{
				ConversationId: customer.ID, PageSize: 10, PageToken: token,
			})
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, res.GetCaseNotes()...)
			pages++
			if token = res.GetNextPageToken(); token == "" {
				break
			}
			// A token of one conversation's list is none of another's.
			_, err = nurse.Desk.ListCaseNotes(t.Context(),
				&kuplav1.ListCaseNotesRequest{ConversationId: other.ID, PageToken: token})
			apptest.WantReason(t, err, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_CURSOR_MALFORMED)
		}
		if len(listed) != notes || pages != 3 {
			t.Fatalf("%d notes on %d pages, want %d on 3", len(listed), pages, notes)
		}
		for i, n := range listed {
			if n.GetText() != fmt.Sprintf("Huomautus %d", i) || n.GetProfessionalId() != "nurse" || n.GetConversationId() != customer.ID ||
				n.GetDisplayName() != "Sairaanhoitaja Kuvitteellinen" || n.GetCreateTime() == nil || n.GetId() == "" {
				t.Errorf("note %d is %v", i, n)
			}
		}

		// The customer sees nothing of them, not even that they are there.
		for _, f := range stream.all() {
			rangeStrings(f.ProtoReflect(), func(field, value string) {
				if strings.Contains(value, "uomautus") {
					t.Errorf("the customer is told %q in %s", value, field)
				}
			})
		}
		if got := eventLines(eventsOf(t, customer.Clients, customer.ID)); len(got) != 2 {
			t.Errorf("the customer's log is %q", got)
		}
		_, err := customer.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{ConversationId: customer.ID})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED)
		_, err = customer.Desk.AddCaseNote(t.Context(),
			&kuplav1.AddCaseNoteRequest{ConversationId: customer.ID, RequestId: newID(), Text: "Hei"})
		apptest.WantReason(t, err, connect.CodePermissionDenied, kuplav1.ErrorReason_ERROR_REASON_ROLE_REQUIRED)

		// Whoever takes the conversation next reads them.
		next := s.Staff(store.Staff{ID: "next"})
		_, err = next.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{ConversationId: customer.ID})
		apptest.WantReason(t, err, connect.CodeNotFound, kuplav1.ErrorReason_ERROR_REASON_CONVERSATION_NOT_FOUND)
		returnToQueue(t, nurse, customer.ID)
		take(t, next, customer.ID)
		res, err := next.Desk.ListCaseNotes(t.Context(), &kuplav1.ListCaseNotesRequest{ConversationId: customer.ID})
		if err != nil || len(res.GetCaseNotes()) != notes {
			t.Errorf("the next professional reads %d notes (%v), want %d", len(res.GetCaseNotes()), err, notes)
		}
	})
}
