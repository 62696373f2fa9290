package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/web"
)

// settings is the configuration file. Every key may be left out and then takes the default named.
type settings struct {
	// Listen is the address served on. Default 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// Database is the SQLite file. Default ./data/kupla.db.
	Database string `yaml:"database"`
	// AllowedOrigins are the origins of web pages that may call. Default none.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// TrustedProxies are the address prefixes of the proxies whose forwarding header is believed. Default none.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// ForwardHeader is the header they send: "x-forwarded-for" (default) or "forwarded".
	ForwardHeader string `yaml:"forward_header"`
	// TLSCertificate and TLSKey are the files of a certificate. Default none: plain HTTP, for behind a proxy.
	TLSCertificate string `yaml:"tls_certificate"`
	TLSKey         string `yaml:"tls_key"`
	// Reflection serves gRPC reflection. Default false; the demonstration has it on.
	Reflection bool `yaml:"reflection"`
	// DebugListen is the address that profiles are served on, this machine's own only. Default none.
	DebugListen string `yaml:"debug_listen"`
	// ShutdownTimeout is how long running calls may take to finish when the server stops. Default 10s.
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout"`

	Web       webSettings        `yaml:"web"`
	Limits    limitSettings      `yaml:"limits"`
	Exception []exceptionSetting `yaml:"address_exceptions"`
	Times     timeSettings       `yaml:"times"`
}

// webSettings are how the web client is served.
type webSettings struct {
	// Enabled serves it. Default true.
	Enabled *bool `yaml:"enabled"`
	// FrameAncestors are the origins of the pages that may have the chat on them. Default none but our own.
	FrameAncestors []string `yaml:"frame_ancestors"`
	// Themes is a folder of the county's own themes. Default none.
	Themes string `yaml:"themes"`
}

// site is the web client as it is to be served; nil when it is not. Extra pages are served beside it.
func (w webSettings) site(extra map[string]http.Handler) (*web.Site, error) {
	if w.Enabled != nil && !*w.Enabled {
		return nil, nil //nolint:nilnil // No site is an answer.
	}
	config := web.Config{FrameAncestors: w.FrameAncestors, Extra: extra}
	if w.Themes != "" {
		// Everything in it becomes public: a link that leads out of the folder is refused, wherever it came from.
		root, err := os.OpenRoot(w.Themes)
		if err != nil {
			return nil, fmt.Errorf("web: themes: %w", err)
		}
		defer func() { _ = root.Close() }()
		config.Themes = root.FS()
	}
	site, err := web.New(web.Built(), config)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return site, nil
}

// rateSetting is so many a second in the long run, and so many at once. per_second: -1 is no limit.
type rateSetting struct {
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"`
}

func (r rateSetting) rate() access.Rate { return access.Rate{PerSecond: r.PerSecond, Burst: r.Burst} }

// limitSettings are what callers are held to. The defaults are those of access.Limits, access.StreamLimits
// and rpc.Config.
type limitSettings struct {
	AddressStarts          rateSetting `yaml:"address_starts"`
	AddressBadCredentials  rateSetting `yaml:"address_bad_credentials"`
	AddressCalls           rateSetting `yaml:"address_calls"`
	TokenCalls             rateSetting `yaml:"token_calls"`
	TokenSends             rateSetting `yaml:"token_sends"`
	ConversationSends      rateSetting `yaml:"conversation_sends"`
	ConversationEphemerals rateSetting `yaml:"conversation_ephemerals"`

	WaitingPerAddress int `yaml:"waiting_per_address"`
	StreamsPerToken   int `yaml:"streams_per_token"`
	StreamsPerAddress int `yaml:"streams_per_address"`
	RequestBytes      int `yaml:"request_bytes"`
	CatalogueBytes    int `yaml:"catalogue_bytes"`
	IPv4PrefixBits    int `yaml:"ipv4_prefix_bits"`
	IPv6PrefixBits    int `yaml:"ipv6_prefix_bits"`
}

// exceptionSetting is a prefix of many people behind one address, as a school: its limits are multiplied.
type exceptionSetting struct {
	Prefix string  `yaml:"prefix"`
	Factor float64 `yaml:"factor"`
}

