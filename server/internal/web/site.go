package web

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// all: takes the file that keeps the folder, without which a server without the client would not compile.
//
//go:embed all:dist
var dist embed.FS

// Built is the web client as "make web" built it. It is empty but for hidden files when it was not.
func Built() fs.FS {
	built, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is a valid one
	}
	return built
}

// Config says how the client is served.
type Config struct {
	// FrameAncestors are the origins of the pages that may frame the chat, beside its own. "https://*.example.fi" and
	// "http://localhost:*" are understood.
	FrameAncestors []string
	// Themes is a folder of themes of the operator's own. None is none.
	Themes fs.FS
	// Extra are pages and files beside the client's, by their paths: the demonstration's page.
	Extra map[string]http.Handler
}

const (
	loaderPath = "/kupla-chat.js"
	chatPath   = "/chat/"
	assetsPath = "/chat/assets/"
	themesPath = "/chat/themes/"
)

// Site is the web client at its addresses.
type Site struct {
	handlers map[string]http.Handler
	complete bool
}

// New reads the client and the themes. It is an error when one of them, or the configuration, makes no sense; that the
// client was not built is none: the site says so to whoever asks.
func New(client fs.FS, config Config) (*Site, error) {
	for _, origin := range config.FrameAncestors {
		if err := checkAncestor(origin); err != nil {
			return nil, err
		}
	}
	s := &Site{handlers: map[string]http.Handler{}}
	if err := s.addClient(client, config); err != nil {
		return nil, err
	}
	if config.Themes != nil {
		themes, err := readThemes(config.Themes)
		if err != nil {
			return nil, err
		}
		for name, handler := range themes {
			s.handlers[themesPath+name] = handler
		}
	}
	maps.Copy(s.handlers, config.Extra)
	return s, nil
}

// Complete tells whether the client was built.
func (s *Site) Complete() bool { return s.complete }

// Page finds what answers at a path. Nil is nothing of this site's: the path belongs to somebody else.
func (s *Site) Page(urlPath string) http.Handler {
	if handler, ok := s.handlers[urlPath]; ok {
		return handler
	}
	switch {
	case urlPath != loaderPath && urlPath != "/chat" && !strings.HasPrefix(urlPath, chatPath):
		return nil
	case !s.complete:
		return http.HandlerFunc(notBuilt)
	case urlPath == "/chat":
		return http.HandlerFunc(toChat)
	default:
		return http.HandlerFunc(notFound)
	}
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	plainText(w, http.StatusNotFound, "There is nothing at this address.")
}

func notBuilt(w http.ResponseWriter, _ *http.Request) {
	plainText(w, http.StatusServiceUnavailable,
		"This server was built without the web client. Run `make web`, then build the server again.")
}

// toChat mends an address that lacks its last slash.
func toChat(w http.ResponseWriter, r *http.Request) {
	target := url.URL{Path: chatPath, RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", target.String())
	plainText(w, http.StatusPermanentRedirect, "The chat is at "+chatPath+".")
}

// addClient takes in what was built.
func (s *Site) addClient(client fs.FS, config Config) error {
	err := fs.WalkDir(client, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(path.Base(name), ".") && name != "." {
			// The build's own notes.
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		extension := path.Ext(name)
		if entry.IsDir() || extension == ".br" || extension == ".gz" {
			return nil
		}
		contentType, ok := contentTypes[extension]
		if !ok {
			return fmt.Errorf("web client: %s: files of this kind are not served", name)
		}
		urlPath := "/" + name
		header := clientHeader(urlPath, contentType, config)
		if urlPath == chatPath+"index.html" {
			urlPath = chatPath
		}
		asset, err := readAsset(client, name, header)
		if err != nil {
			return fmt.Errorf("web client: %w", err)
		}
		s.handlers[urlPath] = asset
		return nil
	})
	_, chat := s.handlers[chatPath]
	_, loader := s.handlers[loaderPath]
	s.complete = chat && loader
	return err
}

// clientHeader is the header of a file of the client.
func clientHeader(urlPath, contentType string, config Config) http.Header {
	switch {
	case urlPath == loaderPath:
		// Pages of other origins include it, those among them that ask for consent to do so.
		return fileHeader(contentType, cacheShort, "cross-origin")
	case strings.HasSuffix(urlPath, ".html"):
		return chatHeader(config.FrameAncestors)
	case strings.HasPrefix(urlPath, assetsPath):
		return fileHeader(contentType, cacheForever, "same-origin")
	default:
		return FileHeader(contentType)
	}
}

// contentTypes are the kinds of files that are served.
var contentTypes = map[string]string{
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".webp":  "image/webp",
	".woff2": "font/woff2",
	".mp3":   "audio/mpeg",
	".txt":   "text/plain; charset=utf-8",
}

// readAsset reads a file and its compressed forms.
func readAsset(files fs.FS, name string, header http.Header) (*Asset, error) {
	plain, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	brotli, err := readIfAny(files, name+".br")
	if err != nil {
		return nil, err
	}
	gzipped, err := readIfAny(files, name+".gz")
	if err != nil {
		return nil, err
	}
	return NewAsset(plain, brotli, gzipped, header), nil
}

func readIfAny(files fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
