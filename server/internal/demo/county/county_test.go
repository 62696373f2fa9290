package county_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/demo/county"
)

// answer is an answer that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, target string) answer {
	t.Helper()
	mux := http.NewServeMux()
	for path, handler := range county.Pages() {
		if path == "/" {
			path = "/{$}"
		}
		mux.Handle(path, handler)
	}
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody))
	return answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
}

// Every language and theme has its page, which says what it is, and has the bubble on it in the same language.
func TestPages(t *testing.T) {
	for target, want := range map[string]struct{ language, theme, says string }{
		"/":                            {"fi", "default", "Tämä on esittelysivu."},
		"/?lang=fi&theme=harbour":      {"fi", "harbour", "Kuvitelmalaa ei ole"},
		"/?lang=sv":                    {"sv", "default", "Det här är en demonstration."},
		"/?lang=sv&theme=harbour":      {"sv", "harbour", "Kuvitelmala finns inte"},
		"/?lang=en":                    {"en", "default", "This is a demonstration."},
		"/?lang=en&theme=harbour":      {"en", "harbour", "There is no Kuvitelmala"},
		"/?lang=xx&theme=<script>":     {"fi", "default", "esittelysivu"},
		"/?lang=sv&theme=none-like-it": {"sv", "default", "demonstration"},
	} {
		page := get(t, target)
		if page.status != http.StatusOK {
			t.Fatalf("%s answers %d", target, page.status)
		}
		for _, part := range []string{
			`<html lang="` + want.language + `">`,
			`<kupla-chat lang="` + want.language + `" theme="` + want.theme + `" label="`,
			`<script src="/kupla-chat.js" async></script>`,
			want.says,
		} {
			if !strings.Contains(page.body, part) {
				t.Errorf("%s does not have %s", target, part)
			}
		}
		for _, inline := range []string{"<style", " style=", "<script>", "ZgotmplZ", "<no value>", `label=""`} {
			if strings.Contains(page.body, inline) {
				t.Errorf("%s has %q", target, inline)
			}
		}
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") ||
			strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s has the policy %s", target, policy)
		}
	}
}

// Everything that the page names is there, and is the demonstration's or the web client's own.
func TestNothingFromElsewhere(t *testing.T) {
	body := get(t, "/").body
	named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1)
	if len(named) < 8 {
		t.Fatalf("the page names %v", named)
	}
	for _, match := range named {
		target := strings.ReplaceAll(match[1], "&amp;", "&")
		if strings.HasPrefix(target, "#") || target == "/kupla-chat.js" {
			continue
		}
		if a := get(t, target); a.status != http.StatusOK {
			t.Errorf("%s answers %d", target, a.status)
		}
	}
}
