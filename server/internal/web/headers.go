package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// noPowers takes away what a page could ask a browser for and the chat never does. Sound and the clipboard stay.
const noPowers = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), " +
	"magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"

const (
	// cacheForever is for files whose name changes with their content.
	cacheForever = "public, max-age=31536000, immutable"
	// cacheAsk is for pages: the browser keeps them, and asks each time whether they are the newest.
	cacheAsk = "no-cache"
	// cacheShort is for what has a lasting name and is on the way of every visit of a host page.
	cacheShort = "public, max-age=300"
)

// chatPolicy is what the chat page may do. Nothing from elsewhere, nothing inline, and no text that becomes markup.
// Images and fonts are those of a theme.
func chatPolicy(frameAncestors []string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors " + strings.Join(append([]string{"'self'"}, frameAncestors...), " ") +
		"; require-trusted-types-for 'script'; trusted-types 'none'"
}

// filePolicy is for what is no page: opened as one it can do nothing, not even as a drawing.
const filePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

// PageHeader is the header of a page of this site under a Content Security Policy. The policy says who may frame it.
func PageHeader(policy string) http.Header {
	h := fileHeader("text/html; charset=utf-8", cacheAsk, "same-origin")
	h.Set("Content-Security-Policy", policy)
	h.Set("Permissions-Policy", noPowers)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	return h
}

// FileHeader is the header of a file that pages of this site use, and other sites do not.
func FileHeader(contentType string) http.Header {
	return fileHeader(contentType, cacheShort, "same-origin")
}

func fileHeader(contentType, cache, resourcePolicy string) http.Header {
	h := http.Header{}
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Content-Security-Policy", filePolicy)
	h.Set("Cross-Origin-Resource-Policy", resourcePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	return h
}

// chatHeader is the header of the chat page. Host pages that isolate themselves may only frame pages that say the
// same of themselves and let themselves be used from elsewhere; frame-ancestors still says by whom.
func chatHeader(frameAncestors []string) http.Header {
	h := PageHeader(chatPolicy(frameAncestors))
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return h
}

// checkAncestor tells what is wrong with an origin that may frame the chat.
func checkAncestor(origin string) error {
	wrong := func(why string) error {
		return fmt.Errorf("frame ancestor %q: %s; give an origin such as https://www.example.fi", origin, why)
	}
	if origin == "*" {
		return wrong("any site at all could put the chat on its page and trick people into using it")
	}
	if strings.ContainsAny(origin, "; ,'\"\t\r\n") {
		return wrong("it has a character that no origin has")
	}
	scheme, host, found := strings.Cut(origin, "://")
	if !found || (scheme != "https" && scheme != "http") {
		return wrong("it begins with neither https:// nor http://")
	}
	// A policy's own way of saying "every host below" and "every port" is no address, so look at the rest as one.
	host, below := strings.CutPrefix(host, "*.")
	if rest, ok := strings.CutSuffix(host, ":*"); ok {
		host = rest
	}
	u, err := url.Parse(scheme + "://" + host)
	if err != nil {
		return wrong(errors.Unwrap(err).Error())
	}
	switch {
	case u.Hostname() == "" || strings.Contains(u.Host, "*"):
		return wrong("it names no host")
	case below && !strings.Contains(strings.Trim(u.Hostname(), "."), "."):
		return wrong("every site below " + u.Hostname() + " could put the chat on its page")
	case u.User != nil || u.Path != "" || strings.ContainsAny(origin, "?#"):
		return wrong("an origin is a scheme, a host and perhaps a port, and nothing after them")
	}
	return nil
}
