package catalogue_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
)

func TestDiff(t *testing.T) {
	tests := []struct {
		name   string
		before *kuplav1.Catalogue
		change func(m *kuplav1.Catalogue)
		want   []string
	}{
		{"nothing", good(), func(*kuplav1.Catalogue) {}, nil},
		{"output only", good(), func(m *kuplav1.Catalogue) {
			m.DefaultSurvey.Version, m.Queues[0].NoticeVersion, m.Queues[0].Survey.Version = "a", "b", "c"
		}, nil},
		{"from nothing", nil, func(*kuplav1.Catalogue) {}, []string{
			"added default_notice", "added default_phone", "added default_survey", "added queues/oral-health",
			"added queues/social-guidance", "added canned_replies/greeting", "added canned_replies/booking",
		}},
		{"to nothing", good(), func(m *kuplav1.Catalogue) { proto.Reset(m) }, []string{
			"removed default_notice", "removed default_phone", "removed default_survey", "removed queues/oral-health",
			"removed queues/social-guidance", "removed canned_replies/greeting", "removed canned_replies/booking",
		}},
		{"a default", good(), func(m *kuplav1.Catalogue) { m.DefaultNotice.En += "!" }, []string{"changed default_notice"}},
		{"the phone", good(), func(m *kuplav1.Catalogue) { m.DefaultPhone = "112" }, []string{"changed default_phone"}},
		{"deep in a queue", good(), func(m *kuplav1.Catalogue) { m.Queues[0].OpeningHours.Weekly[0].Spans[1].End = "13:00" }, []string{
			"changed queues/oral-health",
		}},
		{"nothing and empty hours", good(), func(m *kuplav1.Catalogue) { m.Queues[1].OpeningHours = nil }, []string{
			"changed queues/social-guidance",
		}},
		{"order of the queues", good(), func(m *kuplav1.Catalogue) { slices.Reverse(m.GetQueues()) }, []string{"changed queues"}},
		{"order of the replies", good(), func(m *kuplav1.Catalogue) { slices.Reverse(m.GetCannedReplies()) }, []string{
			"changed canned_replies",
		}},
		{"one before the others is no other order", good(), func(m *kuplav1.Catalogue) {
			q := proto.CloneOf(m.GetQueues()[0])
			q.Id = "physiotherapy"
			m.Queues = slices.Insert(m.GetQueues(), 0, q)
		}, []string{"added queues/physiotherapy"}},
		{"another id", good(), func(m *kuplav1.Catalogue) { m.Queues[0].Id = "teeth" }, []string{
			"added queues/teeth", "removed queues/oral-health",
		}},
		{"a reply less", good(), func(m *kuplav1.Catalogue) { m.CannedReplies = m.GetCannedReplies()[1:] }, []string{
			"removed canned_replies/greeting",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after := good()
			test.change(after)
			kept, keptBefore := proto.CloneOf(after), proto.CloneOf(test.before)
			var got []string
			for _, c := range catalogue.Diff(test.before, after) {
				kind := strings.TrimPrefix(c.GetKind().String(), "CATALOGUE_CHANGE_KIND_")
				got = append(got, strings.ToLower(kind)+" "+c.GetPath())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if !proto.Equal(kept, after) || !proto.Equal(keptBefore, test.before) {
				t.Error("Diff changed what it was given")
			}
			// The etag tells the same story.
			_, before, err := catalogue.Encode(test.before)
			if err != nil {
				t.Fatal(err)
			}
			_, now, err := catalogue.Encode(after)
			if err != nil {
				t.Fatal(err)
			}
			if (before == now) != (len(got) == 0) {
				t.Errorf("etags %s and %s, changes %v", before, now, got)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	m := good()
	m.Queues[0].NoticeVersion, m.Queues[0].Survey.Version = "a", "b"
	data, etag, err := catalogue.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(etag) != 32 {
		t.Errorf("etag %q", etag)
	}
	if book := compile(t, good()); book.Etag() != etag {
		t.Errorf("the book has etag %s, Encode %s", book.Etag(), etag)
	}
	got, err := catalogue.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good(), got, protocmp.Transform()); diff != "" {
		t.Errorf("catalogue (-want +got):\n%s", diff)
	}
	again, _, err := catalogue.Encode(got)
	if err != nil || !slices.Equal(again, data) {
		t.Errorf("encoded again it differs (%v)", err)
	}
	m.DefaultPhone = "a\xff"
	if _, _, err := catalogue.Encode(m); err == nil {
		t.Error("text that is not UTF-8 was encoded")
	}
	if _, err := catalogue.Decode([]byte{0xff}); err == nil {
		t.Error("bytes that are no message were decoded")
	}
}
