// Package apptest runs a whole server inside a test: real handlers, a real SQLite file, and clients that
// call in process or over loopback. It works in the virtual time of testing/synctest, but for loopback.
package apptest

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/app"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// Queue is the queue of the test catalogue that is open at all hours.
const Queue = "emergency-help"

// Server is a whole server in a test.
type Server struct {
	*app.App
	t      testing.TB
	path   string
	config app.Config
	// catalogue are the changes of the catalogue that a new store begins with.
	catalogue []func(*kuplav1.Catalogue)
	wrap      func(store.Store) store.Store
	open      app.Open // nil opens the file at path
	closed    bool
}

// Option changes how the server of a test is made.
type Option func(*Server)

// WithConfig changes the configuration.
func WithConfig(change func(*app.Config)) Option {
	return func(s *Server) { change(&s.config) }
}

// WithCatalogue changes the catalogue that the server begins with.
func WithCatalogue(change func(*kuplav1.Catalogue)) Option {
	return func(s *Server) { s.catalogue = append(s.catalogue, change) }
}

// WithStore puts something between the server and its store, as one that fails.
func WithStore(wrap func(store.Store) store.Store) Option {
	return func(s *Server) { s.wrap = wrap }
}

// WithOpen opens another store than a SQLite file of the test's own. The catalogue in it is the one that it has; see
// WithCatalogue.
func WithOpen(open app.Open) Option {
	return func(s *Server) { s.open = open }
}

// New starts a server with the demonstration's catalogue, no staff, and no limits. It is closed when the test
// ends.
func New(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{t: t, path: filepath.Join(t.TempDir(), "kupla.db")}
	s.config.Log = slog.New(slog.NewTextHandler(logWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	unlimited := access.Unlimited
	s.config.RPC.Limits = access.Limits{
		AddressStarts: unlimited, AddressBadCredentials: unlimited, AddressCalls: unlimited, TokenCalls: unlimited,
		TokenSends: unlimited, ConversationSends: unlimited, ConversationEphemerals: unlimited,
	}
	s.config.RPC.WaitingPerAddress = 1_000_000
	s.config.RPC.Streams = access.StreamLimits{PerAddress: -1}
	for _, option := range options {
		option(s)
	}
	audit(t, &s.config)
	database, err := template()
	if err == nil {
		err = os.WriteFile(s.path, database, 0o600)
	}
	if err != nil {
		t.Fatalf("make the database: %v", err)
	}
	s.start()
	t.Cleanup(s.Close)
	return s
}

func (s *Server) start() {
	s.t.Helper()
	open := s.open
	if open == nil {
		open = func(ctx context.Context, o store.Options) (store.Store, error) { return sqlite.Open(ctx, s.path, o) }
	}
	a, err := app.New(context.Background(), func(ctx context.Context, o store.Options) (store.Store, error) {
		st, err := open(ctx, o)
		if err != nil || s.wrap == nil {
			return st, err
		}
		return s.wrap(st), nil
	}, s.config, s.changeOnce)
	if err != nil {
		s.t.Fatalf("start server: %v", err)
	}
	s.App, s.closed = a, false
}

// template is a database with the demonstration's catalogue in it. To make one is most of what starting a server
// costs; to copy it, next to nothing.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "apptest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "kupla.db")
	st, err := sqlite.Open(context.Background(), path, store.Options{})
	if err != nil {
		return nil, err
	}
	m, err := demo.Catalogue()
	if err == nil {
		err = put(context.Background(), st, m)
	}
	if err := errors.Join(err, st.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// changeOnce makes the changes of the catalogue that a server begins with.
func (s *Server) changeOnce(ctx context.Context, st store.Store) error {
	changes := s.catalogue
	if s.catalogue = nil; len(changes) == 0 {
		return nil
	}
	m, err := demo.Catalogue()
	if err != nil {
		return err
	}
	for _, change := range changes {
		change(m)
	}
	return put(ctx, st, m)
}

func put(ctx context.Context, st store.Store, m *kuplav1.Catalogue) error {
	data, etag, err := catalogue.Encode(m)
	if err != nil {
		return err
	}
	_, err = st.Change(ctx, store.Request{}, store.Rows{Catalogue: true}, func(w *store.Work) error {
		w.PutCatalogue(store.Catalogue{Data: data, Etag: etag, ApplyTime: w.Now})
		return nil
	})
	return err
}

// Path is the server's database file, for those who look into it from outside.
func (s *Server) Path() string { return s.path }

// Close stops the server. It may be called more than once.
func (s *Server) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.Drain()
	if err := s.App.Close(); err != nil {
		s.t.Errorf("close server: %v", err)
	}
}

// Drain ends every stream with a go_away that says to come back, at once.
func (s *Server) Drain() { s.App.Drain(context.Background(), 0) }

// Restart stops the server and starts it again on the same database after a time.
func (s *Server) Restart(down time.Duration) {
	s.t.Helper()
	s.Close()
	time.Sleep(down)
	s.start()
}

// Backup stops the server, copies its database, and starts it again. The function returned puts the copy back
// in place of what was written since, as an operator does after a loss.
func (s *Server) Backup() (restore func()) {
	s.t.Helper()
	s.Close()
	kept, err := os.ReadFile(s.path)
	if err != nil {
		s.t.Fatalf("back up: %v", err)
	}
	s.start()
	return func() {
		s.t.Helper()
		s.Close()
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.t.Fatalf("restore: %v", err)
			}
		}
		if err := os.WriteFile(s.path, kept, 0o600); err != nil { //nolint:gosec // A path of the test's own.
			s.t.Fatalf("restore: %v", err)
		}
		s.start()
	}
}

