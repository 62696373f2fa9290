package main

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/web"
)

// check looks at what no value tells on its own: whether what is named is there, whether what goes together is given
// together, and whether what is seen by the public is fit to be. It opens no database.
func (l *layers) check() {
	l.checkListen()
	l.checkProxies()
	l.checkOrigins()
	l.checkWeb()
	l.checkDatabase()
	l.checkTimes()
	l.checkTracing()
	if l.settings.public() {
		l.checkPublic()
	}
}

// becausef tells of a mistake, and where the value came from.
func (l *layers) becausef(path, format string, args ...any) {
	l.wrongf(path, l.sources[path], format, args...)
}

// isWrong tells whether what was said of a key could not be read.
func (l *layers) isWrong(path string) bool {
	return slices.ContainsFunc(l.mistakes, func(m mistake) bool { return strings.HasPrefix(m.path, path) })
}

// public tells whether others than the people of this machine are served: over a network, or through a proxy.
func (s settings) public() bool {
	return onlyLoopback(s.Listen) != nil || len(s.TrustedProxies) > 0
}

func (l *layers) checkListen() {
	s := l.settings
	if err := checkAddress(s.Listen); err != nil {
		l.becausef("listen", "%v", err)
	}
	if s.DebugListen != "" {
		if err := errors.Join(checkAddress(s.DebugListen), onlyLoopback(s.DebugListen)); err != nil {
			l.becausef("debug_listen", "%v", err)
		}
	}
	switch {
	case (s.TLSCertificate == "") != (s.TLSKey == ""):
		l.wrongf("tls_certificate, tls_key", "", "they go together: give both, or neither")
	case s.TLSCertificate != "":
		if _, err := tls.LoadX509KeyPair(s.TLSCertificate, s.TLSKey); err != nil {
			l.becausef("tls_certificate", "the certificate and its key cannot be used: %v", err)
		}
	}
}

// checkAddress tells what is wrong with an address to serve on.
func checkAddress(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%q is no address to serve on; give a host and a port, such as 127.0.0.1:8080", listen)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(number, 10) != port {
		return fmt.Errorf("%q is no port; give one from 0 to 65535, such as 8080", port)
	}
	return nil
}

const (
	// widestIPv4 and widestIPv6 are the largest networks that are anybody's own: 10.0.0.0/8 and fc00::/7.
	widestIPv4 = 8
	widestIPv6 = 7
)

func (l *layers) checkProxies() {
	for _, proxy := range l.settings.TrustedProxies {
		widest := widestIPv6
		if proxy.Addr().Is4() {
			widest = widestIPv4
		}
		if proxy.Bits() < widest {
			l.becausef("trusted_proxies", "%v holds a large part of the Internet, and everybody in it could say to come from "+
				"anywhere; name your own proxies alone", proxy)
			continue
		}
		_, err := access.NewAddresses(access.AddressConfig{TrustedProxies: []netip.Prefix{proxy}})
		l.addressMistake("trusted_proxies", err)
	}
	_, err := access.NewAddresses(access.AddressConfig{Exceptions: l.settings.addresses().Exceptions})
	l.addressMistake("address_exceptions", err)
}

