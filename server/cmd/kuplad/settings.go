package main

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/web"
)

// settings is the configuration. Every key may be left out and then has the value of defaultSettings.
//
// The tags are all there is to say about a key: yaml is its name, in the file and, with the names of its parts, in the
// environment; min and max bound a number or a time; none is the number that stands for no limit; of lists the words that
// a text may be; default says in words what depends on the machine; secret is how it is hidden where settings are shown.
type settings struct {
	// Listen is the address served on.
	Listen string `yaml:"listen"`
	// Database is the SQLite file, or the address of a PostgreSQL database.
	Database string `yaml:"database" secret:"password"`
	// DatabasePasswordFile is the file of the password of the PostgreSQL database.
	DatabasePasswordFile string `yaml:"database_password_file"`
	// AllowedOrigins are the origins of web pages that may call.
	AllowedOrigins []string `yaml:"allowed_origins"`
	// TrustedProxies are the address prefixes of the proxies whose forwarding header is believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
	// ForwardHeader is the header they send.
	ForwardHeader string `yaml:"forward_header" of:"x-forwarded-for forwarded"`
	// TLSCertificate and TLSKey are the files of a certificate. None is plain HTTP, for behind a proxy.
	TLSCertificate string `yaml:"tls_certificate"`
	TLSKey         string `yaml:"tls_key"`
	// Reflection serves gRPC reflection. The demonstration has it on.
	Reflection bool `yaml:"reflection"`
	// DebugListen is the address that metrics and profiles are served on, this machine's own only.
	DebugListen string `yaml:"debug_listen"`
	// ShutdownTimeout is how long running calls may take to finish when the server stops.
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" min:"0s" max:"10m"`

	Drain     drainSettings      `yaml:"drain"`
	Postgres  postgresSettings   `yaml:"postgres"`
	Web       webSettings        `yaml:"web"`
	Limits    limitSettings      `yaml:"limits"`
	Admission admissionSettings  `yaml:"admission"`
	Exception []exceptionSetting `yaml:"address_exceptions"`
	Times     timeSettings       `yaml:"times"`
	Log       logSettings        `yaml:"log"`
	Tracing   tracingSettings    `yaml:"tracing"`
}

// drainSettings are how streams end when the server stops.
type drainSettings struct {
	// Delay is how long everything goes on after the server has said that it is not ready any more.
	Delay time.Duration `yaml:"delay" min:"0s" max:"10m"`
	// Spread is over how long streams are told to come back, at most.
	Spread time.Duration `yaml:"spread" min:"0s" max:"10m"`
}

// admissionSettings are how much the server does at a time.
type admissionSettings struct {
	// CallsInFlight is how many calls are worked on at a time.
	CallsInFlight int `yaml:"calls_in_flight" min:"1" max:"1000000" none:"-1"`
	// Calls is how many calls may come, but for those that are answered from memory.
	Calls rateSetting `yaml:"calls"`
}

// postgresSettings are the limits of how PostgreSQL is used. They say nothing to a server with a SQLite file.
type postgresSettings struct {
	// ReadConnections is how many connections read at most, beside the one that writes and the one that listens.
	ReadConnections int `yaml:"read_connections" min:"1" max:"10000" default:"4 for each processor, at least 8"`
	// ConnectTimeout is how long a connection to one host may take to be made.
	ConnectTimeout time.Duration `yaml:"connect_timeout" min:"100ms" max:"1m"`
	// BatchTimeout is how long one of the two parts of a batch may take, and a read that has no end of its own.
	BatchTimeout time.Duration `yaml:"batch_timeout" min:"100ms" max:"5m"`
	// LockTimeout is how long a batch waits for a lock that another server has before it tries again.
	LockTimeout time.Duration `yaml:"lock_timeout" min:"10ms" max:"1m"`
	// PollInterval is how often it is looked whether anything was missed, AwayPollInterval the same while the listening
	// connection is away.
	PollInterval     time.Duration `yaml:"poll_interval" min:"100ms" max:"1m"`
	AwayPollInterval time.Duration `yaml:"away_poll_interval" min:"100ms" max:"1m"`
}

// webSettings are how the web client is served.
type webSettings struct {
	// Enabled serves it.
	Enabled bool `yaml:"enabled"`
	// FrameAncestors are the origins of the pages that may have the chat on them, beside our own.
	FrameAncestors []string `yaml:"frame_ancestors"`
	// Themes is a folder of the county's own themes.
	Themes string `yaml:"themes"`
}

