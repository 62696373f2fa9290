package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kupla-chat/kupla/server/internal/store"
)

// ErrInvalidToken says that a token opens nothing: malformed, unknown, expired or revoked. Which of them it
// is, is not told.
var ErrInvalidToken = errors.New("token is not valid")

// staffTokenAge is how long what is known of a staff token is used before it is looked up again. A
// revocation takes effect within it.
const staffTokenAge = 5 * time.Second

// cacheSize is how many tokens of each kind are remembered. Beyond it the cache starts anew, which costs one
// lookup for each token in use.
const cacheSize = 50_000

// Caller is who calls. The zero Caller is nobody.
type Caller struct {
	// ConversationID and ParticipantID are set for the holder of a conversation token.
	ConversationID string
	ParticipantID  string
	// Staff is set for the holder of a staff token.
	Staff *store.Staff
	// Roles are the staff member's, as far as the token has them.
	Roles []store.Role
	// TokenKey names the token, to count by. Not secret.
	TokenKey Key
}

// Customer reports whether the caller holds a conversation token.
func (c Caller) Customer() bool { return c.ConversationID != "" }

// Has reports whether the caller is staff with one of the roles.
func (c Caller) Has(roles ...store.Role) bool {
	return c.Staff != nil && slices.ContainsFunc(roles, func(r store.Role) bool {
		return slices.Contains(c.Roles, r)
	})
}

// Tokens is where tokens are looked up.
type Tokens interface {
	ConversationToken(ctx context.Context, hash [32]byte) (store.ConversationToken, error)
	StaffToken(ctx context.Context, hash [32]byte) (store.StaffToken, error)
	Staff(ctx context.Context, id string) (store.Staff, error)
}

// Authenticator tells who calls by their token. It is safe for concurrent use.
type Authenticator struct {
	tokens Tokens
	now    func() time.Time

	mu        sync.Mutex
	customers map[[32]byte]customerEntry
	staff     map[[32]byte]staffEntry
}

type customerEntry struct{ conversationID, participantID string }

type staffEntry struct {
	caller Caller
	expire time.Time
	read   time.Time
}

// NewAuthenticator makes an authenticator over the store's tokens.
func NewAuthenticator(tokens Tokens, now func() time.Time) *Authenticator {
	return &Authenticator{
		tokens: tokens, now: now,
		customers: map[[32]byte]customerEntry{}, staff: map[[32]byte]staffEntry{},
	}
}

// Authenticate tells whose token a text is. The error is ErrInvalidToken, or the store's when it cannot be
// asked. Whether a conversation token has expired shows only once its conversation is read: it lives until a
// day after the close.
//
// unknown, when it is given, is called before a text is looked at further that is no token found valid before, as far
// as is remembered. Its error is returned.
func (a *Authenticator) Authenticate(ctx context.Context, text string, unknown func() error) (Caller, error) {
	token, err := ParseToken(text)
	var hash [32]byte
	if err == nil {
		hash = token.Hash()
	}
	if unknown != nil && (err != nil || !a.known(hash)) {
		if err := unknown(); err != nil {
			return Caller{}, err
		}
	}
	if err != nil {
		return Caller{}, ErrInvalidToken
	}
	switch token.Kind() {
	case KindConversation:
		return a.customer(ctx, hash)
	case KindStaff:
		return a.staffMember(ctx, hash)
	case KindFeedback: // is no credential
	}
	return Caller{}, ErrInvalidToken
}

func (a *Authenticator) known(hash [32]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, customer := a.customers[hash]
	_, staff := a.staff[hash]
	return customer || staff
}

// KnowsStaff reports, without asking the store, whether a text is the token of staff as far as is remembered. It is for
// what must be told before a caller may cost anything.
func (a *Authenticator) KnowsStaff(text string) bool {
	if !strings.HasPrefix(text, tokenPrefix+string(rune(KindStaff))) {
		return false
	}
	token, err := ParseToken(text)
	if err != nil {
		return false
	}
	hash := token.Hash()
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.staff[hash]
	return known
}

// Issued remembers a conversation token that has just been made, so that its first use is that of a known one.
func (a *Authenticator) Issued(t store.ConversationToken) {
	a.remember(t)
}

func (a *Authenticator) customer(ctx context.Context, hash [32]byte) (Caller, error) {
	a.mu.Lock()
	remembered, ok := a.customers[hash]
	a.mu.Unlock()
	if ok {
		return remembered.caller(hash), nil
	}
	t, err := a.tokens.ConversationToken(ctx, hash)
	if err != nil || !EqualHash(t.Hash, hash) {
		return Caller{}, lookupError(err)
	}
	return a.remember(t).caller(hash), nil
}

// remember keeps a conversation token that is good.
func (a *Authenticator) remember(t store.ConversationToken) customerEntry {
	entry := customerEntry{conversationID: t.ConversationID, participantID: t.ParticipantID}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.customers) >= cacheSize {
		clear(a.customers)
	}
	a.customers[t.Hash] = entry
	return entry
}

func (e customerEntry) caller(hash [32]byte) Caller {
	return Caller{ConversationID: e.conversationID, ParticipantID: e.participantID, TokenKey: TokenKey(hash)}
}

func (a *Authenticator) staffMember(ctx context.Context, hash [32]byte) (Caller, error) {
	now := a.now()
	a.mu.Lock()
	entry, ok := a.staff[hash]
	a.mu.Unlock()
	if !ok || now.Sub(entry.read) >= staffTokenAge {
		var err error
		if entry, err = a.readStaff(ctx, hash, now); err != nil {
			return Caller{}, err
		}
		a.mu.Lock()
		if len(a.staff) >= cacheSize {
			clear(a.staff)
		}
		a.staff[hash] = entry
		a.mu.Unlock()
	}
	if !entry.expire.IsZero() && !now.Before(entry.expire) {
		return Caller{}, ErrInvalidToken
	}
	return entry.caller, nil
}

func (a *Authenticator) readStaff(ctx context.Context, hash [32]byte, now time.Time) (staffEntry, error) {
	t, err := a.tokens.StaffToken(ctx, hash)
	if err != nil || !EqualHash(t.Hash, hash) || !t.RevokeTime.IsZero() {
		a.mu.Lock()
		delete(a.staff, hash)
		a.mu.Unlock()
		return staffEntry{}, lookupError(err)
	}
	s, err := a.tokens.Staff(ctx, t.StaffID)
	if err != nil {
		return staffEntry{}, lookupError(err)
	}
	roles := s.Roles
	if len(t.Roles) > 0 {
		roles = slices.DeleteFunc(slices.Clone(roles), func(r store.Role) bool { return !slices.Contains(t.Roles, r) })
	}
	return staffEntry{
		caller: Caller{Staff: &s, Roles: roles, TokenKey: TokenKey(hash)},
		expire: t.ExpireTime,
		read:   now,
	}, nil
}

// lookupError tells a token that is not there from a store that cannot be asked.
func lookupError(err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return ErrInvalidToken
	}
	return fmt.Errorf("look up token: %w", err)
}
