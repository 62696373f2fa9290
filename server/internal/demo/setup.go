package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// TokenLifetime is how long the tokens of the demonstration work: a working day and an evening, and then somebody who
// finds one in a terminal's history finds nothing.
const TokenLifetime = 24 * time.Hour

// tokenLabel is the label of the demonstration's tokens in lists.
const tokenLabel = "demo"

// StaffCredential is a member of staff and the token that opens what they may do.
type StaffCredential struct {
	// Staff is who.
	Staff store.Staff
	// Token is shown once, by its Reveal; it cannot be had again from the store.
	Token access.Token
	// ExpireTime is when the token stops working.
	ExpireTime time.Time
}

// renewBefore is how long before its end a token is replaced: whoever starts the demonstration has it for some
// time.
const renewBefore = 12 * time.Hour

// tokenSecret names the key that the tokens are made with, so that a restart in the middle of a talk does not end
// it: the same token can be made again, though only its hash is stored.
const tokenSecret = "demo tokens"

// Setup makes a store ready for the demonstration: the catalogue, when none was applied yet, the people, and a
// token for each, in the order of People. It may be called on every start: tokens that are good for some time yet
// stay. The errors are the store's.
func Setup(ctx context.Context, s store.Store, now time.Time) ([]StaffCredential, error) {
	if err := applyCatalogue(ctx, s); err != nil {
		return nil, err
	}
	key, err := s.Secret(ctx, tokenSecret)
	if err != nil {
		return nil, fmt.Errorf("key of the tokens: %w", err)
	}
	tokens, err := s.StaffTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	var credentials []StaffCredential
	for _, person := range People() {
		if err := s.PutStaff(ctx, person); err != nil {
			return nil, fmt.Errorf("put %s: %w", person.ID, err)
		}
		created := now.UTC().Truncate(time.Microsecond)
		for _, t := range tokens {
			if t.ID == person.ID && t.RevokeTime.IsZero() && t.ExpireTime.Sub(now) >= renewBefore {
				created = t.CreateTime
			}
		}
		token := access.DeriveToken(access.KindStaff, key, person.ID, created.UTC().Format(time.RFC3339Nano))
		kept := store.StaffToken{
			Hash: token.Hash(),
			// One for each person, so that it replaces the one before.
			ID:         person.ID,
			Label:      tokenLabel,
			StaffID:    person.ID,
			CreateTime: created,
			ExpireTime: created.Add(TokenLifetime),
		}
		if err := s.PutStaffToken(ctx, kept); err != nil {
			return nil, fmt.Errorf("token of %s: %w", person.ID, err)
		}
		credentials = append(credentials, StaffCredential{Staff: person, Token: token, ExpireTime: kept.ExpireTime})
	}
	return credentials, nil
}

// applyCatalogue applies the demonstration's catalogue when none was applied yet.
func applyCatalogue(ctx context.Context, s store.Store) error {
	switch _, err := s.Catalogue(ctx); {
	case err == nil:
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("read the catalogue: %w", err)
	}
	m, err := Catalogue()
	if err != nil {
		return err
	}
	if problems := catalogue.Validate(m); len(problems) > 0 {
		return &catalogue.InvalidError{Problems: problems}
	}
	data, etag, err := catalogue.Encode(m)
	if err != nil {
		return err
	}
	_, err = s.Change(ctx, store.Request{Caller: "demo"}, store.Rows{Catalogue: true}, func(w *store.Work) error {
		// Looked at again under the lock: somebody may have applied one since.
		if w.Catalogue() == nil {
			w.PutCatalogue(store.Catalogue{Data: data, Etag: etag, ApplyTime: w.Now})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("apply the catalogue: %w", err)
	}
	return nil
}
