package rpc

import (
	"context"
	"slices"
	"time"

	"connectrpc.com/connect/v2"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// registerHealth registers the standard grpc.health.v1 service. No Connect package serves it for this version
// of Connect, and it is small.
func registerHealth(server *connect.Server, s *Server) {
	methods := healthpb.File_grpc_health_v1_health_proto.Services().ByName("Health").Methods()
	spec := func(name protoreflect.Name, procedure string, streamType connect.StreamType) connect.Spec {
		return connect.Spec{Procedure: procedure, Schema: methods.ByName(name), StreamType: streamType}
	}
	server.Register(
		connect.Method{
			Spec: spec("Check", healthpb.Health_Check_FullMethodName, connect.StreamTypeUnary),
			Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
				var req healthpb.HealthCheckRequest
				if err := stream.Receive(&req); err != nil {
					return err
				}
				if !s.serves(req.GetService()) {
					// The standard has this code for a service that there is not; the contract has no reason for it
					// alone.
					return withReason(
						connect.NewError(connect.CodeNotFound, "There is no such service. Check its name against the contract."),
						kuplav1.ErrorReason_ERROR_REASON_PROCEDURE_UNKNOWN, nil)
				}
				s.sawWatcher()
				return stream.Send(&healthpb.HealthCheckResponse{Status: s.serving(ctx)})
			},
		},
		connect.Method{
			Spec: spec("List", healthpb.Health_List_FullMethodName, connect.StreamTypeUnary),
			Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
				var req healthpb.HealthListRequest
				if err := stream.Receive(&req); err != nil {
					return err
				}
				s.sawWatcher()
				out := &healthpb.HealthListResponse{Statuses: map[string]*healthpb.HealthCheckResponse{}}
				status := s.serving(ctx)
				for _, name := range append([]string{""}, s.services()...) {
					out.Statuses[name] = &healthpb.HealthCheckResponse{Status: status}
				}
				return stream.Send(out)
			},
		},
		connect.Method{
			Spec:    spec("Watch", healthpb.Health_Watch_FullMethodName, connect.StreamTypeServer),
			Handler: s.watchHealth,
		},
	)
}

// healthEvery is how often a health stream looks.
const healthEvery = 5 * time.Second

// watchHealth sends the status, and again whenever it changes. A service that there is not is unknown, as
// the standard has it, and may come.
func (s *Server) watchHealth(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
	var req healthpb.HealthCheckRequest
	if err := stream.Receive(&req); err != nil {
		return err
	}
	f := s.hub.FollowQueues(s.now())
	defer f.Close()
	_, done, err := s.openStream(callFrom(ctx), f)
	if err != nil {
		return err
	}
	defer done()
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	var last healthpb.HealthCheckResponse_ServingStatus = -1
	left := s.leaving.told
	for {
		s.sawWatcher()
		status := s.serving(ctx)
		if !s.serves(req.GetService()) {
			status = healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		}
		if status != last {
			last = status
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: status}); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-left:
			left = nil // it is told once
		case <-ticker.C:
		case <-f.Wake():
			switch p := f.Take(); {
			case p.Superseded:
				return refuse(kuplav1.ErrorReason_ERROR_REASON_CALL_ENDED)
			case p.Closing && last == healthpb.HealthCheckResponse_NOT_SERVING:
				return nil
			case p.Closing:
				return stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING})
			}
		}
	}
}

// services names the services of the contract.
func (s *Server) services() []string {
	var names []string
	for _, file := range contractFiles() {
		for i := range file.Services().Len() {
			names = append(names, string(file.Services().Get(i).FullName()))
		}
	}
	return names
}

func (s *Server) serves(service string) bool {
	if service == "" || service == healthpb.Health_ServiceDesc.ServiceName {
		return true
	}
	return slices.Contains(s.services(), service)
}

// healthAge is how long what was found of the store is told again: looking writes to the disk, and anybody
// may ask.
const healthAge = 2 * time.Second

// serving tells whether the store can be used. Those who ask while somebody looks wait for what is found.
func (s *Server) serving(ctx context.Context) healthpb.HealthCheckResponse_ServingStatus {
	if s.left() || s.hub.Interrupted() {
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.healthLock.Lock()
	defer s.healthLock.Unlock()
	now := s.now()
	if s.healthTime.IsZero() || now.Sub(s.healthTime) >= healthAge {
		s.health, s.healthTime = healthpb.HealthCheckResponse_SERVING, now
		if err := s.store.Healthy(context.WithoutCancel(ctx)); err != nil {
			s.health = healthpb.HealthCheckResponse_NOT_SERVING
		}
	}
	return s.health
}

// contractFiles are the files of the contract that hold services.
func contractFiles() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		kuplav1.File_kupla_v1_queue_service_proto,
		kuplav1.File_kupla_v1_conversation_service_proto,
		kuplav1.File_kupla_v1_desk_service_proto,
		kuplav1.File_kupla_v1_feedback_service_proto,
		kuplav1.File_kupla_v1_catalogue_service_proto,
	}
}
