package load_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/kupla-chat/kupla/clients/go/internal/load"
)

// The document has the figures of the latest report, and no others.
func TestPerformanceDocument(t *testing.T) {
	const document, latest = "../../../../docs/performance.md", "../../../../bench/latest.json"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(latest)
	if err != nil {
		t.Fatal(err)
	}
	var report load.Report
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	if report.Short || len(report.Rows) < 10 {
		t.Errorf("%s is no whole report: %d rows", latest, len(report.Rows))
	}
	want, err := report.Written(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Errorf("docs/performance.md does not have the figures of bench/latest.json: run make bench")
	}
}
