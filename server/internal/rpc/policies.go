package rpc

import (
	"slices"
	"strings"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	kuplav1connect "github.com/kupla-chat/kupla/gen/go/kupla/v1/kuplav1connect"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// policy is who may call a procedure at all. Whose conversation it is, is looked at where it is read.
type policy struct {
	// anyone needs no credentials; those sent are not looked at.
	anyone bool
	// customer admits conversation tokens.
	customer bool
	// roles admits staff tokens with one of the roles.
	roles []store.Role
	// health is answered however much there is to do.
	health bool
	// light is answered from memory, and does not count towards the rate of calls.
	light bool
}

var (
	forAnyone       = policy{anyone: true}
	forQueues       = policy{anyone: true, light: true}
	forHealth       = policy{anyone: true, health: true}
	forParticipants = policy{customer: true, roles: []store.Role{store.RoleProfessional}}
	forCustomers    = policy{customer: true}
	forDesks        = policy{roles: []store.Role{store.RoleProfessional, store.RoleSupervisor}}
	forProfessional = policy{roles: []store.Role{store.RoleProfessional}}
	forSupervisors  = policy{roles: []store.Role{store.RoleSupervisor}}
	forAdmins       = policy{roles: []store.Role{store.RoleAdmin}}
)

// policies is every procedure there is. One that is missing is refused to everybody, and a test that goes
// through the descriptors fails.
var policies = map[string]policy{
	kuplav1connect.QueueServiceListQueuesProcedure:  forQueues,
	kuplav1connect.QueueServiceGetQueueProcedure:    forQueues,
	kuplav1connect.QueueServiceWatchQueuesProcedure: forQueues,

	kuplav1connect.ConversationServiceStartConversationProcedure:  forAnyone,
	kuplav1connect.ConversationServiceGetConversationProcedure:    forParticipants,
	kuplav1connect.ConversationServiceFollowConversationProcedure: forParticipants,
	kuplav1connect.ConversationServiceSendMessageProcedure:        forParticipants,
	kuplav1connect.ConversationServiceSetTypingProcedure:          forParticipants,
	kuplav1connect.ConversationServiceMarkReadProcedure:           forParticipants,
	kuplav1connect.ConversationServiceLeaveConversationProcedure:  forParticipants,
	kuplav1connect.ConversationServiceListEventsProcedure:         forParticipants,

	kuplav1connect.DeskServiceWatchDeskProcedure:            forDesks,
	kuplav1connect.DeskServiceSetAvailabilityProcedure:      forProfessional,
	kuplav1connect.DeskServiceTakeNextProcedure:             forProfessional,
	kuplav1connect.DeskServiceTakeConversationProcedure:     forProfessional,
	kuplav1connect.DeskServiceTransferConversationProcedure: forProfessional,
	kuplav1connect.DeskServiceReturnToQueueProcedure:        forProfessional,
	kuplav1connect.DeskServiceInviteProfessionalProcedure:   forProfessional,
	kuplav1connect.DeskServiceCloseConversationProcedure:    forProfessional,
	kuplav1connect.DeskServiceAddCaseNoteProcedure:          forProfessional,
	kuplav1connect.DeskServiceListCaseNotesProcedure:        forProfessional,
	kuplav1connect.DeskServiceListCannedRepliesProcedure:    forProfessional,
	kuplav1connect.DeskServicePauseQueueProcedure:           forSupervisors,
	kuplav1connect.DeskServiceResumeQueueProcedure:          forSupervisors,

	kuplav1connect.FeedbackServiceGetSurveyProcedure:         forCustomers,
	kuplav1connect.FeedbackServiceSubmitFeedbackProcedure:    forAnyone,
	kuplav1connect.FeedbackServiceSummarizeFeedbackProcedure: forSupervisors,

	kuplav1connect.CatalogueServiceApplyCatalogueProcedure:  forAdmins,
	kuplav1connect.CatalogueServiceExportCatalogueProcedure: forAdmins,

	healthpb.Health_Check_FullMethodName: forHealth,
	healthpb.Health_List_FullMethodName:  forHealth,
	healthpb.Health_Watch_FullMethodName: forHealth,
}

// admits reports whether the policy lets a caller with credentials through.
func (p policy) admits(c access.Caller) bool {
	if c.Customer() {
		return p.customer
	}
	return c.Has(p.roles...)
}

// who names those admitted, for the refusal.
func (p policy) who() string {
	var names []string
	if p.customer {
		names = append(names, "customer")
	}
	for _, r := range p.roles {
		names = append(names, string(r))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
