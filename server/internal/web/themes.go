package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
)

const (
	// themeBytes is how large a theme's style sheet may be. It is before the first paint.
	themeBytes = 64 << 10
	// themeFileBytes is how large a logo or a font may be.
	themeFileBytes = 512 << 10
	// themeFiles is how many files there may be. They are kept in memory.
	themeFiles = 100
)

var (
	themeName     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}\.css$`)
	themeFileName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}\.(svg|png|webp|woff2)$`)
	cssURLComment = regexp.MustCompile(`(?i)url\([^)"']*/\*`)
	cssAtRule     = regexp.MustCompile(`@[a-zA-Z-]*`)
	cssURL        = regexp.MustCompile(`(?i)url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"']*?))\s*\)`)
	cssURLStart   = regexp.MustCompile(`(?i)url\(`)
	cssOtherURL   = regexp.MustCompile(`(?i)(?:image-set|image|cross-fade|element|src)\(`)
)

// readThemes reads a folder of themes: style sheets, and the logos and fonts that they name. Everything in it is
// served to everybody, so a file that is no part of a theme is an error and not passed over.
func readThemes(folder fs.FS) (map[string]http.Handler, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, fmt.Errorf("themes: %w", err)
	}
	if len(entries) > themeFiles {
		return nil, fmt.Errorf("themes: there are %d files; %d may be there at most", len(entries), themeFiles)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		name, limit := entry.Name(), themeFileBytes
		switch {
		case themeName.MatchString(name):
			limit = themeBytes
		case !themeFileName.MatchString(name):
			return nil, fmt.Errorf("themes: %s: not the name of a theme (such as harbour.css), nor of a logo or font of one "+
				"(.svg, .png, .webp, .woff2); everything in this folder is public", name)
		}
		// What a link leads to, and not the link: a pipe would be waited for, a device never end.
		info, err := fs.Stat(folder, name)
		if err != nil {
			return nil, fmt.Errorf("themes: %w", err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("themes: %s: is no file", name)
		}
		if info.Size() > int64(limit) {
			return nil, fmt.Errorf("themes: %s: has %d bytes; %d are allowed", name, info.Size(), limit)
		}
		if files[name], err = fs.ReadFile(folder, name); err != nil {
			return nil, fmt.Errorf("themes: %w", err)
		}
	}
	handlers := map[string]http.Handler{}
	for name, data := range files {
		extension := path.Ext(name)
		if extension == ".css" {
			if err := checkTheme(string(data), files); err != nil {
				return nil, fmt.Errorf("themes: %s: %w", name, err)
			}
		}
		var gzipped []byte
		if extension == ".css" || extension == ".svg" {
			gzipped = Gzip(data)
		}
		handlers[name] = NewAsset(data, nil, gzipped, FileHeader(contentTypes[extension]))
	}
	return handlers, nil
}

// checkTheme tells what a theme may not have: anything from elsewhere. The browser would refuse it, too, by the page's
// policy; but then the county sees a chat without its logo, and here it is told why.
func checkTheme(css string, files map[string][]byte) error {
	if strings.Contains(css, `\`) {
		return errors.New(`has a backslash, behind which anything can hide; write the character itself`)
	}
	if found := cssURLComment.FindString(css); found != "" {
		return fmt.Errorf("has a url() that cannot be read: to a browser %s begins no comment", found)
	}
	css, err := withoutComments(css)
	if err != nil {
		return err
	}
	if strings.Count(css, "{") != strings.Count(css, "}") {
		return fmt.Errorf("has %d { and %d }", strings.Count(css, "{"), strings.Count(css, "}"))
	}
	for _, rule := range cssAtRule.FindAllString(css, -1) {
		switch strings.ToLower(rule) {
		case "@media", "@supports", "@font-face":
		default:
			return fmt.Errorf("has %s; a theme may have @media, @supports and @font-face", rule)
		}
	}
	if found := cssOtherURL.FindString(css); found != "" {
		return fmt.Errorf("has %s); name files by url()", found)
	}
	urls := cssURL.FindAllStringSubmatch(css, -1)
	if len(urls) != len(cssURLStart.FindAllString(css, -1)) {
		return errors.New("has a url() that cannot be read")
	}
	for _, match := range urls {
		name := strings.TrimPrefix(strings.TrimPrefix(match[1]+match[2]+match[3], "./"), themesPath)
		if _, ok := files[name]; !ok {
			return fmt.Errorf("names %s, which is no file of the themes' folder; nothing is loaded from elsewhere", match[0])
		}
	}
	return nil
}

// withoutComments puts a blank in the place of each comment. What looks like one within quotes is none: taken for one,
// it would hide from us what a browser reads.
func withoutComments(css string) (string, error) {
	var b strings.Builder
	for css != "" {
		at := strings.IndexAny(css, `"'/`)
		if at < 0 {
			break
		}
		b.WriteString(css[:at])
		css = css[at:]
		switch {
		case strings.HasPrefix(css, "/*"):
			_, after, found := strings.Cut(css[2:], "*/")
			if !found {
				return "", errors.New("has a comment without an end")
			}
			b.WriteByte(' ')
			css = after
		case css[0] == '/':
			b.WriteByte('/')
			css = css[1:]
		default:
			end := strings.IndexAny(css[1:], css[:1]+"\n\r\f")
			if end < 0 || css[1+end] != css[0] {
				return "", errors.New("has a quote without an end on its line")
			}
			b.WriteString(css[:end+2])
			css = css[end+2:]
		}
	}
	b.WriteString(css)
	return b.String(), nil
}
