package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// changeQueue changes some fields of one queue in the catalogue, or of all when none is named.
func (s *stage) changeQueue(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	service := d.client.CatalogueService()
	exported, err := service.ExportCatalogue(ctx, &kuplav1.ExportCatalogueRequest{})
	if err != nil {
		return nil, err
	}
	catalogue := exported.GetCatalogue()
	for i, queue := range catalogue.GetQueues() {
		if r.Queue != "" && queue.GetId() != r.Queue {
			continue
		}
		changed, err := patched(queue, r.Patch)
		if err != nil {
			return nil, err
		}
		catalogue.Queues[i] = changed
	}
	_, err = service.ApplyCatalogue(ctx, &kuplav1.ApplyCatalogueRequest{
		RequestId: uuid.NewString(), Catalogue: catalogue,
	})
	return nil, err
}

// patched is a queue with some of its fields replaced. It goes through JSON, where a field is replaced whole: merging
// messages would add to lists instead.
func patched(queue *kuplav1.Queue, patch map[string]json.RawMessage) (*kuplav1.Queue, error) {
	text, err := protojson.Marshal(queue)
	if err != nil {
		return nil, fmt.Errorf("write the queue: %w", err)
	}
	fields := make(map[string]json.RawMessage)
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	maps.Copy(fields, patch)
	if text, err = json.Marshal(fields); err != nil {
		return nil, fmt.Errorf("write the patched queue: %w", err)
	}
	changed := &kuplav1.Queue{}
	if err := protojson.Unmarshal(text, changed); err != nil {
		return nil, fmt.Errorf("read the patched queue: %w", err)
	}
	return changed, nil
}

// pause pauses a queue, for a time when one is given.
func (s *stage) pause(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	req := &kuplav1.PauseQueueRequest{RequestId: uuid.NewString(), QueueId: r.Queue}
	if r.Within > 0 {
		req.ResumeTime = timestamppb.New(time.Now().Add(r.within()))
	}
	_, err = d.client.DeskService().PauseQueue(ctx, req)
	return nil, err
}

func (s *stage) resume(ctx context.Context, r *request) (any, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	_, err = d.client.DeskService().ResumeQueue(ctx, &kuplav1.ResumeQueueRequest{
		RequestId: uuid.NewString(), QueueId: r.Queue,
	})
	return nil, err
}

// status tells how a queue is now.
func (s *stage) status(ctx context.Context, r *request) (any, error) {
	queue, err := s.crowd.Queue(ctx, r.Queue)
	if err != nil {
		return nil, err
	}
	return raw(queue), nil
}