// ChangeCatalogue changes the catalogue in force.
func (s *Server) ChangeCatalogue(change func(*kuplav1.Catalogue)) {
	s.t.Helper()
	m, err := demo.Catalogue()
	if err != nil {
		s.t.Fatal(err)
	}
	change(m)
	if err := put(context.Background(), s.Store, m); err != nil {
		s.t.Fatalf("apply catalogue: %v", err)
	}
}

// Staff adds a staff member with a token, and returns clients with it. Empty fields take defaults: a
// professional of Queue who speaks all languages and may have 5 conversations.
func (s *Server) Staff(m store.Staff) Clients {
	s.t.Helper()
	return s.Clients(s.StaffToken(m))
}

// StaffToken is Staff, but returns the token.
func (s *Server) StaffToken(m store.Staff) string {
	s.t.Helper()
	if m.DisplayName == "" {
		m.DisplayName = "Testi " + m.ID
	}
	if m.Roles == nil {
		m.Roles = []store.Role{store.RoleProfessional}
	}
	if m.QueueIDs == nil {
		m.QueueIDs = []string{Queue}
	}
	if m.Languages == nil {
		m.Languages = []string{"fi", "sv", "en"}
	}
	if m.Capacity == 0 {
		m.Capacity = 5
	}
	ctx := context.Background()
	if err := s.Store.PutStaff(ctx, m); err != nil {
		s.t.Fatalf("put staff: %v", err)
	}
	token, err := access.NewToken(access.KindStaff)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Store.PutStaffToken(ctx, store.StaffToken{
		Hash: token.Hash(), ID: uuid.NewString(), StaffID: m.ID, CreateTime: time.Now(),
	}); err != nil {
		s.t.Fatalf("put staff token: %v", err)
	}
	return token.Reveal()
}

// Clients are clients of every service, with one credential.
type Clients struct {
	Token        string
	Queue        kuplav1connect.QueueServiceClient
	Conversation kuplav1connect.ConversationServiceClient
	Desk         kuplav1connect.DeskServiceClient
	Feedback     kuplav1connect.FeedbackServiceClient
	Catalogue    kuplav1connect.CatalogueServiceClient
}

// Clients returns clients that call in process with a token; empty is nobody. They go on after a restart.
func (s *Server) Clients(token string) Clients {
	return clients(inProcess{s}, token)
}

// inProcess calls the server as it runs now.
type inProcess struct{ server *Server }

// NewClientStream is connect.Transport's.
func (t inProcess) NewClientStream(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
	return connectinprocess.New(t.server.RPC.Connect()).NewClientStream(ctx, spec)
}