// site is the web client as it is to be served; nil when it is not. Extra pages are served beside it.
func (w webSettings) site(extra map[string]http.Handler) (*web.Site, error) {
	if !w.Enabled {
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

// rateSetting is so many a second in the long run, and so many at once.
type rateSetting struct {
	PerSecond float64 `yaml:"per_second" min:"0.0000116" max:"1000000" none:"-1"`
	Burst     int     `yaml:"burst" min:"1" max:"1000000000"`
}

func (r rateSetting) rate() access.Rate { return access.Rate{PerSecond: r.PerSecond, Burst: r.Burst} }

// limitSettings are what callers are held to.
type limitSettings struct {
	AddressStarts          rateSetting `yaml:"address_starts"`
	AddressBadCredentials  rateSetting `yaml:"address_bad_credentials"`
	AddressCalls           rateSetting `yaml:"address_calls"`
	TokenCalls             rateSetting `yaml:"token_calls"`
	TokenSends             rateSetting `yaml:"token_sends"`
	ConversationSends      rateSetting `yaml:"conversation_sends"`
	ConversationEphemerals rateSetting `yaml:"conversation_ephemerals"`

	WaitingPerAddress int `yaml:"waiting_per_address" min:"1"`
	StreamsPerToken   int `yaml:"streams_per_token" min:"1" none:"-1"`
	StreamsPerAddress int `yaml:"streams_per_address" min:"1" none:"-1"`
	RequestBytes      int `yaml:"request_bytes" min:"16384" max:"67108864"`
	CatalogueBytes    int `yaml:"catalogue_bytes" min:"16384" max:"67108864"`
	IPv4PrefixBits    int `yaml:"ipv4_prefix_bits" min:"8" max:"32"`
	IPv6PrefixBits    int `yaml:"ipv6_prefix_bits" min:"16" max:"128"`
}

// exceptionSetting is a prefix of many people behind one address, as a school: its limits are multiplied.
type exceptionSetting struct {
	Prefix netip.Prefix `yaml:"prefix"`
	Factor float64      `yaml:"factor" min:"1" max:"10000"`
}

// setText reads PREFIX=FACTOR, as the environment has it.
func (e *exceptionSetting) setText(text string) error {
	prefix, factor, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q is no PREFIX=FACTOR; give one such as 192.0.2.0/24=30", text)
	}
	var err error
	if e.Prefix, err = parsePrefix(strings.TrimSpace(prefix)); err != nil {
		return err
	}
	if e.Factor, err = strconv.ParseFloat(strings.TrimSpace(factor), 64); err != nil {
		return fmt.Errorf("the factor %q is no number", factor)
	}
	return nil
}

// parsePrefix reads a prefix of addresses. A single address is one, too.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is no prefix of addresses; give one such as 192.0.2.0/24 or 192.0.2.7", text)
	}
	return prefix, nil
}

// timeSettings are the times of the service.
type timeSettings struct {
	WrapUp               time.Duration `yaml:"wrap_up" min:"1s"`
	TokenLife            time.Duration `yaml:"token_life" min:"1s"`
	RepeatStart          time.Duration `yaml:"repeat_start" min:"1s"`
	Heartbeat            time.Duration `yaml:"heartbeat" min:"100ms" max:"15s"`
	PresenceGrace        time.Duration `yaml:"presence_grace" min:"1s"`
	StaffLostAfter       time.Duration `yaml:"staff_lost_after" min:"1s"`
	CustomerExpiresAfter time.Duration `yaml:"customer_expires_after" min:"1s"`
	CustomerWarnedBefore time.Duration `yaml:"customer_warned_before" min:"1s"`
}

// defaultCallsBurst is how many calls may come at once where only their rate is set.
const defaultCallsBurst = 500

