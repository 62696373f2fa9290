package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kupla-chat/kupla/server/internal/web"
)

const (
	script = "console.log('the chat, and enough of it for compression to be worth the while: chat, chatting, chatted, chats')"
	loader = "console.log('the loader, and enough of it for compression to be worth the while: chat, chatting, chatted, chats')"
	page   = "<!doctype html><title>The chat</title><p>And enough of it for compression to be worth the while: chat, chatting, chatted, chats, chatter, chatty."
)

// built is a web client as a build leaves it. What stands for brotli is no brotli: nothing here reads it.
func built() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		".gitignore":                      file("*"),
		"kupla-chat.js":                   file(loader),
		"kupla-chat.js.br":                file("brotli of the loader"),
		"kupla-chat.js.gz":                {Data: web.Gzip([]byte(loader))},
		"chat/index.html":                 file(page),
		"chat/index.html.br":              file("brotli of the page"),
		"chat/index.html.gz":              {Data: web.Gzip([]byte(page))},
		"chat/.vite/manifest.json":        file("{}"),
		"chat/assets/index-Abc_123.js":    file(script),
		"chat/assets/index-Abc_123.js.br": file("brotli of the script"),
		"chat/assets/index-Abc_123.js.gz": {Data: web.Gzip([]byte(script))},
		"chat/assets/ding-Xyz.mp3":        file("sound"),
		"chat/themes/default.css":         file(":root { --kupla-brand: #2a6ebb; }"),
	}
}

// server serves a site as kuplad does, with something else behind it.
func server(t *testing.T, client fstest.MapFS, config web.Config) *httptest.Server {
	t.Helper()
	site, err := web.New(client, config)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := site.Page(r.URL.Path); handler != nil {
			handler.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(s.Close)
	return s
}

// answer is an answer that was read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask asks for a target just as it is written, which http.Client would tidy up first.
func ask(t *testing.T, s *httptest.Server, method, target string, header http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.URL.Opaque = target
	maps.Copy(request.Header, header)
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}
}

func get(t *testing.T, s *httptest.Server, target string) answer {
	t.Helper()
	return ask(t, s, http.MethodGet, target, nil)
}

// A server is released with the client in it. This fails where it was not built, and says what to do.
func TestTheWebClientIsBuilt(t *testing.T) {
	site, err := web.New(web.Built(), web.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !site.Complete() {
		t.Fatal("the web client was not built: run `make web`")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { site.Page(r.URL.Path).ServeHTTP(w, r) }))
	defer s.Close()
	chat := get(t, s, "/chat/")
	if chat.status != http.StatusOK {
		t.Fatalf("/chat/ answers %d", chat.status)
	}
	for _, inline := range []string{"<style", " style=", "javascript:", " onload=", " onclick="} {
		if strings.Contains(chat.body, inline) {
			t.Errorf("the chat page has %q inline, which its own policy refuses", inline)
		}
	}
	named := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(chat.body, -1)
	if len(named) == 0 {
		t.Error("the chat page names no script")
	}
	for _, match := range named {
		asset := get(t, s, match[1])
		if asset.status != http.StatusOK || !strings.HasPrefix(match[1], "/chat/") {
			t.Errorf("the chat page names %s, which answers %d", match[1], asset.status)
		}
		if strings.HasPrefix(match[1], "/chat/assets/") && !strings.Contains(asset.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s is cached by %q", match[1], asset.header.Get("Cache-Control"))
		}
	}
	if script := regexp.MustCompile(`<script[^>]*>`).FindString(chat.body); !strings.Contains(script, "src=") {
		t.Errorf("the chat page has the script %s, which is inline", script)
	}
	for _, target := range []string{"/kupla-chat.js", "/chat/", "/chat/themes/default.css"} {
		for _, coding := range []string{"br", "gzip"} {
			a := ask(t, s, http.MethodGet, target, http.Header{"Accept-Encoding": {coding}})
			if a.status != http.StatusOK || a.header.Get("Content-Encoding") != coding {
				t.Errorf("%s answers %d in %q to who takes %s", target, a.status, a.header.Get("Content-Encoding"), coding)
			}
		}
	}
}

// Without a client the addresses say what is missing, and the contract is still served.
func TestNotBuilt(t *testing.T) {
	s := server(t, fstest.MapFS{".gitignore": {Data: []byte("*")}}, web.Config{})
	for _, target := range []string{"/kupla-chat.js", "/chat/", "/chat", "/chat/assets/index.js"} {
		a := get(t, s, target)
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "make web") {
			t.Errorf("%s answers %d: %s", target, a.status, a.body)
		}
	}
	if a := get(t, s, "/kupla.v1.QueueService/ListQueues"); a.status != http.StatusTeapot {
		t.Errorf("the contract's path answers %d", a.status)
	}
}

