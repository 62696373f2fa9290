package record

import (
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/record/recordv1"
)

// EncodeCaseNote makes the bytes of a case note: all but its number and conversation, which are columns. It
// fails for text that is not UTF-8.
func EncodeCaseNote(n store.CaseNote) ([]byte, error) {
	return marshal(&recordv1.CaseNote{
		Id:          n.ID,
		StaffId:     n.StaffID,
		DisplayName: n.DisplayName,
		Text:        n.Text,
		Time:        Micros(n.Time),
	})
}

// DecodeCaseNote reads a case note's bytes into it, and leaves the rest as it is.
func DecodeCaseNote(data []byte, n *store.CaseNote) error {
	var m recordv1.CaseNote
	if err := unmarshal(data, &m); err != nil {
		return err
	}
	n.ID = m.GetId()
	n.StaffID = m.GetStaffId()
	n.DisplayName = m.GetDisplayName()
	n.Text = m.GetText()
	n.Time = Time(m.GetTime())
	return nil
}
