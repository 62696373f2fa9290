package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/validate"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/board"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/hub"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// Config is what the handlers go by. Zero values take the defaults.
type Config struct {
	// WrapUp is how long after a close the professionals who were there may read and add case notes.
	// Default 60 minutes.
	WrapUp time.Duration
	// TokenLife is how long after the close a conversation token still opens its conversation. Default
	// 24 hours.
	TokenLife time.Duration
	// RepeatStart is how long a start may be repeated for another token. Default 10 minutes.
	RepeatStart time.Duration
	// Heartbeat is the longest time between frames of a stream. Default 15 s.
	Heartbeat time.Duration
	// Streams are how many streams one token and one address prefix may have open.
	Streams access.StreamLimits
	// WaitingPerAddress is how many may wait that were started from one address prefix. Default 10.
	WaitingPerAddress int
	// RequestBytes is how large one request may be. Default 64 KiB.
	RequestBytes int
	// CatalogueBytes is how large an ApplyCatalogue request may be. Default 4 MiB.
	CatalogueBytes int
	// UnavailableRetryDelay is told with UNAVAILABLE. Default 1 s.
	UnavailableRetryDelay time.Duration
	// Limits are the rates that callers are held to.
	Limits access.Limits
	// Admission is how much the server does at a time, whoever calls.
	Admission Admission
	// Addresses tells where the caller's address is found and which prefixes are excepted.
	Addresses access.AddressConfig
}

// WithDefaults is the configuration with its zero values filled in.
func (c Config) WithDefaults() Config {
	set(&c.WrapUp, time.Hour)
	set(&c.TokenLife, 24*time.Hour)
	set(&c.RepeatStart, 10*time.Minute)
	set(&c.Heartbeat, 15*time.Second)
	set(&c.WaitingPerAddress, 10)
	set(&c.RequestBytes, 64<<10)
	set(&c.CatalogueBytes, 4<<20)
	set(&c.UnavailableRetryDelay, time.Second)
	c.Admission = c.Admission.withDefaults()
	return c
}

// longestHeartbeat is what the contract promises.
const longestHeartbeat = 15 * time.Second

// set gives a setting its default.
func set[T comparable](setting *T, def T) {
	var zero T
	if *setting == zero {
		*setting = def
	}
}

// Deps is what the handlers are made over.
type Deps struct {
	Store     store.Store
	Board     *board.Board
	Hub       *hub.Hub
	Catalogue *catalogue.Holder
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
	// Counter counts calls. Nil counts none.
	Counter Counter
	// Around are what traces calls: interceptors around all others, the outermost first. They see errors as callers are
	// told them. Each stands on the stack of every stream.
	Around []connect.ServerInterceptor
}

// Counter counts calls. It must not block.
type Counter interface {
	// Begin counts a call that begins. The procedure may be one that the caller made up.
	Begin(procedure string) CountedCall
}

// CountedCall is a call that was counted.
type CountedCall interface {
	// End tells what the caller was told, and how long it took.
	End(err error, took time.Duration)
}

// Server serves the contract. Its services are registered on the Connect server that New returns it with.
type Server struct {
	config    Config
	store     store.Store
	board     *board.Board
	hub       *hub.Hub
	catalogue *catalogue.Holder
	now       func() time.Time
	log       *slog.Logger

	authenticator *access.Authenticator
	limiter       *access.Limiter
	addresses     *access.Addresses
	streams       *access.StreamCap

	originKey []byte
	counts    counts
	counter   Counter
	admission *admission
	leaving   leaving

	// health is what was found of the store last, and healthTime when.
	healthLock sync.Mutex
	health     healthpb.HealthCheckResponse_ServingStatus
	healthTime time.Time

	connect *connect.Server
}

// New makes the handlers and registers them. It reads the store's secrets.
func New(ctx context.Context, deps Deps, config Config) (*Server, error) {
	s := &Server{
		config: config.WithDefaults(),
		store:  deps.Store, board: deps.Board, hub: deps.Hub, catalogue: deps.Catalogue,
		now: deps.Now, log: deps.Log, counter: deps.Counter,
		authenticator: access.NewAuthenticator(deps.Store, deps.Now),
	}
	var err error
	if s.limiter, err = access.NewLimiter(s.config.Limits); err != nil {
		return nil, err
	}
	if s.addresses, err = access.NewAddresses(s.config.Addresses); err != nil {
		return nil, err
	}
	if s.config.Heartbeat > longestHeartbeat {
		return nil, fmt.Errorf("heartbeat: %s is longer than the %s that the contract promises", s.config.Heartbeat, longestHeartbeat)
	}
	s.streams = access.NewStreamCap(s.config.Streams)
	s.admission = newAdmission(s.config.Admission)
	s.leaving.told = make(chan struct{})
	if s.originKey, err = deps.Store.Secret(ctx, "origin"); err != nil {
		return nil, err
	}

	s.connect = connect.NewServer(append(slices.Clip(deps.Around),
		s.errorInterceptor,
		s.callerInterceptor,
		validate.NewServerInterceptor(),
	)...)
	kuplav1connect.RegisterQueueServiceHandler(s.connect, queueService{s})
	kuplav1connect.RegisterConversationServiceHandler(s.connect, conversationService{s})
	kuplav1connect.RegisterDeskServiceHandler(s.connect, deskService{s})
	kuplav1connect.RegisterFeedbackServiceHandler(s.connect, feedbackService{s})
	kuplav1connect.RegisterCatalogueServiceHandler(s.connect, catalogueService{s})
	registerHealth(s.connect, s)
	// Through the interceptors, so that this refusal has its reason too.
	s.connect.SetUnknownHandler(func(context.Context, connect.Spec, connect.ServerStream) error {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN)
	})
	return s, nil
}

// Tidy gives back memory of callers who have not been heard of for long. It is called about once a minute.
func (s *Server) Tidy(now time.Time) { s.limiter.Sweep(now) }

// Connect is the Connect server with every service on it, to be mounted or called in process.
func (s *Server) Connect() *connect.Server { return s.connect }