func TestEncodings(t *testing.T) {
	s := server(t, built(), web.Config{})
	for accept, want := range map[string]string{
		"":                               "",
		"gzip, deflate, br, zstd":        "br",
		"gzip":                           "gzip",
		"GZIP":                           "gzip",
		"br;q=0.5, gzip;q=0.9":           "gzip",
		"br;q=0, gzip;q=0":               "",
		"*":                              "br",
		"*;q=0.1, br;q=0":                "gzip",
		"identity, gzip;q=0.5":           "",
		"identity;q=0.5, gzip;q=1.0":     "gzip",
		"br ; q=0.1":                     "br",
		"br;q=2, gzip":                   "gzip",
		"br;level=1, gzip;q=0.2":         "gzip",
		"br;q=x":                         "",
		"zstd, exi":                      "",
		"identity;q=0, *;q=0":            "",
		"brotli":                         "",
		"gzip;q=NaN":                     "",
		", ,gzip":                        "gzip",
		"identity;q=1, *;q=0":            "",
		"deflate;q=1, identity;q=0.0":    "",
		"br;q=1, gzip;q=1, identity;q=1": "br",
	} {
		header := http.Header{}
		if accept != "" {
			header.Set("Accept-Encoding", accept)
		}
		a := ask(t, s, http.MethodGet, "/chat/assets/index-Abc_123.js", header)
		if got := a.header.Get("Content-Encoding"); a.status != http.StatusOK || got != want {
			t.Errorf("Accept-Encoding %q: %d in %q, want %q", accept, a.status, got, want)
		}
		if a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: varies by %q", accept, a.header.Get("Vary"))
		}
		content := map[string]string{"": script, "br": "brotli of the script", "gzip": string(web.Gzip([]byte(script)))}[want]
		if a.body != content {
			t.Errorf("Accept-Encoding %q: answers %q", accept, a.body)
		}
	}
	// Several headers are one.
	a := ask(t, s, http.MethodGet, "/chat/", http.Header{"Accept-Encoding": {"deflate", "gzip"}})
	reader, err := gzip.NewReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil || string(text) != page {
		t.Errorf("gzip holds %q: %v", text, err)
	}
	if a := get(t, s, "/chat/assets/ding-Xyz.mp3"); a.header.Get("Vary") != "" || a.header.Get("Content-Type") != "audio/mpeg" {
		t.Errorf("a file in one encoding has %v", a.header)
	}
}

func TestTagsAndMethods(t *testing.T) {
	const target = "/chat/assets/index-Abc_123.js"
	s := server(t, built(), web.Config{})
	tags := map[string]bool{}
	for _, accept := range []string{"br", "gzip", "identity"} {
		header := http.Header{"Accept-Encoding": {accept}}
		whole := ask(t, s, http.MethodGet, target, header)
		tag := whole.header.Get("ETag")
		if !regexp.MustCompile(`^"[^"]+"$`).MatchString(tag) || tags[tag] {
			t.Fatalf("%s has the tag %q", accept, tag)
		}
		tags[tag] = true

		head := ask(t, s, http.MethodHead, target, header)
		if head.status != http.StatusOK || head.body != "" {
			t.Errorf("HEAD answers %d with %q", head.status, head.body)
		}
		for _, key := range []string{"Content-Length", "Content-Type", "Content-Encoding", "ETag", "Cache-Control", "Vary"} {
			if head.header.Get(key) != whole.header.Get(key) {
				t.Errorf("%s: HEAD says %q, GET %q", key, head.header.Get(key), whole.header.Get(key))
			}
		}
		for _, match := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			header.Set("If-None-Match", match)
			a := ask(t, s, http.MethodGet, target, header)
			if a.status != http.StatusNotModified || a.body != "" || a.header.Get("ETag") != tag || a.header.Get("Cache-Control") == "" {
				t.Errorf("If-None-Match %s answers %d: %v", match, a.status, a.header)
			}
		}
		header.Set("If-None-Match", `"other"`)
		if a := ask(t, s, http.MethodGet, target, header); a.status != http.StatusOK || a.body != whole.body {
			t.Errorf("another tag answers %d", a.status)
		}
	}
	changed := built()
	changed["chat/assets/index-Abc_123.js"] = &fstest.MapFile{Data: []byte(script + ";")}
	if a := get(t, server(t, changed, web.Config{}), target); tags[a.header.Get("ETag")] {
		t.Error("the tag is the same for another content")
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if a := ask(t, s, method, target, nil); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s answers %d", method, a.status)
		}
	}
}

