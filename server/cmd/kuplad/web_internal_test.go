package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// webSite is the web client of a configuration.
func webSite(t *testing.T, text string) (found bool, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kupla.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	site, err := s.Web.site(nil)
	return site != nil, err
}

func TestWebSettings(t *testing.T) {
	themes := t.TempDir()
	if err := os.WriteFile(filepath.Join(themes, "own.css"), []byte(":root { --kupla-brand: #123456 }"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"":                     true,
		"web: {enabled: true}": true,
		"web: {enabled: false, frame_ancestors: ['*']}":      false,
		"web: {frame_ancestors: ['https://www.example.fi']}": true,
		"web: {themes: " + themes + "}":                      true,
	} {
		if found, err := webSite(t, text); err != nil || found != want {
			t.Errorf("%q serves it: %v, %v", text, found, err)
		}
	}
	if err := os.WriteFile(filepath.Join(themes, "bad.css"), []byte("@import 'x.css';"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"web: {frame_ancestors: ['*']}":  "frame ancestor",
		"web: {themes: /does/not/exist}": "/does/not/exist",
		"web: {themes: " + themes + "}":  "bad.css",
	} {
		if _, err := webSite(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v", text, err)
		}
	}
}

// A link is followed within the folder, as orchestrators mount one, and never out of it.
func TestThemesAreOfTheirFolder(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		taken  bool
	}{
		"within":  {"logo.svg", true},
		"out":     {"../secret", false},
		"rooted":  {"/etc/hostname", false},
		"nowhere": {"missing", false},
	} {
		t.Run(name, func(t *testing.T) {
			above := t.TempDir()
			folder := filepath.Join(above, "themes")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{filepath.Join(above, "secret"), filepath.Join(folder, "logo.svg")} {
				if err := os.WriteFile(file, []byte("<svg/>"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(c.target, filepath.Join(folder, "link.svg")); err != nil {
				t.Fatal(err)
			}
			if _, err := webSite(t, "web: {themes: "+folder+"}"); (err == nil) != c.taken {
				t.Errorf("a link to %s: %v", c.target, err)
			}
		})
	}
}
