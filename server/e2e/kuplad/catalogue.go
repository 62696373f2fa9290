package kuplad

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/demo"
)

// ApplyCatalogue applies the demonstration's catalogue, with queues that are always open and have room for everybody.
// The server is asked; admin makes the token for it, and may be another one of the same database.
func ApplyCatalogue(ctx context.Context, admin, server *Server, keepPlace time.Duration) error {
	catalogue, err := demo.Catalogue()
	if err != nil {
		return err
	}
	var always *kuplav1.OpeningHours
	for _, q := range catalogue.GetQueues() {
		if q.GetId() == "emergency-help" {
			always = q.GetOpeningHours()
		}
	}
	for _, q := range catalogue.GetQueues() {
		q.OpeningHours = always
		q.Capacity = 0
		q.KeepPlaceDuration = durationpb.New(keepPlace)
	}
	token, _, err := admin.Token(ctx, "admin", "--role", "admin")
	if err != nil {
		return err
	}
	client := kupla.New(server.URL(), kupla.WithStaffToken(token))
	defer client.Close()
	_, err = client.CatalogueService().ApplyCatalogue(ctx, &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: catalogue,
	})
	if err != nil {
		return fmt.Errorf("apply the catalogue: %w", err)
	}
	return nil
}