// directives are a Content Security Policy by the names of its parts.
func directives(t *testing.T, policy string) map[string]string {
	t.Helper()
	parts := map[string]string{}
	for part := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		if _, twice := parts[name]; twice {
			t.Errorf("%s is in the policy twice; the second one counts for nothing", name)
		}
		parts[name] = value
	}
	return parts
}

func TestChatHeaders(t *testing.T) {
	s := server(t, built(), web.Config{FrameAncestors: []string{"https://www.kuvitelmala.example", "https://*.county.example", "http://localhost:*"}})
	a := get(t, s, "/chat/?queue=oral-health&lang=sv&embedded=1")
	if a.status != http.StatusOK || a.body != page {
		t.Fatalf("answers %d: %s", a.status, a.body)
	}
	policy := directives(t, a.header.Get("Content-Security-Policy"))
	for name, want := range map[string]string{
		"default-src":               "'none'",
		"script-src":                "'self'",
		"style-src":                 "'self'",
		"img-src":                   "'self'",
		"font-src":                  "'self'",
		"connect-src":               "'self'",
		"base-uri":                  "'none'",
		"form-action":               "'none'",
		"frame-ancestors":           "'self' https://www.kuvitelmala.example https://*.county.example http://localhost:*",
		"require-trusted-types-for": "'script'",
		"trusted-types":             "'none'",
	} {
		if policy[name] != want {
			t.Errorf("%s is %q, want %q", name, policy[name], want)
		}
	}
	for key, want := range map[string]string{
		"Cache-Control":                "no-cache",
		"Content-Type":                 "text/html; charset=utf-8",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Cross-Origin-Resource-Policy": "cross-origin",
		// It would contradict frame-ancestors where a browser knows both.
		"X-Frame-Options": "",
		"Set-Cookie":      "",
	} {
		if got := a.header.Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if powers := a.header.Get("Permissions-Policy"); !strings.Contains(powers, "camera=()") || strings.Contains(powers, "autoplay") {
		t.Errorf("Permissions-Policy is %q", powers)
	}
	alone := get(t, server(t, built(), web.Config{}), "/chat/")
	if got := directives(t, alone.header.Get("Content-Security-Policy"))["frame-ancestors"]; got != "'self'" {
		t.Errorf("without configuration frame-ancestors is %q", got)
	}
}

func TestFileHeaders(t *testing.T) {
	s := server(t, built(), web.Config{})
	for target, want := range map[string]http.Header{
		"/kupla-chat.js": {
			"Cache-Control": {"public, max-age=300"}, "Cross-Origin-Resource-Policy": {"cross-origin"},
			"Content-Type": {"text/javascript; charset=utf-8"},
		},
		"/chat/assets/index-Abc_123.js": {
			"Cache-Control": {"public, max-age=31536000, immutable"}, "Cross-Origin-Resource-Policy": {"same-origin"},
			"Content-Type": {"text/javascript; charset=utf-8"},
		},
		"/chat/themes/default.css": {
			"Cache-Control": {"public, max-age=300"}, "Cross-Origin-Resource-Policy": {"same-origin"},
			"Content-Type": {"text/css; charset=utf-8"},
		},
	} {
		a := get(t, s, target)
		if a.status != http.StatusOK {
			t.Errorf("%s answers %d", target, a.status)
		}
		for key := range want {
			if a.header.Get(key) != want.Get(key) {
				t.Errorf("%s: %s is %q, want %q", target, key, a.header.Get(key), want.Get(key))
			}
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %v", target, a.header)
		}
	}
}

func TestPaths(t *testing.T) {
	s := server(t, built(), web.Config{})
	for target, want := range map[string]int{
		"/chat/":                                    http.StatusOK,
		"/chat/index.html":                          http.StatusNotFound,
		"/chat/nothing":                             http.StatusNotFound,
		"/chat/assets/":                             http.StatusNotFound,
		"/chat/assets/index-Abc_123.js.br":          http.StatusNotFound,
		"/chat/assets/index-Abc_123.js.gz":          http.StatusNotFound,
		"/chat/.vite/manifest.json":                 http.StatusNotFound,
		"/chat/../../site.go":                       http.StatusNotFound,
		"/chat/%2e%2e/%2e%2e/site.go":               http.StatusNotFound,
		"/chat/..%2f..%2fsite.go":                   http.StatusNotFound,
		"/chat/assets/..%5c..%5cindex.html":         http.StatusNotFound,
		"/chat//assets/index-Abc_123.js":            http.StatusNotFound,
		"/chat/assets/index-Abc_123.js%00.html":     http.StatusNotFound,
		"/chat/themes/../../../../etc/passwd":       http.StatusNotFound,
		"/.gitignore":                               http.StatusTeapot,
		"/":                                         http.StatusTeapot,
		"/index.html":                               http.StatusTeapot,
		"/kupla-chat.js/":                           http.StatusTeapot,
		"/chatter":                                  http.StatusTeapot,
		"/kupla.v1.ConversationService/SendMessage": http.StatusTeapot,
	} {
		if a := get(t, s, target); a.status != want {
			t.Errorf("%s answers %d, want %d", target, a.status, want)
		}
	}
	a := get(t, s, "/chat?queue=oral-health&lang=fi")
	if a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "/chat/?queue=oral-health&lang=fi" {
		t.Errorf("/chat answers %d to %s", a.status, a.header.Get("Location"))
	}
}

func TestFrameAncestors(t *testing.T) {
	for _, origin := range []string{
		"https://www.example.fi", "https://example.fi:8443", "http://localhost:3000", "http://localhost:*", "https://*.example.fi",
	} {
		if _, err := web.New(built(), web.Config{FrameAncestors: []string{origin}}); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
	for _, origin := range []string{
		"*", "", "https:", "https://", "https://*", "www.example.fi", "'self'", "'none'", "https://example.fi/", "https://example.fi/page",
		"https://example.fi; script-src *", "https://a.fi https://b.fi", "https://a.fi,https://b.fi", "ftp://example.fi",
		"https://user@example.fi", "https://example.fi?x", "https://example.fi#x", "https://a.*.fi", "data:", "https://example.fi:port",
		"https://*.fi", "https://*.fi:*", "https://*.fi.", "http://*.localhost",
		"https://example.fi\r\nSet-Cookie: x=y",
	} {
		if _, err := web.New(built(), web.Config{FrameAncestors: []string{origin}}); err == nil {
			t.Errorf("%q is taken", origin)
		} else if !strings.Contains(err.Error(), "frame ancestor") {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

// What a browser would be served without knowing what it is, is found when the site is made.
func TestUnknownFile(t *testing.T) {
	client := built()
	client["chat/assets/module.wasm"] = &fstest.MapFile{}
	if _, err := web.New(client, web.Config{}); err == nil || !strings.Contains(err.Error(), "module.wasm") {
		t.Errorf("the error is %v", err)
	}
}

func TestThemes(t *testing.T) {
	theme := "/* Ours. */ :root { --kupla-brand: #123456; --kupla-logo: url(\"logo.svg\") }\n" +
		"@media (prefers-color-scheme: dark) { :root { --kupla-brand: #abcdef } }\n" +
		"@font-face { font-family: Own; src: url(/chat/themes/own.woff2) format('woff2') }\n"
	folder := fstest.MapFS{
		"kuvitelmala.css": {Data: []byte(theme)},
		"default.css":     {Data: []byte(":root { --kupla-brand: red }")},
		"logo.svg":        {Data: bytes.Repeat([]byte("<svg/>"), 20)},
		"own.woff2":       {Data: []byte("font")},
	}
	s := server(t, built(), web.Config{Themes: folder})
	for target, contentType := range map[string]string{
		"/chat/themes/kuvitelmala.css": "text/css; charset=utf-8",
		"/chat/themes/logo.svg":        "image/svg+xml",
		"/chat/themes/own.woff2":       "font/woff2",
	} {
		a := get(t, s, target)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != contentType {
			t.Errorf("%s answers %d of %s", target, a.status, a.header.Get("Content-Type"))
		}
		if !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: a drawing that is opened as a page could run scripts: %v", target, a.header)
		}
	}
	if a := get(t, s, "/chat/themes/kuvitelmala.css"); a.body != theme {
		t.Errorf("the theme is served as %q", a.body)
	}
	if a := get(t, s, "/chat/themes/default.css"); !strings.Contains(a.body, "red") {
		t.Errorf("the county's own default does not go before ours: %q", a.body)
	}
	a := ask(t, s, http.MethodGet, "/chat/themes/logo.svg", http.Header{"Accept-Encoding": {"gzip"}})
	if a.header.Get("Content-Encoding") != "gzip" {
		t.Error("a drawing is not compressed")
	}
}

// Quotes and comments that mean no harm are left as they are.
func TestThemeWithQuotes(t *testing.T) {
	css := "/* Ours, \"the county's */ a::after { content: '/'; --x: \"'\" }\n@font-face { src: url( 'own.woff2' ) /* ours */ }"
	folder := fstest.MapFS{"own.css": {Data: []byte(css)}, "own.woff2": {Data: []byte("font")}}
	if _, err := web.New(built(), web.Config{Themes: folder}); err != nil {
		t.Error(err)
	}
}

// linked is a folder with a logo that is a link to a file elsewhere.
func linked(t *testing.T, content string) fs.FS {
	t.Helper()
	target, folder := filepath.Join(t.TempDir(), "target"), t.TempDir()
	if err := os.WriteFile(target, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(folder, "logo.svg")); err != nil {
		t.Fatal(err)
	}
	return os.DirFS(folder)
}

// The themes that are built in keep the rules of a county's own, so that one can begin with a copy of them.
func TestOurOwnThemes(t *testing.T) {
	themes := os.DirFS("../../../clients/web/bubble/themes")
	if _, err := fs.Stat(themes, "harbour.css"); err != nil {
		t.Fatal(err)
	}
	if _, err := web.New(built(), web.Config{Themes: themes}); err != nil {
		t.Error(err)
	}
}

func TestBadThemes(t *testing.T) {
	one := func(css string) fstest.MapFS { return fstest.MapFS{"own.css": {Data: []byte(css)}} }
	for name, c := range map[string]struct {
		folder fstest.MapFS
		want   string
	}{
		"import":             {one(`@import "https://elsewhere.example/x.css";`), "@import"},
		"import in capitals": {one(`@IMPORT url(x.css);`), "@IMPORT"},
		"charset":            {one(`@charset "utf-8";`), "@charset"},
		"elsewhere":          {one(`:root { --kupla-logo: url(https://elsewhere.example/x.svg) }`), "elsewhere"},
		"elsewhere, quoted":  {one(`:root { --kupla-logo: URL( "//elsewhere.example/x.svg" ) }`), "elsewhere"},
		"data":               {one(`:root { --kupla-logo: url(data:image/svg+xml,x) }`), "data:"},
		"a file that is not": {one(`:root { --kupla-logo: url('logo.svg') }`), "logo.svg"},
		"another path":       {one(`:root { --kupla-logo: url(../assets/x.svg) }`), "../assets"},
		"a split url":        {one(`:root { --kupla-logo: url(/**/"x" y) }`), "cannot be read"},
		"escape":             {one(`:root { --kupla-logo: \75rl(https://elsewhere.example/x.svg) }`), "backslash"},
		// To a browser these are no comments: what stands between is a rule like any other.
		"a comment in quotes":    {one(`a { content: "/*"; background: url(//elsewhere.example/x) } b { content: "*/" }`), "elsewhere"},
		"import between quotes":  {one(`a { content: '/*' } @import "//elsewhere.example/x"; b { content: '*/' }`), "@import"},
		"a comment in a url":     {one(`a { --x: url(own.css/*) } a { --x: url(//elsewhere.example) } b { --x: url(*/) }`), "no comment"},
		"a quote without an end": {one("a { content: \"/*\n; }"), "quote"},
		"image-set":              {one(`:root { --x: image-set("https://elsewhere.example/x.png" 1x) }`), "image-set"},
		"open comment":           {one(`:root { } /* @import`), "comment"},
		"braces":                 {one(`:root { --x: 1`), "{"},
		"too large":              {one(strings.Repeat("a", 64<<10+1)), "65537"},
		"another file":           {fstest.MapFS{"passwords.txt": {}}, "passwords.txt"},
		"hidden":                 {fstest.MapFS{".env": {}}, ".env"},
		"folder":                 {fstest.MapFS{"old/own.css": {}}, "old"},
		"capitals":               {fstest.MapFS{"Own.css": {}}, "Own.css"},
		"a folder's name":        {fstest.MapFS{"own.css/x": {}}, "own.css"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := web.New(built(), web.Config{Themes: c.folder}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := web.New(built(), web.Config{Themes: linked(t, strings.Repeat("a", 512<<10+1))}); err == nil || !strings.Contains(err.Error(), "524289") {
		t.Errorf("a link to a large file: %v", err)
	}
	if _, err := web.New(built(), web.Config{Themes: os.DirFS(t.TempDir() + "/missing")}); err == nil {
		t.Error("a folder that is not there is taken")
	}
}

// Whoever hangs up in the middle of an answer ends it.
func TestHangingUp(t *testing.T) {
	client := built()
	client["chat/assets/large-1.mp3"] = &fstest.MapFile{Data: bytes.Repeat([]byte("x"), 8<<20)}
	s := server(t, client, web.Config{})
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, "GET /chat/assets/large-1.mp3 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(connection, make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
	// Waits for the handler to end.
	s.Close()
}
