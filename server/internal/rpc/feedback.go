package rpc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/feedback"
	"github.com/kupla-chat/kupla/server/internal/identity"
	"github.com/kupla-chat/kupla/server/internal/queue"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// feedbackService asks customers how it went and sums up what they said.
type feedbackService struct{ *Server }

// GetSurvey gets the survey of a closed conversation and a token to answer it with.
func (s feedbackService) GetSurvey(
	ctx context.Context, req *kuplav1.GetSurveyRequest,
) (*kuplav1.GetSurveyResponse, error) {
	conv, _, err := s.read(ctx, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	if err := conv.CanGiveFeedback(); err != nil {
		return nil, err
	}
	survey := feedback.Default()
	if q, ok := s.catalogue.Book().Queue(conv.QueueID); ok {
		survey = q.Survey
	}
	date := dateOf(conv.CloseTime)
	key, err := s.store.Secret(ctx, feedbackSecret+date)
	if err != nil {
		return nil, err
	}
	ticket := feedbackTicket{
		// Stands for the conversation to nobody without the key, and makes two conversations' tickets differ.
		nonce:    access.DeriveToken(access.KindFeedback, key, "conversation", conv.ID).Hash(),
		queueID:  conv.QueueID,
		language: conv.Language,
		date:     date,
	}
	return &kuplav1.GetSurveyResponse{
		Survey:        catalogue.SurveyMessage(survey),
		FeedbackToken: ticket.seal(key),
	}, nil
}

// feedbackTicket is what a feedback token holds, so that nothing needs to be kept until it is used: where
// the answers belong, and nothing of whose they are.
type feedbackTicket struct {
	nonce    [32]byte
	queueID  string
	language string
	date     string
}

// ticketDays is for how long after the close a token may be used.
const ticketDays = 2

func (t feedbackTicket) payload() string {
	nonce := base64.RawURLEncoding.EncodeToString(t.nonce[:12])
	return strings.Join([]string{nonce, t.queueID, t.language, t.date}, " ")
}

// seal makes the token: the payload, and what only the key can make of it. The same conversation always has
// the same token, so asking again after a lost answer gives no second one.
func (t feedbackTicket) seal(key []byte) string {
	payload := t.payload()
	return access.DeriveToken(access.KindFeedback, key, "ticket", payload).Reveal() + "." +
		base64.RawURLEncoding.EncodeToString([]byte(payload))
}

// feedbackSecret is before the date in the name of the key that a day's tokens are made with. Each day has its
// own, which is destroyed when its tokens can no longer be used: from then on not even whoever has the whole
// database can tell whose survey was answered.
const feedbackSecret = "feedback "

// ForgetFeedbackKeys destroys the keys of days whose feedback tokens can no longer be used. It is called once
// a day.
func (s *Server) ForgetFeedbackKeys(ctx context.Context, now time.Time) error {
	today, err := queue.ParseDate(dateOf(now))
	if err != nil {
		return err
	}
	if err := s.store.ForgetOrder(ctx); err != nil {
		return err
	}
	return s.store.ForgetSecrets(ctx, feedbackSecret, feedbackSecret+today.AddDays(-ticketDays).String())
}

// openTicket reads a feedback token. A token that is not ours, or no longer good, is not ok.
func (s *Server) openTicket(ctx context.Context, text string) (ticket feedbackTicket, hash [32]byte, ok bool, err error) {
	token, payload, ticket, ok := parseTicket(text)
	// Before there is any key: only those of the last days are ever made.
	if !ok || ticket.expired(s.now()) {
		return ticket, hash, false, nil
	}
	key, err := s.store.Secret(ctx, feedbackSecret+ticket.date)
	if err != nil {
		return ticket, hash, false, err
	}
	ok = token.Equal(access.DeriveToken(access.KindFeedback, key, "ticket", payload))
	return ticket, token.Hash(), ok, nil
}

// parseTicket takes a feedback token apart, whoever made it.
func parseTicket(text string) (token access.Token, payload string, ticket feedbackTicket, ok bool) {
	tokenText, sealed, found := strings.Cut(text, ".")
	token, err := access.ParseToken(tokenText)
	if !found || err != nil {
		return token, "", ticket, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	parts := strings.Split(string(raw), " ")
	if err != nil || len(parts) != ticketParts {
		return token, "", ticket, false
	}
	return token, string(raw), feedbackTicket{queueID: parts[1], language: parts[2], date: parts[3]}, true
}

// ticketParts is how many parts a payload has.
const ticketParts = 4

// SubmitFeedback submits answers.
func (s feedbackService) SubmitFeedback(
	ctx context.Context, req *kuplav1.SubmitFeedbackRequest,
) (*kuplav1.SubmitFeedbackResponse, error) {
	ticket, hash, ok, err := s.openTicket(ctx, req.GetFeedbackToken())
	if err != nil {
		return nil, err
	}
	if !ok {
		// Counted like a bad credential, which it is.
		s.limiter.AllowAll(s.now(), access.Charge{Scope: access.AddressBadCredentials, Key: callFrom(ctx).address.Key()})
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_FEEDBACK_TOKEN_INVALID)
	}
	survey := feedback.Default()
	if q, ok := s.catalogue.Book().Queue(ticket.queueID); ok {
		survey = q.Survey
	}
	response := responseOf(req.GetAnswers())
	if problems := feedback.Validate(survey, response); len(problems) > 0 {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_ANSWER_INVALID,
			"question_id", problems[0].QuestionID, "problem", problems[0].Problem, "index", strconv.Itoa(problems[0].Index))
	}
	for _, a := range response {
		if identity.ContainsCode(a.Text) {
			return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_IDENTITY_CODE_IN_TEXT)
		}
	}
	answers, err := encodeAnswers(response)
	if err != nil {
		return nil, err
	}
	_, err = s.store.Change(ctx, store.Request{}, store.Rows{}, func(w *store.Work) error {
		w.SubmitFeedback(hash, store.Feedback{
			QueueID: ticket.queueID, Language: ticket.language, Date: dateOf(w.Now), Answers: answers,
		})
		return nil
	})
	// The token is used up: this is a repeat, and the first answers stand. Whether they were the same cannot
	// be told, because nothing links them to the token.
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return nil, err
	}
	return &kuplav1.SubmitFeedbackResponse{}, nil
}