// defaultSettings are the settings of a server that nobody configured. What the parts of the server go by on their
// own is asked of them.
func defaultSettings() settings {
	calls, presence := rpc.Config{}.WithDefaults(), board.Config{}.WithDefaults()
	limiter, err := access.NewLimiter(access.Limits{})
	if err != nil {
		panic(err) // The defaults are good: the tests of access say so.
	}
	rates, streams := limiter.Limits(), access.NewStreamCap(access.StreamLimits{}).Limits()
	rate := func(r access.Rate) rateSetting { return rateSetting{PerSecond: r.PerSecond, Burst: r.Burst} }
	link := postgres.Options{}.WithDefaults()
	return settings{
		Listen:          "127.0.0.1:8080",
		Database:        "data/kupla.db",
		ForwardHeader:   "x-forwarded-for",
		ShutdownTimeout: 10 * time.Second,
		// Balancers that ask every second and believe the second answer have noticed by then.
		Drain: drainSettings{Delay: 3 * time.Second, Spread: 10 * time.Second},
		Admission: admissionSettings{
			CallsInFlight: calls.Admission.CallsInFlight, Calls: rateSetting{PerSecond: -1, Burst: defaultCallsBurst},
		},
		Postgres: postgresSettings{
			ReadConnections: link.ReadConnections, ConnectTimeout: link.ConnectTimeout,
			BatchTimeout: link.BatchTimeout, LockTimeout: link.LockTimeout,
			PollInterval: link.PollInterval, AwayPollInterval: link.AwayPollInterval,
		},
		Web:     webSettings{Enabled: true},
		Log:     logSettings{Format: "text", Level: "info"},
		Tracing: tracingSettings{SampleRatio: 0.1},
		Limits: limitSettings{
			AddressStarts: rate(rates.AddressStarts), AddressBadCredentials: rate(rates.AddressBadCredentials),
			AddressCalls: rate(rates.AddressCalls), TokenCalls: rate(rates.TokenCalls), TokenSends: rate(rates.TokenSends),
			ConversationSends:      rate(rates.ConversationSends),
			ConversationEphemerals: rate(rates.ConversationEphemerals),
			WaitingPerAddress:      calls.WaitingPerAddress,
			StreamsPerToken:        streams.PerToken, StreamsPerAddress: streams.PerAddress,
			RequestBytes: calls.RequestBytes, CatalogueBytes: calls.CatalogueBytes,
			// access.Prefixes says why.
			IPv4PrefixBits: 32, IPv6PrefixBits: 56,
		},
		Times: timeSettings{
			WrapUp: calls.WrapUp, TokenLife: calls.TokenLife, RepeatStart: calls.RepeatStart, Heartbeat: calls.Heartbeat,
			PresenceGrace: presence.PresenceGrace, StaffLostAfter: presence.StaffLostAfter,
			CustomerExpiresAfter: presence.CustomerExpiresAfter, CustomerWarnedBefore: presence.CustomerWarnedBefore,
		},
	}
}

// app is the settings as the server takes them.
func (s settings) app() app.Config {
	var c app.Config
	l := s.Limits
	c.RPC.Limits = access.Limits{
		AddressStarts: l.AddressStarts.rate(), AddressBadCredentials: l.AddressBadCredentials.rate(),
		AddressCalls: l.AddressCalls.rate(), TokenCalls: l.TokenCalls.rate(), TokenSends: l.TokenSends.rate(),
		ConversationSends: l.ConversationSends.rate(), ConversationEphemerals: l.ConversationEphemerals.rate(),
	}
	c.RPC.Admission = rpc.Admission{CallsInFlight: s.Admission.CallsInFlight, Calls: s.Admission.Calls.rate()}
	c.RPC.Streams = access.StreamLimits{PerToken: l.StreamsPerToken, PerAddress: l.StreamsPerAddress}
	c.RPC.WaitingPerAddress = l.WaitingPerAddress
	c.RPC.RequestBytes, c.RPC.CatalogueBytes = l.RequestBytes, l.CatalogueBytes
	c.RPC.WrapUp, c.RPC.TokenLife = s.Times.WrapUp, s.Times.TokenLife
	c.RPC.RepeatStart, c.RPC.Heartbeat = s.Times.RepeatStart, s.Times.Heartbeat
	c.Board.PresenceGrace, c.Board.StaffLostAfter = s.Times.PresenceGrace, s.Times.StaffLostAfter
	c.Board.CustomerExpiresAfter = s.Times.CustomerExpiresAfter
	c.Board.CustomerWarnedBefore = s.Times.CustomerWarnedBefore
	c.RPC.Addresses = s.addresses()
	return c
}

func (s settings) addresses() access.AddressConfig {
	c := access.AddressConfig{
		TrustedProxies: s.TrustedProxies,
		Prefixes:       access.Prefixes{IPv4Bits: s.Limits.IPv4PrefixBits, IPv6Bits: s.Limits.IPv6PrefixBits},
	}
	if s.ForwardHeader == "forwarded" {
		c.Forward = access.ForwardForwarded
	}
	for _, e := range s.Exception {
		c.Exceptions = append(c.Exceptions, access.Exception{Prefix: e.Prefix, Factor: e.Factor})
	}
	return c
}

func (s settings) http() rpc.HTTPConfig {
	return rpc.HTTPConfig{AllowedOrigins: s.AllowedOrigins, Reflection: s.Reflection}
}
