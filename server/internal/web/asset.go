package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Asset is one file as it is served: plain and compressed, under a tag that changes with its content. It is an
// http.Handler for its own address, whatever that is.
type Asset struct {
	header http.Header
	bodies []body // the best first; the last is plain
}

// body is an asset in one encoding.
type body struct {
	coding string // empty is plain
	etag   string
	data   []byte
	length string
}

// The names of encodings.
const (
	codingBrotli = "br"
	codingGzip   = "gzip"
)

// NewAsset makes an asset of a file. The header is what is answered beside what every asset has: its content type, its
// Cache-Control and the like. Compressed forms are taken as given; a nil or larger one is left out.
func NewAsset(plain, brotli, gzipped []byte, header http.Header) *Asset {
	sum := sha256.Sum256(plain)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	a := &Asset{header: maps.Clone(header)}
	add := func(coding, suffix string, data []byte) {
		a.bodies = append(a.bodies, body{
			coding: coding, etag: `"` + tag + suffix + `"`, data: data, length: strconv.Itoa(len(data)),
		})
	}
	if brotli != nil && len(brotli) < len(plain) {
		add(codingBrotli, "-br", brotli)
	}
	if gzipped != nil && len(gzipped) < len(plain) {
		add(codingGzip, "-gz", gzipped)
	}
	if len(a.bodies) > 0 {
		a.header.Set("Vary", "Accept-Encoding")
	}
	add("", "", plain)
	return a
}

// Gzip compresses as well as gzip can. It is for files that no build has compressed.
func Gzip(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil // the level is one that there is
	}
	if _, err := w.Write(data); err != nil {
		return nil // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		return nil
	}
	return b.Bytes()
}

// ServeHTTP answers GET and HEAD.
func (a *Asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plainText(w, http.StatusMethodNotAllowed, "Only GET and HEAD are answered here.")
		return
	}
	h := w.Header()
	maps.Copy(h, a.header)
	b := a.choose(r.Header.Values("Accept-Encoding"))
	h.Set("ETag", b.etag)
	if matches(r.Header.Values("If-None-Match"), b.etag) {
		// The type and length are those of an answer that is not sent.
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if b.coding != "" {
		h.Set("Content-Encoding", b.coding)
	}
	h.Set("Content-Length", b.length)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.data) // whoever has gone needs no answer
	}
}

// choose finds the body that a caller likes best, and of those they like as well the smallest. Plain is given to whoever
// takes nothing that there is: a page that reads is worth more than being right about the header.
func (a *Asset) choose(accept []string) body {
	best, bestQuality := a.bodies[len(a.bodies)-1], 0.0
	qualities := parseAccept(accept)
	for _, b := range a.bodies {
		if q := qualities.of(b.coding); q > bestQuality {
			best, bestQuality = b, q
		}
	}
	return best
}

// accepted are the encodings of an Accept-Encoding header and how much each is liked, from 0 to 1.
type accepted map[string]float64

func parseAccept(headers []string) accepted {
	codings := accepted{}
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			coding, parameters, _ := strings.Cut(part, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding == "" {
				continue
			}
			codings[coding] = quality(parameters)
		}
	}
	return codings
}

// quality reads "q=0.5". What makes no sense is not liked at all.
func quality(parameters string) float64 {
	name, value, found := strings.Cut(strings.TrimSpace(parameters), "=")
	if !found {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(name), "q") || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}

func (a accepted) of(coding string) float64 {
	name := coding
	if name == "" {
		name = "identity"
	}
	if q, ok := a[name]; ok {
		return q
	}
	if q, ok := a["*"]; ok {
		return q
	}
	if coding == "" {
		// Plain is fine with everybody who does not say otherwise, but compressed is liked better.
		return 0.0001
	}
	return 0
}

// matches tells whether an If-None-Match header names a tag.
func matches(headers []string, etag string) bool {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// plainText answers a sentence.
func plainText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
