package cli

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kupla-chat/kupla/clients/go/kupla"
)

var updateGolden = flag.Bool("update", false, "write what the screen shows into testdata, to be looked at with git diff")

// What the screen shows, in every language and at three sizes, stands in testdata/screen as it would stand in
// a terminal.
func TestScreenLooksAsItDid(t *testing.T) {
	sizes := [][2]int{{60, 16}, {80, 24}, {120, 40}}
	looks := []struct {
		name string
		make func(*stage)
	}{
		{"day", func(*stage) {}},
		{"help", func(s *stage) { s.keys("f1") }},
		{"transfer", func(s *stage) { s.keys("f6") }},
		{"trouble", func(s *stage) {
			s.service.refuse = refusal(0, "IDENTITY_CODE_IN_TEXT", nil)
			s.types("Tunnus on " + artificialCode)
			s.keys("enter")
			s.types("Kesken jäänyt viesti")
			s.tell(kupla.DeskUpdate{Kind: kupla.DeskDisconnected, Connection: &kupla.Connection{RetryIn: 5 * time.Second}})
		}},
	}
	for _, l := range []language{finnish, swedish, english} {
		for _, look := range looks {
			s := day(t, l)
			look.make(s)
			for _, size := range sizes {
				s.resize(size[0], size[1])
				file := filepath.Join("testdata", "screen", fmt.Sprintf("%s_%s_%dx%d.txt", look.name, l, size[0], size[1]))
				got := s.shown() + "\n"
				if *updateGolden {
					if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
					continue
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("%v: run the test with -update", err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s, if it should look so now, run the test with -update (-was +is):\n%s", file, diff)
				}
			}
		}
	}
}