func clients(transport connect.Transport, token string) Clients {
	c := connect.NewClient(transport, func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if info, ok := connect.CallInfoForClientContext(ctx); ok && token != "" {
				info.RequestHeader().Set("Authorization", "Bearer "+token)
			}
			return next(ctx, spec)
		}
	})
	return Clients{
		Token:        token,
		Queue:        kuplav1connect.NewQueueServiceClient(c),
		Conversation: kuplav1connect.NewConversationServiceClient(c),
		Desk:         kuplav1connect.NewDeskServiceClient(c),
		Feedback:     kuplav1connect.NewFeedbackServiceClient(c),
		Catalogue:    kuplav1connect.NewCatalogueServiceClient(c),
	}
}

// Listen serves the server on loopback, as kuplad does, and returns its URL. Not in virtual time.
func (s *Server) Listen(config rpc.HTTPConfig) string {
	s.t.Helper()
	server := httptest.NewUnstartedServer(s.RPC.Handler(config))
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	s.t.Cleanup(func() {
		s.Drain()
		server.Close()
	})
	return server.URL
}

// Over returns clients over HTTP.
func Over(client *http.Client, url, token string, options ...connecthttp.Option) Clients {
	return clients(connecthttp.NewTransport(client, url, options...), token)
}

// Customer is a conversation with its customer's clients.
type Customer struct {
	Clients
	ID     string
	Start  *kuplav1.StartConversationResponse
	Cursor string
}

// Start starts a conversation in a queue, in Finnish.
func (s *Server) Start(queueID string) Customer {
	s.t.Helper()
	res, err := s.Clients("").Conversation.StartConversation(context.Background(), &kuplav1.StartConversationRequest{
		RequestId: uuid.NewString(), QueueId: queueID, Language: "fi", DisplayName: "Testi",
	})
	if err != nil {
		s.t.Fatalf("start conversation: %v", err)
	}
	return Customer{
		Clients: s.Clients(res.GetAccessToken()), ID: res.GetConversation().GetId(), Start: res, Cursor: res.GetCursor(),
	}
}

// Say sends a message to a conversation and returns its event.
func (c Clients) Say(t testing.TB, conversationID, text string) *kuplav1.Event {
	t.Helper()
	res, err := c.Conversation.SendMessage(context.Background(), &kuplav1.SendMessageRequest{
		ConversationId: conversationID, RequestId: uuid.NewString(), Text: text,
	})
	if err != nil {
		t.Fatalf("send message: %v", err)
	}
	return res.GetEvent()
}

// TakeNext takes the next who waits, who must be there.
func (c Clients) TakeNext(t testing.TB) *kuplav1.Conversation {
	t.Helper()
	res, err := c.Desk.TakeNext(context.Background(), &kuplav1.TakeNextRequest{RequestId: uuid.NewString()})
	if err != nil {
		t.Fatalf("take next: %v", err)
	}
	if res.GetConversation() == nil {
		t.Fatal("take next: nobody waits")
	}
	return res.GetConversation()
}

// Reason is the reason of a refusal; empty when the error is none of ours.
func Reason(err error) string {
	var e *connect.Error
	if !errors.As(err, &e) {
		return ""
	}
	for _, d := range e.Details() {
		if m, err := connectproto.UnmarshalErrorDetail(d); err == nil {
			if info, ok := m.(*errdetails.ErrorInfo); ok {
				return info.GetReason()
			}
		}
	}
	return ""
}

// WantReason fails the test unless the error is a refusal with the code and the reason.
func WantReason(t testing.TB, err error, code connect.Code, reason kuplav1.ErrorReason) {
	t.Helper()
	want := reason.String()[len("ERROR_REASON_"):]
	if err == nil {
		t.Fatalf("got no error, want %s", want)
	}
	if got := Reason(err); got != want || connect.CodeOf(err) != code {
		t.Fatalf("got %v with reason %q, want %v with %s", err, got, code, want)
	}
}

// logWriter writes the server's warnings to the test's log.
type logWriter struct{ t testing.TB }

func (w logWriter) Write(b []byte) (int, error) {
	w.t.Log(string(b))
	return len(b), nil
}
