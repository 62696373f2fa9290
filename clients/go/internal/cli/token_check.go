package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// tokenCheck is what the service tells about a token. The contract has no call that tells who one is, so each
// part is asked where it can be: the desk's first snapshot names a professional, and the other calls tell by
// their refusal what the token may not do.
type tokenCheck struct {
	Server       string               `json:"server"`
	Source       string               `json:"source"`
	Valid        bool                 `json:"valid"`
	Professional *checkedProfessional `json:"professional"`
	// Desk tells whether it may follow the desk: professionals and supervisors do.
	Desk bool `json:"desk"`
	// Feedback tells whether it may sum up feedback: supervisors do.
	Feedback bool `json:"feedback"`
	// Catalogue tells whether it may change the catalogue: admins do.
	Catalogue bool `json:"catalogue"`
}

// checkedProfessional is whose desk the token opens.
type checkedProfessional struct {
	ID        string   `json:"id"`
	Name      string   `json:"display_name"`
	Queues    []string `json:"queue_ids"`
	Languages []string `json:"languages"`
}

// checkToken asks the service about the token that counts.
func (a *app) checkToken(ctx context.Context) error {
	token, source, err := a.findToken(ctx)
	if err != nil {
		return err
	}
	if token == "" {
		return a.noToken()
	}
	a.token = token
	client := a.quickClient()
	defer client.Close()

	check := tokenCheck{Server: a.server, Source: source, Valid: true}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	today := time.Now().In(a.zone).Format(time.DateOnly)
	for _, part := range []struct {
		may *bool
		ask func() error
	}{
		{&check.Desk, func() error { return check.lookAtDesk(ctx, client) }},
		{&check.Feedback, func() error {
			_, err := client.FeedbackService().SummarizeFeedback(ctx,
				&kuplav1.SummarizeFeedbackRequest{StartDate: today, EndDate: today})
			return err
		}},
		{&check.Catalogue, func() error {
			_, err := client.CatalogueService().ExportCatalogue(ctx, &kuplav1.ExportCatalogueRequest{})
			return err
		}},
	} {
		// Being refused for one's role is an answer. That the token is not good, or that the service cannot be
		// reached, is a failure.
		err := part.ask()
		if *part.may = err == nil; err != nil && connect.CodeOf(err) != connect.CodePermissionDenied {
			return err
		}
	}
	if a.inJSON() {
		return a.printValue(check, nil)
	}
	return a.printCheck(&check)
}

// checkTimeout is how long all of it may take.
const checkTimeout = 15 * time.Second

// lookAtDesk takes in who the desk belongs to, from the first frame, which is a snapshot. It looks no longer
// than that: a followed desk is a professional at work.
func (c *tokenCheck) lookAtDesk(ctx context.Context, client *kupla.Client) error {
	stream, err := client.DeskService().WatchDesk(ctx, &kuplav1.WatchDeskRequest{})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	frame, err := stream.Receive()
	if err != nil {
		return err
	}
	who := frame.GetSnapshot().GetProfessional()
	c.Professional = &checkedProfessional{
		ID: who.GetId(), Name: who.GetDisplayName(),
		Queues: append([]string{}, who.GetQueueIds()...), Languages: append([]string{}, who.GetLanguages()...),
	}
	return nil
}

// printCheck prints what the service told, and what it does not tell.
func (a *app) printCheck(check *tokenCheck) error {
	t := &a.texts.Settings
	rows := [][]string{{t.CheckServer, check.Server}, {t.CheckSource, check.Source}, {t.CheckValid, t.Yes}}
	if who := check.Professional; who != nil {
		var languages []string
		for _, code := range who.Languages {
			languages = append(languages, a.languageName(code))
		}
		rows = append(rows,
			[]string{t.CheckWho, fmt.Sprintf("%s (%s)", oneLine(who.Name), who.ID)},
			[]string{t.CheckQueues, strings.Join(who.Queues, ", ")},
			[]string{t.CheckLanguages, strings.Join(languages, ", ")})
	} else {
		rows = append(rows, []string{t.CheckWho, t.CheckWhoUnknown})
	}
	yesNo := map[bool]string{true: t.Yes, false: t.No}
	rows = append(rows,
		[]string{t.CheckDesk, yesNo[check.Desk]},
		[]string{t.CheckFeedback, yesNo[check.Feedback]},
		[]string{t.CheckCatalogue, yesNo[check.Catalogue]})
	return a.write([]byte(table(rows) + t.CheckNotTold + "\n"))
}
