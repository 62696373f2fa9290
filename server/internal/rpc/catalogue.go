package rpc

import (
	"context"
	"errors"
	"slices"
	"strconv"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// catalogueService serves the admins who configure the service.
type catalogueService struct{ *Server }

// ApplyCatalogue makes the whole catalogue what is sent.
func (s catalogueService) ApplyCatalogue(
	ctx context.Context, req *kuplav1.ApplyCatalogueRequest,
) (*kuplav1.ApplyCatalogueResponse, error) {
	r, err := request(callFrom(ctx), req)
	if err != nil {
		return nil, err
	}
	if problems := catalogue.Validate(req.GetCatalogue()); len(problems) > 0 {
		return nil, catalogueRefusal(problems)
	}
	data, etag, err := catalogue.Encode(req.GetCatalogue())
	if err != nil {
		return nil, err
	}
	// What is decided by it is to be what is in force everywhere.
	if err := s.store.Refresh(ctx); err != nil {
		return nil, err
	}
	// The queues there are, so that nobody starts in one of them while it is removed.
	rows := store.Rows{Catalogue: true, Queues: s.queueIDs(nil)}
	if req.GetValidateOnly() {
		if err := s.checkApply(req, s.catalogue.Book()); err != nil {
			return nil, err
		}
		return &kuplav1.ApplyCatalogueResponse{
			Changes: catalogue.Diff(s.catalogue.Book().Catalogue(), req.GetCatalogue()), Etag: s.catalogue.Book().Etag(),
		}, nil
	}
	var changes []*kuplav1.CatalogueChange
	outcome, err := s.store.Change(ctx, r, rows, func(w *store.Work) error {
		before := &kuplav1.Catalogue{}
		current := ""
		if kept := w.Catalogue(); kept != nil {
			current = kept.Etag
			var err error
			if before, err = catalogue.Decode(kept.Data); err != nil {
				return err
			}
		}
		if asked := req.GetEtag(); asked != "" && asked != current {
			return refuse(kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_CHANGED, "etag", current)
		}
		if err := s.checkRemoved(before, req.GetCatalogue(), func(id string) int {
			if !slices.Contains(rows.Queues, id) {
				return 0 // it came with a catalogue applied in the same moment, so nobody is in it
			}
			return w.Queue(id).Waiting
		}); err != nil {
			return err
		}
		changes = catalogue.Diff(before, req.GetCatalogue())
		if len(changes) > 0 {
			w.PutCatalogue(store.Catalogue{Data: data, Etag: etag, ApplyTime: w.Now})
		} else {
			etag = current
		}
		w.Remember("", etag)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if outcome.Repeated {
		// What it changed then is history; the etag says whether it is still in force.
		return &kuplav1.ApplyCatalogueResponse{Etag: s.catalogue.Book().Etag()}, nil
	}
	return &kuplav1.ApplyCatalogueResponse{Changes: changes, Etag: etag}, nil
}

// checkApply holds an apply against the catalogue in force, for one that only validates.
func (s *Server) checkApply(req *kuplav1.ApplyCatalogueRequest, book *catalogue.Book) error {
	if asked := req.GetEtag(); asked != "" && asked != book.Etag() {
		return refuse(kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_CHANGED, "etag", book.Etag())
	}
	return s.checkRemoved(book.Catalogue(), req.GetCatalogue(), func(string) int { return 0 })
}

// checkRemoved refuses to remove a queue in which somebody waits or is being answered: nobody would serve
// them, and their conversation would have no rules. waiting counts those who wait as a change sees it, which
// may be more than the board has heard of.
func (s *Server) checkRemoved(before, after *kuplav1.Catalogue, waiting func(queueID string) int) error {
	kept := map[string]bool{}
	for _, q := range after.GetQueues() {
		kept[q.GetId()] = true
	}
	for _, q := range before.GetQueues() {
		if kept[q.GetId()] {
			continue
		}
		if open := max(s.board.OpenIn(q.GetId()), waiting(q.GetId())); open > 0 {
			return refuse(kuplav1.ErrorReason_ERROR_REASON_QUEUE_IN_USE, "queue_id", q.GetId(), "open", strconv.Itoa(open))
		}
	}
	return nil
}

// catalogueRefusal names the first problem in the message and all of them in the metadata.
func catalogueRefusal(problems []catalogue.Problem) error {
	pairs := []string{"path", problems[0].Path, "problem", problems[0].Problem, "problems", strconv.Itoa(len(problems))}
	for i, p := range problems[1:] {
		if i == maxProblems {
			break
		}
		n := strconv.Itoa(i + 2) //nolint:mnd // The first is the one without a number.
		pairs = append(pairs, "path_"+n, p.Path, "problem_"+n, p.Problem)
	}
	return refuse(kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID, pairs...)
}

// maxProblems is how many problems beside the first one are told. Error details travel in headers, which are
// small.
const maxProblems = 15

// ExportCatalogue gets the whole catalogue as it was applied.
func (s catalogueService) ExportCatalogue(
	ctx context.Context, _ *kuplav1.ExportCatalogueRequest,
) (*kuplav1.ExportCatalogueResponse, error) {
	kept, err := s.store.Catalogue(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return &kuplav1.ExportCatalogueResponse{Catalogue: &kuplav1.Catalogue{}}, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := catalogue.Decode(kept.Data)
	if err != nil {
		return nil, err
	}
	return &kuplav1.ExportCatalogueResponse{Catalogue: m, Etag: kept.Etag}, nil
}
