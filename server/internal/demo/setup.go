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

// Setup makes a store ready for the demonstration: the catalogue, when none was applied yet, the people, and a new
// token for each, in the order of People. It may be called on every start. The errors are the store's.
func Setup(ctx context.Context, s store.Store, now time.Time) ([]StaffCredential, error) {
	if err := applyCatalogue(ctx, s); err != nil {
		return nil, err
	}
	var credentials []StaffCredential
	for _, person := range People() {
		if err := s.PutStaff(ctx, person); err != nil {
			return nil, fmt.Errorf("put %s: %w", person.ID, err)
		}
		token, err := access.NewToken(access.KindStaff)
		if err != nil {
			return nil, fmt.Errorf("token of %s: %w", person.ID, err)
		}
		kept := store.StaffToken{
			Hash: token.Hash(),
			// The same on every start, so that it replaces the one before.
			ID:         person.ID,
			Label:      tokenLabel,
			StaffID:    person.ID,
			CreateTime: now,
			ExpireTime: now.Add(TokenLifetime),
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