// timeSettings are the times of the service. The defaults are those of rpc.Config and board.Config.
type timeSettings struct {
	WrapUp               time.Duration `yaml:"wrap_up"`
	TokenLife            time.Duration `yaml:"token_life"`
	RepeatStart          time.Duration `yaml:"repeat_start"`
	Heartbeat            time.Duration `yaml:"heartbeat"`
	PresenceGrace        time.Duration `yaml:"presence_grace"`
	StaffLostAfter       time.Duration `yaml:"staff_lost_after"`
	CustomerExpiresAfter time.Duration `yaml:"customer_expires_after"`
	CustomerWarnedBefore time.Duration `yaml:"customer_warned_before"`
}

// readSettings reads a configuration file; no path is an empty one. Unknown keys are errors.
func readSettings(path string) (settings, error) {
	var s settings
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return s, fmt.Errorf("read configuration: %w", err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		decoder.KnownFields(true)
		if err := decoder.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
			return s, fmt.Errorf("read configuration %s: %w", path, err)
		}
	}
	if s.Listen == "" {
		s.Listen = "127.0.0.1:8080"
	}
	if s.Database == "" {
		s.Database = "data/kupla.db"
	}
	if s.ShutdownTimeout == 0 {
		s.ShutdownTimeout = 10 * time.Second
	}
	if (s.TLSCertificate == "") != (s.TLSKey == "") {
		return s, errors.New("tls_certificate and tls_key go together: give both, or neither")
	}
	return s, nil
}

// app is the settings as the server takes them.
func (s settings) app() (app.Config, error) {
	var c app.Config
	l := s.Limits
	c.RPC.Limits = access.Limits{
		AddressStarts: l.AddressStarts.rate(), AddressBadCredentials: l.AddressBadCredentials.rate(),
		AddressCalls: l.AddressCalls.rate(), TokenCalls: l.TokenCalls.rate(), TokenSends: l.TokenSends.rate(),
		ConversationSends: l.ConversationSends.rate(), ConversationEphemerals: l.ConversationEphemerals.rate(),
	}
	c.RPC.Streams = access.StreamLimits{PerToken: l.StreamsPerToken, PerAddress: l.StreamsPerAddress}
	c.RPC.WaitingPerAddress = l.WaitingPerAddress
	c.RPC.RequestBytes, c.RPC.CatalogueBytes = l.RequestBytes, l.CatalogueBytes
	c.RPC.WrapUp, c.RPC.TokenLife = s.Times.WrapUp, s.Times.TokenLife
	c.RPC.RepeatStart, c.RPC.Heartbeat = s.Times.RepeatStart, s.Times.Heartbeat
	c.Board.PresenceGrace, c.Board.StaffLostAfter = s.Times.PresenceGrace, s.Times.StaffLostAfter
	c.Board.CustomerExpiresAfter = s.Times.CustomerExpiresAfter
	c.Board.CustomerWarnedBefore = s.Times.CustomerWarnedBefore

	addresses := access.AddressConfig{Prefixes: access.Prefixes{IPv4Bits: l.IPv4PrefixBits, IPv6Bits: l.IPv6PrefixBits}}
	switch s.ForwardHeader {
	case "", "x-forwarded-for":
		addresses.Forward = access.ForwardXForwardedFor
	case "forwarded":
		addresses.Forward = access.ForwardForwarded
	default:
		return c, fmt.Errorf("forward_header: %q is neither x-forwarded-for nor forwarded", s.ForwardHeader)
	}
	for _, text := range s.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return c, fmt.Errorf("trusted_proxies: %w", err)
		}
		addresses.TrustedProxies = append(addresses.TrustedProxies, prefix)
	}
	for _, e := range s.Exception {
		prefix, err := netip.ParsePrefix(e.Prefix)
		if err != nil {
			return c, fmt.Errorf("address_exceptions: %w", err)
		}
		addresses.Exceptions = append(addresses.Exceptions, access.Exception{Prefix: prefix, Factor: e.Factor})
	}
	c.RPC.Addresses = addresses
	return c, nil
}

func (s settings) http() rpc.HTTPConfig {
	return rpc.HTTPConfig{AllowedOrigins: s.AllowedOrigins, Reflection: s.Reflection}
}