func (l *layers) addressMistake(path string, err error) {
	if err != nil {
		l.becausef(path, "%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "addresses: "), "\n", "; "))
	}
}

func (l *layers) checkOrigins() {
	for _, origin := range l.settings.AllowedOrigins {
		if origin == "*" {
			continue // Fine for development; checkPublic refuses it.
		}
		if problem := checkOrigin(origin); problem != "" {
			l.becausef("allowed_origins", "%q %s; give an origin such as https://www.example.fi", origin, problem)
		}
	}
}

// checkOrigin tells what is wrong with the origin of pages that may call. One that is merely misspelt would lock them
// out without a word.
func checkOrigin(origin string) string {
	scheme, host, found := strings.Cut(origin, "://")
	host, below := strings.CutPrefix(host, "*.")
	u, err := url.Parse(scheme + "://" + host)
	switch {
	case !found:
		return "has no scheme, such as https://"
	case err != nil || strings.Contains(host, "*") || u.Hostname() == "":
		return "names no host"
	case u.User != nil || u.Path != "" || strings.ContainsAny(origin, "?#"):
		return "has more than a scheme, a host and a port"
	case below && !strings.Contains(strings.Trim(u.Hostname(), "."), "."):
		return "lets every page below " + u.Hostname() + " call"
	case origin != strings.ToLower(origin):
		return "has capital letters, which browsers do not send"
	default:
		return ""
	}
}

func (l *layers) checkWeb() {
	s := l.settings.Web
	if !s.Enabled {
		return
	}
	for _, ancestor := range s.FrameAncestors {
		if _, err := web.New(embed.FS{}, web.Config{FrameAncestors: []string{ancestor}}); err != nil {
			l.becausef("web.frame_ancestors", "%v", err)
		}
	}
	if _, err := (webSettings{Enabled: true, Themes: s.Themes}).site(nil); err != nil {
		l.becausef("web.themes", "%v", err)
	}
}

func (l *layers) checkTimes() {
	t := l.settings.Times
	if t.CustomerWarnedBefore >= t.CustomerExpiresAfter {
		l.becausef("times.customer_warned_before", "%s before the end is no time within the %s of customer_expires_after; give less",
			t.CustomerWarnedBefore, t.CustomerExpiresAfter)
	}
}

// checkPublic refuses what may be seen by this machine alone.
func (l *layers) checkPublic() {
	s := l.settings
	if s.TLSCertificate == "" && len(s.TrustedProxies) == 0 && !l.isWrong("trusted_proxies") {
		l.becausef("listen", "%s is seen by the network, and without TLS everybody on the way can read along; give "+
			"tls_certificate and tls_key, or name the proxy that ends TLS in trusted_proxies, or serve this machine alone, "+
			"as on 127.0.0.1:8080", s.Listen)
	}
	if s.Reflection {
		l.becausef("reflection", "it is for development and tells everybody what there is; leave it out for a server that the "+
			"public reaches")
	}
	if slices.Contains(s.AllowedOrigins, "*") {
		l.becausef("allowed_origins", "\"*\" is for development: it lets the script of any site call; name the origins of the "+
			"county's own pages for a server that the public reaches")
	}
}

// refuseDemonstration keeps a server that the public reaches from serving a database of the demonstration, whose
// tokens were shown on a screen.
func (s settings) refuseDemonstration(ctx context.Context, st store.Store) error {
	if !s.public() {
		return nil
	}
	tokens, err := st.StaffTokens(ctx)
	if err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	var good []string
	now := time.Now()
	for _, t := range tokens {
		made := slices.ContainsFunc(demo.People(), func(p store.Staff) bool { return p.ID == t.StaffID })
		if made && t.RevokeTime.IsZero() && (t.ExpireTime.IsZero() || now.Before(t.ExpireTime)) {
			good = append(good, t.ID)
		}
	}
	if len(good) == 0 {
		return nil
	}
	return fmt.Errorf("the database is one of the demonstration: the tokens of its made-up staff are good (%s). Serve the public "+
		"with a database of its own; or revoke each of them with \"kuplad token revoke\"", strings.Join(good, ", "))
}

// dsn is the address of the PostgreSQL database, with its password when that is in a file.
func (s settings) dsn() (string, error) {
	if s.DatabasePasswordFile == "" {
		return s.Database, nil
	}
	password, err := os.ReadFile(s.DatabasePasswordFile)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(s.Database)
	if err != nil {
		return "", err.(*url.Error).Err //nolint:errorlint,forcetypeassert // The whole error would tell the address, and what is in it.
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimRight(string(password), "\r\n"))
	return u.String(), nil
}

// hidden stands for a secret where settings are shown.
const hidden = "HIDDEN"

// withoutSecrets is an address as it may be shown. What is none, such as the path of a file, stays as it is.
func withoutSecrets(address string) string {
	if !strings.Contains(address, "://") {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return hidden
	}
	if _, found := u.User.Password(); found {
		u.User = url.UserPassword(u.User.Username(), hidden)
	}
	query := u.Query()
	for _, name := range []string{"password", "sslpassword"} {
		if query.Has(name) {
			query.Set(name, hidden)
			u.RawQuery = query.Encode()
		}
	}
	return u.String()
}

func (l *layers) checkDatabase() {
	s := l.settings
	scheme, _, isAddress := strings.Cut(s.Database, "://")
	switch {
	case isPostgres(s.Database):
		l.checkPostgres()
		return
	case isAddress || strings.HasPrefix(s.Database, "file:"):
		l.becausef("database", "%q is no kind of database that there is; give the path of a SQLite file, or an address that begins "+
			"with postgres://", strings.TrimSuffix(scheme, ":"))
	case strings.Contains(s.Database, "host=") || strings.Contains(s.Database, "dbname="):
		l.becausef("database", "write the address of a PostgreSQL database as postgres://user@host:5432/name")
	case strings.TrimSpace(s.Database) == "":
		l.becausef("database", "it is empty; give the path of a SQLite file, or an address that begins with postgres://")
	default:
		if info, err := os.Stat(s.Database); err == nil && info.IsDir() {
			l.becausef("database", "%s is a folder; give the path of a file, such as %s", s.Database, filepath.Join(s.Database, "kupla.db"))
		}
	}
	if s.DatabasePasswordFile != "" {
		l.becausef("database_password_file", "a SQLite file has no password; leave it out")
	}
}

func (l *layers) checkPostgres() {
	s := l.settings
	config, err := pgconn.ParseConfig(s.Database)
	if err != nil {
		l.becausef("database", "%v", err) // pgx leaves the password out.
		return
	}
	if s.DatabasePasswordFile != "" {
		u, err := url.Parse(s.Database)
		if _, given := u.User.Password(); err == nil && given || err == nil && u.Query().Has("password") {
			l.becausef("database_password_file", "the address of the database has a password, too; leave one of them out")
		}
		if err == nil && u.User.Username() == "" {
			l.becausef("database_password_file", "the address of the database names no user for the password; write postgres://user@…")
		}
		if password, err := os.ReadFile(s.DatabasePasswordFile); err != nil {
			l.becausef("database_password_file", "%v", err)
		} else if strings.TrimSpace(string(password)) == "" {
			l.becausef("database_password_file", "%s is empty", s.DatabasePasswordFile)
		}
	}
	if host := openTo(config); host != "" && sslMode(s.Database) != "disable" {
		l.becausef("database", "what is sent to %s need not be encrypted, and nobody would notice; add sslmode=verify-full to the "+
			"address (and sslrootcert=FILE for a certificate of your own), or sslmode=disable when nobody else is on that network",
			host)
	}
}

// openTo is a host of another machine that would be talked to without encryption; empty when there is none.
func openTo(config *pgconn.Config) string {
	ways := append([]*pgconn.FallbackConfig{{Host: config.Host, TLSConfig: config.TLSConfig}}, config.Fallbacks...)
	for _, way := range ways {
		ip := net.ParseIP(way.Host)
		here := way.Host == "localhost" || filepath.IsAbs(way.Host) || ip != nil && ip.IsLoopback()
		if !here && way.TLSConfig == nil {
			return way.Host
		}
	}
	return ""
}

// sslMode is what was said about encryption, in the address or the environment.
func sslMode(database string) string {
	u, err := url.Parse(database)
	if err == nil && u.Query().Has("sslmode") {
		return u.Query().Get("sslmode")
	}
	return os.Getenv("PGSSLMODE")
}
