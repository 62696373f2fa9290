// Package county is the page of a wellbeing services county that does not exist, with the speech bubble on it. The
// demonstration serves it, and nothing else does.
//
// # Invariants
//
//   - The page says in every language that it is a demonstration.
//   - It takes nothing from elsewhere and has nothing inline: it is also the proof that the bubble works on a page with a
//     strict Content Security Policy and Trusted Types.
package county

import (
	"bytes"
	_ "embed" // The page's parts.
	"html/template"
	"net/http"

	"github.com/kupla-chat/kupla/server/internal/web"
)

var (
	//go:embed county.html
	pageText string
	//go:embed county.css
	styleSheet []byte
	//go:embed county.svg
	icon []byte
)

// policy is what a careful county would allow on its pages, and the chat besides: its script and its frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// themes are those that the page can be tried with: what the web client has built in.
var themes = []string{"default", "harbour"}

// variant is the page in one language, with one theme.
type variant struct {
	Language, Theme string
	Texts           texts
	Languages       []language
	Themes          []string
}

// Pages are the page and its files, by their paths. The page takes its language and its theme from the query, as in
// "/?lang=sv&theme=harbour".
func Pages() map[string]http.Handler {
	pages := page{}
	parsed := template.Must(template.New("county").Parse(pageText))
	for _, l := range languages {
		for _, theme := range themes {
			var b bytes.Buffer
			v := variant{Language: l.Tag, Theme: theme, Texts: l.texts, Languages: languages, Themes: themes}
			if err := parsed.Execute(&b, v); err != nil {
				panic(err) // the page and its texts are part of the program, and a test fills in each
			}
			pages[[2]string{l.Tag, theme}] = web.NewAsset(b.Bytes(), nil, web.Gzip(b.Bytes()), web.PageHeader(policy))
		}
	}
	return map[string]http.Handler{
		"/":           pages,
		"/county.css": web.NewAsset(styleSheet, nil, web.Gzip(styleSheet), web.FileHeader("text/css; charset=utf-8")),
		"/county.svg": web.NewAsset(icon, nil, web.Gzip(icon), web.FileHeader("image/svg+xml")),
	}
}

// page is the page by language and theme.
type page map[[2]string]*web.Asset

// ServeHTTP answers in the language and with the theme that are asked for, or else in Finnish and with the first.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	language, theme := query.Get("lang"), query.Get("theme")
	if _, ok := p[[2]string{language, themes[0]}]; !ok {
		language = languages[0].Tag
	}
	asset, ok := p[[2]string{language, theme}]
	if !ok {
		asset = p[[2]string{language, themes[0]}]
	}
	asset.ServeHTTP(w, r)
}