func (t feedbackTicket) expired(now time.Time) bool {
	closed, err := queue.ParseDate(t.date)
	if err != nil {
		return true
	}
	today, err := queue.ParseDate(dateOf(now))
	return err != nil || today.Compare(closed) < 0 || today.Compare(closed.AddDays(ticketDays)) > 0
}

// helsinki is where the service's days begin and end.
var helsinki = func() *time.Location {
	l, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		panic(fmt.Sprintf("the time zone database is linked in and has no Helsinki: %v", err))
	}
	return l
}()

func dateOf(t time.Time) string { return t.In(helsinki).Format(time.DateOnly) }

// encodeAnswers makes what is kept of answers: the contract's message, without the token. It is made anew of
// what was looked at, so that nothing else that was sent is kept.
func encodeAnswers(response feedback.Response) ([]byte, error) {
	m := &kuplav1.SubmitFeedbackRequest{}
	for _, a := range response {
		answer := &kuplav1.SurveyAnswer{QuestionId: a.QuestionID}
		switch a.Kind {
		case feedback.Scored:
			answer.Value = &kuplav1.SurveyAnswer_Score{Score: int32(a.Score)}
		case feedback.CannotSay:
			answer.Value = &kuplav1.SurveyAnswer_CannotSay{CannotSay: true}
		case feedback.Written:
			answer.Value = &kuplav1.SurveyAnswer_Text{Text: a.Text}
		}
		m.Answers = append(m.Answers, answer)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

func decodeAnswers(b []byte) (feedback.Response, error) {
	var m kuplav1.SubmitFeedbackRequest
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("decode answers: %w", err)
	}
	return responseOf(m.GetAnswers()), nil
}

func responseOf(answers []*kuplav1.SurveyAnswer) feedback.Response {
	var response feedback.Response
	for _, a := range answers {
		answer := feedback.Answer{QuestionID: a.GetQuestionId()}
		switch v := a.GetValue().(type) {
		case *kuplav1.SurveyAnswer_Score:
			answer.Kind, answer.Score = feedback.Scored, int(v.Score)
		case *kuplav1.SurveyAnswer_CannotSay:
			if v.CannotSay {
				answer.Kind = feedback.CannotSay
			}
		case *kuplav1.SurveyAnswer_Text:
			answer.Kind, answer.Text = feedback.Written, v.Text
		}
		response = append(response, answer)
	}
	return response
}

// maxSummaryDays is how many days one summary may be about.
const maxSummaryDays = 366

// SummarizeFeedback sums up the answers of a time, by queue.
func (s feedbackService) SummarizeFeedback(
	ctx context.Context, req *kuplav1.SummarizeFeedbackRequest,
) (*kuplav1.SummarizeFeedbackResponse, error) {
	c := callFrom(ctx)
	first, err1 := queue.ParseDate(req.GetStartDate())
	last, err2 := queue.ParseDate(req.GetEndDate())
	if err1 != nil || err2 != nil || last.Compare(first) < 0 || last.Compare(first.AddDays(maxSummaryDays)) > 0 {
		return nil, refuse(kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST,
			"field", "start_date, end_date", "problem", "give two days of the calendar, the first not after the last, at most 366 apart")
	}
	queueIDs := slices.DeleteFunc(s.queueIDs(nil), func(id string) bool { return !slices.Contains(c.Staff.QueueIDs, id) })
	if id := req.GetQueueId(); id != "" {
		if err := s.myQueue(c, id); err != nil {
			return nil, err
		}
		queueIDs = []string{id}
	}
	rows, err := s.store.Feedback(ctx, queueIDs, first.String(), last.String())
	if err != nil {
		return nil, err
	}
	end := last.AddDays(1)
	closed, err := s.store.ClosedCounts(ctx,
		time.Date(first.Year, first.Month, first.Day, 0, 0, 0, 0, helsinki),
		time.Date(end.Year, end.Month, end.Day, 0, 0, 0, 0, helsinki))
	if err != nil {
		return nil, err
	}
	responses := map[string][]feedback.Response{}
	for _, row := range rows {
		r, err := decodeAnswers(row.Answers)
		if err != nil {
			return nil, err
		}
		responses[row.QueueID] = append(responses[row.QueueID], r)
	}
	out := &kuplav1.SummarizeFeedbackResponse{}
	for _, id := range queueIDs {
		q, ok := s.catalogue.Book().Queue(id)
		if !ok {
			continue
		}
		out.Queues = append(out.Queues, summaryProto(id, closed[id], feedback.Summarize(q.Survey, responses[id])))
	}
	return out, nil
}

func summaryProto(queueID string, closed int, sum feedback.Summary) *kuplav1.QueueFeedback {
	out := &kuplav1.QueueFeedback{
		QueueId:       queueID,
		ResponseCount: int32(sum.Responses),
		ClosedCount:   int32(closed),
	}
	for _, q := range sum.Questions {
		m := &kuplav1.QuestionSummary{
			Question:         catalogue.QuestionMessage(q.Question),
			ScoreCount:       int32(q.Scores),
			Mean:             q.Mean,
			NetPromoterScore: q.NetPromoterScore,
			CannotSayCount:   int32(q.CannotSay),
			TextCount:        int32(q.Texts),
		}
		for _, n := range q.Counts {
			m.Scores = append(m.Scores, &kuplav1.ScoreCount{Score: int32(n.Score), Count: int32(n.Count)})
		}
		out.Questions = append(out.Questions, m)
	}
	return out
}
