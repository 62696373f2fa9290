package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/kupla-chat/kupla/server/internal/access"
	"github.com/kupla-chat/kupla/server/internal/store"
	"github.com/kupla-chat/kupla/server/internal/store/postgres"
	"github.com/kupla-chat/kupla/server/internal/store/sqlite"
)

// tokenLife is how long a staff token lives unless told otherwise, and how long it may live at most.
const tokenLife = 90 * 24 * time.Hour

// maxCapacity is how many conversations one professional may have at once at most.
const maxCapacity = 100

func tokenCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke staff tokens",
		Long: "Make, list and revoke the personal access tokens of staff. A running server knows a new token at once\n" +
			"and forgets a revoked one within 15 seconds.",
	}
	read := databaseFlags(c.PersistentFlags())
	open := func(ctx context.Context) (staffStore, error) {
		s, err := read()
		if err != nil {
			return nil, err
		}
		return s.openStaff(ctx)
	}
	c.AddCommand(tokenCreateCommand(open), tokenListCommand(open), tokenRevokeCommand(open))
	return c
}

// openStaff opens the database of the settings for an administrator's command.
func (s settings) openStaff(ctx context.Context) (staffStore, error) {
	if !isPostgres(s.Database) {
		return sqlite.OpenShared(ctx, s.Database)
	}
	dsn, err := s.dsn()
	if err != nil {
		return nil, fmt.Errorf("read the password of the database: %w", err)
	}
	return postgres.OpenShared(ctx, dsn)
}

// staffStore is what these commands need of a store that servers may have open at the same time.
type staffStore interface {
	Staff(ctx context.Context, id string) (store.Staff, error)
	PutStaff(ctx context.Context, s store.Staff) error
	StaffTokens(ctx context.Context) ([]store.StaffToken, error)
	PutStaffToken(ctx context.Context, t store.StaffToken) error
	Close() error
}

type opener func(context.Context) (staffStore, error)

func tokenCreateCommand(open opener) *cobra.Command {
	var s store.Staff
	var roles, tokenRoles []string
	var label string
	var life time.Duration
	c := &cobra.Command{
		Use:   "create STAFF-ID",
		Short: "Make a token for a staff member, who is added when new",
		Long: "Make a token for a staff member and print it, once. What is said of the staff member is kept for all of\n" +
			"their tokens; what is left out stays as it was.",
		Example: "  kuplad token create kaisa --name \"Sairaanhoitaja Kaisa\" --role professional \\\n" +
			"    --queue emergency-help --queue oral-health --language fi --language sv",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s.ID = args[0]
			for _, r := range roles {
				s.Roles = append(s.Roles, store.Role(r))
			}
			st, err := open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			merged, err := mergeStaff(cmd.Context(), st, s)
			if err != nil {
				return err
			}
			if life <= 0 || life > tokenLife {
				return &usageError{fmt.Errorf("--expires: give up to %s", tokenLife)}
			}
			token, err := access.NewToken(access.KindStaff)
			if err != nil {
				return err
			}
			now := time.Now()
			row := store.StaffToken{
				Hash: token.Hash(), ID: uuid.NewString()[:8], Label: label, StaffID: merged.ID,
				CreateTime: now, ExpireTime: now.Add(life),
			}
			for _, r := range tokenRoles {
				if !slices.Contains(merged.Roles, store.Role(r)) {
					return &usageError{fmt.Errorf("--only-role: %s does not have the role %s", merged.ID, r)}
				}
				row.Roles = append(row.Roles, store.Role(r))
			}
			if err := st.PutStaff(cmd.Context(), merged); err != nil {
				return err
			}
			if err := st.PutStaffToken(cmd.Context(), row); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), token.Reveal())
			fmt.Fprintf(cmd.ErrOrStderr(), "Token %s of %s, good until %s. It is shown this once; keep it safe.\n",
				row.ID, merged.ID, row.ExpireTime.Format(time.DateOnly))
			return nil
		},
	}
	c.Flags().StringVar(&s.DisplayName, "name", "", "name shown to residents and colleagues")
	c.Flags().StringSliceVar(&roles, "role", nil, "role: professional, supervisor or admin; may be repeated")
	c.Flags().StringSliceVar(&s.QueueIDs, "queue", nil, "queue they answer; may be repeated")
	c.Flags().StringSliceVar(&s.Languages, "language", nil, "language they speak: fi, sv or en; may be repeated")
	c.Flags().IntVar(&s.Capacity, "capacity", 0, "how many conversations at once (default 3)")
	c.Flags().StringSliceVar(&tokenRoles, "only-role", nil, "give this token only these of their roles")
	c.Flags().StringVar(&label, "label", "", "what the token is for, to tell it from others in the list")
	c.Flags().DurationVar(&life, "expires", tokenLife, "how long the token is good")
	return c
}

