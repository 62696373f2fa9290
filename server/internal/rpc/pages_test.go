package rpc_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/rpc"
)

// onePage is a page at one path.
type onePage string

func (p onePage) Page(urlPath string) http.Handler {
	if urlPath != string(p) {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		_, _ = io.WriteString(w, "the page")
	})
}

// Pages are served beside the contract, under the bounds of all, and are nobody else's to read.
func TestPages(t *testing.T) {
	url := apptest.New(t).Listen(rpc.HTTPConfig{AllowedOrigins: []string{"*"}, Pages: onePage("/chat/")})
	ask := func(method, path, body string) (status int, header http.Header, text string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://elsewhere.example")
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header, string(answer)
	}
	status, header, text := ask(http.MethodGet, "/chat/?queue=oral-health", "")
	if status != http.StatusOK || text != "the page" {
		t.Errorf("the page answers %d: %s", status, text)
	}
	if allow := header.Get("Access-Control-Allow-Origin"); allow != "" {
		t.Errorf("scripts of %s may read the page", allow)
	}
	if policy := header.Get("Content-Security-Policy"); policy != "default-src 'self'" {
		t.Errorf("the page's own policy is %q", policy)
	}
	if header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("the page is outside of what is said of every answer")
	}
	status, header, text = ask(http.MethodPost, "/kupla.v1.QueueService/ListQueues", "{}")
	if status != http.StatusOK || header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("the contract answers %d beside pages: %s", status, text)
	}
	if status, _, _ := ask(http.MethodPost, "/chat/elsewhere", "{}"); status == http.StatusOK {
		t.Error("what is no page is answered as one")
	}
}