// mergeStaff fills what was left out from what is known of the staff member, and checks the whole.
func mergeStaff(ctx context.Context, st staffStore, s store.Staff) (store.Staff, error) {
	old, err := st.Staff(ctx, s.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	if s.DisplayName == "" {
		s.DisplayName = old.DisplayName
	}
	if s.Roles == nil {
		s.Roles = old.Roles
	}
	if s.QueueIDs == nil {
		s.QueueIDs = old.QueueIDs
	}
	if s.Languages == nil {
		s.Languages = old.Languages
	}
	if s.Capacity == 0 {
		s.Capacity = max(old.Capacity, 3) //nolint:mnd // The default that the flag's help names.
	}
	var problems []string
	if s.DisplayName == "" {
		problems = append(problems, "give --name")
	}
	if len(s.Roles) == 0 {
		problems = append(problems, "give --role")
	}
	for _, r := range s.Roles {
		if !slices.Contains([]store.Role{store.RoleProfessional, store.RoleSupervisor, store.RoleAdmin}, r) {
			problems = append(problems, fmt.Sprintf("--role: there is no role %q; give professional, supervisor or admin", r))
		}
	}
	for _, l := range s.Languages {
		if !slices.Contains([]string{"fi", "sv", "en"}, l) {
			problems = append(problems, fmt.Sprintf("--language: %q is none of fi, sv and en", l))
		}
	}
	if slices.Contains(s.Roles, store.RoleProfessional) && (len(s.QueueIDs) == 0 || len(s.Languages) == 0) {
		problems = append(problems, "a professional needs --queue and --language")
	}
	if s.Capacity < 1 || s.Capacity > maxCapacity {
		problems = append(problems, fmt.Sprintf("--capacity: give 1 to %d", maxCapacity))
	}
	if len(problems) > 0 {
		return s, &usageError{errors.New(strings.Join(problems, "; "))}
	}
	return s, nil
}

func tokenListCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the staff tokens, without the tokens themselves",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			st, err := open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			tokens, err := st.StaffTokens(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSTAFF\tLABEL\tCREATED\tEXPIRES\tSTATE")
			now := time.Now()
			for _, t := range tokens {
				state := "good"
				switch {
				case !t.RevokeTime.IsZero():
					state = "revoked"
				case !t.ExpireTime.IsZero() && !now.Before(t.ExpireTime):
					state = "expired"
				}
				expires := "never"
				if !t.ExpireTime.IsZero() {
					expires = t.ExpireTime.Format(time.DateOnly)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n",
					t.ID, t.StaffID, t.Label, t.CreateTime.Format(time.DateOnly), expires, state)
			}
			return w.Flush()
		},
	}
}

func tokenRevokeCommand(open opener) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke TOKEN-ID",
		Short: "Revoke a staff token, by its id in the list",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			st, err := open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			tokens, err := st.StaffTokens(cmd.Context())
			if err != nil {
				return err
			}
			for _, t := range tokens {
				if t.ID != args[0] {
					continue
				}
				if t.RevokeTime.IsZero() {
					t.RevokeTime = time.Now()
					if err := st.PutStaffToken(cmd.Context(), t); err != nil {
						return err
					}
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Token %s of %s is revoked.\n", t.ID, t.StaffID)
				return nil
			}
			return fmt.Errorf("there is no token %q; see kuplad token list", args[0])
		},
	}
}
