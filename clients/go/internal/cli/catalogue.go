package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"buf.build/go/protoyaml"
	"connectrpc.com/connect/v2"
	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kupla-chat/kupla/clients/go/kupla"
	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// catalogueCommand holds what an administrator does with the catalogue, which can so be kept as a file under
// version control.
func (a *app) catalogueCommand() *cobra.Command {
	return a.group("catalogue",
		a.catalogueExport(), a.catalogueValidate(), a.catalogueDiff(), a.catalogueApply())
}

// catalogueFile is a catalogue as it stands in a file.
type catalogueFile struct {
	name      string
	catalogue *kuplav1.Catalogue
	// etag is what the file says about which catalogue it was made from, if it does.
	etag string
	root *yaml.Node // to tell lines by
}

// etagLine is how an export says which catalogue it is. It is a comment to YAML.
var etagLine = regexp.MustCompile(`(?m)^# etag: ([0-9a-zA-Z]{1,100})\r?$`)

// readCatalogue reads a file, YAML or JSON, which is YAML too.
func (a *app) readCatalogue(args []string) (*catalogueFile, error) {
	if len(args) == 0 {
		return nil, usageError{a.texts.Script.WhichFile}
	}
	data, err := a.readFile(args[0])
	if err != nil {
		return nil, err
	}
	f := &catalogueFile{name: args[0], catalogue: &kuplav1.Catalogue{}}
	wrong := func(err error) error {
		return codedError{
			code: ExitInvalid, kind: connect.CodeInvalidArgument, reason: kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID,
			text: fill(a.texts.Script.NotCatalogue, "file", f.name, "error", strings.TrimSpace(err.Error())),
		}
	}
	var document yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	if err := documents.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, wrong(err)
	}
	if next := new(yaml.Node); !errors.Is(documents.Decode(next), io.EOF) {
		// Only the first would be read, and what stands in the others would be taken for applied.
		return nil, wrong(errors.New(fill(a.texts.Script.SecondDocument, "file", f.name, "line", next.Line)))
	}
	if len(document.Content) == 0 || document.Content[0].Kind != yaml.MappingNode {
		return nil, wrong(errors.New(a.texts.Script.EmptyCatalogue))
	}
	f.root = document.Content[0]
	if twice := a.keyTwice(f.name, f.root); twice != "" {
		return nil, wrong(errors.New(twice))
	}
	reader := protoyaml.UnmarshalOptions{Path: f.name}
	if inner := child(f.root, "catalogue"); inner != nil { // what "export --output json" prints
		exported := &kuplav1.ExportCatalogueResponse{}
		if err := reader.Unmarshal(data, exported); err != nil {
			return nil, wrong(err)
		}
		f.root, f.catalogue, f.etag = inner, exported.GetCatalogue(), exported.GetEtag()
		return f, nil
	}
	if err := reader.Unmarshal(data, f.catalogue); err != nil {
		return nil, wrong(err)
	}
	if found := etagLine.FindSubmatch(data); found != nil {
		f.etag = string(found[1])
	}
	return f, nil
}

// keyTwice tells which field is there twice in one place, or returns nothing. The reader would go by one of them
// and drop the other.
func (a *app) keyTwice(name string, node *yaml.Node) string {
	if node.Kind == yaml.MappingNode {
		lines := make(map[string]int)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			same := fieldName(key.Value)
			if first, known := lines[same]; known {
				return fill(a.texts.Script.KeyTwice, "file", name, "line", key.Line, "key", key.Value, "first", first)
			}
			lines[same] = key.Line
		}
	}
	for _, inner := range node.Content {
		if twice := a.keyTwice(name, inner); twice != "" {
			return twice
		}
	}
	return ""
}

// fieldName returns what is the same in the names that a field has in the contract and in its JSON.
func fieldName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// pathStep is one step of a path, such as "queues" or "[2]".
var pathStep = regexp.MustCompile(`[^.\[\]]+|\[\d+\]`)

// lineOf returns the line of the file that a path of the service is about, or of the nearest thing around it.
func (f *catalogueFile) lineOf(path string) int {
	node := f.root
	found := node.Line
	for _, step := range pathStep.FindAllString(path, -1) {
		next := child(node, step)
		if next == nil {
			break
		}
		node, found = next, next.Line
	}
	return found
}

// child returns what a step of a path leads to.
func child(node *yaml.Node, step string) *yaml.Node {
	if number, ok := strings.CutPrefix(step, "["); ok {
		i, err := strconv.Atoi(strings.TrimSuffix(number, "]"))
		if err != nil || node.Kind != yaml.SequenceNode || i >= len(node.Content) {
			return nil
		}
		return node.Content[i]
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if fieldName(node.Content[i].Value) == fieldName(step) {
			return node.Content[i+1]
		}
	}
	return nil
}

// explainInvalid adds to a refusal of a catalogue where in the file each problem is.
func (a *app) explainInvalid(f *catalogueFile, err error) error {
	if kupla.ReasonOf(err) != kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID {
		return err
	}
	metadata := kupla.Metadata(err)
	var lines []string
	for i := 1; ; i++ {
		suffix := ""
		if i > 1 {
			suffix = "_" + strconv.Itoa(i)
		}
		problem, ok := metadata["problem"+suffix]
		if !ok {
			break
		}
		path := metadata["path"+suffix]
		lines = append(lines, fmt.Sprintf("%s:%d: %s: %s", f.name, f.lineOf(path), path, problem))
	}
	if all, err := strconv.Atoi(metadata["problems"]); err == nil && all > len(lines) {
		lines = append(lines, fill(a.texts.Script.MoreProblems, "count", all-len(lines)))
	}
	return codedError{
		code: ExitInvalid, kind: connect.CodeInvalidArgument, reason: kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_INVALID,
		text: strings.Join(lines, "\n"), cause: err,
	}
}

// formatCatalogue writes a catalogue as YAML, with the contract's field names and without what is output only.
func formatCatalogue(catalogue proto.Message) (string, error) {
	data, err := protoyaml.MarshalOptions{UseProtoNames: true, Indent: 2}.Marshal(catalogue) //nolint:mnd // As the service's own.
	return string(data), err
}

// withoutOutput returns a copy of a catalogue without what is output only.
func withoutOutput(catalogue *kuplav1.Catalogue) *kuplav1.Catalogue {
	own := proto.CloneOf(catalogue)
	if own == nil {
		return &kuplav1.Catalogue{}
	}
	clearVersion := func(survey *kuplav1.Survey) {
		if survey != nil {
			survey.Version = ""
		}
	}
	clearVersion(own.GetDefaultSurvey())
	for _, queue := range own.GetQueues() {
		queue.NoticeVersion = ""
		clearVersion(queue.GetSurvey())
	}
	return own
}

func (a *app) catalogueExport() *cobra.Command {
	s := &script{app: a}
	var file string
	var withEtag bool
	cmd := a.command("catalogue export", "", 0, func(cmd *cobra.Command, _ []string) error {
		client := s.client()
		defer client.Close()
		res, err := export(cmd.Context(), client)
		if err != nil {
			return err
		}
		var text []byte
		if s.inJSON() {
			if text, err = line(res); err != nil {
				return err
			}
		} else {
			written, err := formatCatalogue(withoutOutput(res.GetCatalogue()))
			if err != nil {
				return err
			}
			if withEtag {
				written = "# etag: " + res.GetEtag() + "\n" + written
			}
			text = []byte(written)
		}
		if file == "" {
			return s.write(text)
		}
		if err := writeWhole(file, text); err != nil {
			return codedError{code: ExitFailed, text: fill(s.texts.Script.NotWritten, "file", file, "error", err)}
		}
		return nil
	})
	cmd.Flags().StringVar(&file, "file", "", a.texts.Script.Flags["export-file"])
	cmd.Flags().BoolVar(&withEtag, "with-etag", false, a.texts.Script.Flags["with-etag"])
	return s.calls(cmd)
}

// writeWhole writes a file that others may read, whole or not at all.
func writeWhole(path string, data []byte) error {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := writePrivate(path, data); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func export(ctx context.Context, client *kupla.Client) (*kuplav1.ExportCatalogueResponse, error) {
	return kupla.Call(ctx, client, &kuplav1.ExportCatalogueRequest{}, client.CatalogueService().ExportCatalogue)
}

func (a *app) catalogueValidate() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("catalogue validate", a.texts.Script.WordFile, 1, func(cmd *cobra.Command, args []string) error {
		file, err := a.readCatalogue(args)
		if err != nil {
			return err
		}
		client := s.client()
		defer client.Close()
		res, err := s.tryOut(cmd.Context(), client, file, "")
		if err != nil {
			return err
		}
		return s.print(res, func() string {
			return fill(s.texts.Script.CatalogueValid, "file", file.name) + "\n" + s.changes(res.GetChanges())
		})
	})
	return s.calls(cmd)
}

// tryOut asks the service what an apply would change, and what is wrong.
func (s *script) tryOut(
	ctx context.Context, client *kupla.Client, file *catalogueFile, etag string,
) (*kuplav1.ApplyCatalogueResponse, error) {
	res, err := kupla.Call(ctx, client, &kuplav1.ApplyCatalogueRequest{
		RequestId: newRequestID(), Catalogue: file.catalogue, ValidateOnly: true, Etag: etag,
	}, client.CatalogueService().ApplyCatalogue)
	if err != nil {
		return nil, s.explainInvalid(file, err)
	}
	return res, nil
}

// changes lists changes for people.
func (s *script) changes(changes []*kuplav1.CatalogueChange) string {
	if len(changes) == 0 {
		return s.texts.Script.NoChanges + "\n"
	}
	var rows [][]string
	for _, change := range changes {
		rows = append(rows, []string{s.texts.Script.ChangeKinds[change.GetKind()], change.GetPath()})
	}
	return table(rows)
}

func (a *app) catalogueDiff() *cobra.Command {
	s := &script{app: a}
	cmd := a.command("catalogue diff", a.texts.Script.WordFile, 1, func(cmd *cobra.Command, args []string) error {
		file, err := a.readCatalogue(args)
		if err != nil {
			return err
		}
		client := s.client()
		defer client.Close()
		differs, err := s.diff(cmd.Context(), client, file)
		switch {
		case err != nil:
			return err
		case differs:
			return codedError{code: ExitFailed, told: true}
		default:
			return nil
		}
	})
	return s.calls(cmd)
}

// diffCommand is the command whose exit code 1 tells a difference, and nothing else.
const diffCommand = "kupla catalogue diff"

// notDifferent keeps the exit code of a difference for differences, wherever else the command came to its end:
// also before it began, over its settings or its token.
func (a *app) notDifferent(err error) error {
	if err == nil {
		return nil
	}
	if failed, ok := errors.AsType[codedError](err); ok && failed.told {
		return err // the difference itself
	}
	if _, misunderstood := errors.AsType[usageError](err); misunderstood {
		return err
	}
	if a.interrupted() && errors.Is(err, context.Canceled) {
		return codedError{code: ExitUnreachable, kind: connect.CodeCanceled, cause: err}
	}
	if exitCodeOf(err) != ExitFailed {
		return err
	}
	return codedError{code: ExitInternal, text: err.Error(), cause: err}
}

// diff prints what would change, and reports whether anything would.
func (s *script) diff(ctx context.Context, client *kupla.Client, file *catalogueFile) (bool, error) {
	now, err := export(ctx, client)
	if err != nil {
		return false, err
	}
	// The etag makes sure that both answers are about the same catalogue.
	res, err := s.tryOut(ctx, client, file, now.GetEtag())
	if err != nil {
		return false, err
	}
	for _, change := range res.GetChanges() {
		err := s.print(change, func() string { return s.difference(change, now.GetCatalogue(), file.catalogue) })
		if err != nil {
			return false, err
		}
	}
	return len(res.GetChanges()) > 0, nil
}

// difference tells one change line by line.
func (s *script) difference(change *kuplav1.CatalogueChange, before, after *kuplav1.Catalogue) string {
	title := s.texts.Script.ChangeKinds[change.GetKind()] + ": " + change.GetPath() + "\n"
	old, now := part(withoutOutput(before), change.GetPath()), part(withoutOutput(after), change.GetPath())
	text := udiff.Unified("-", "+", old, now)
	// What stands for the names of files says nothing here.
	if _, rest, ok := strings.Cut(text, "\n+++ +\n"); ok {
		text = rest
	}
	return clean(title + text)
}

// part returns what a path of a change is about, as YAML: a field, a member by its id, or the order of a list.
func part(catalogue *kuplav1.Catalogue, path string) string {
	name, id, isMember := strings.Cut(path, "/")
	message := catalogue.ProtoReflect()
	field := message.Descriptor().Fields().ByName(protoreflect.Name(name))
	if field == nil || !message.Has(field) {
		return ""
	}
	if !field.IsList() {
		only := message.New()
		only.Set(field, message.Get(field))
		text, _ := formatCatalogue(only.Interface()) // of what was read, which can be written
		return text
	}
	var order strings.Builder
	list := message.Get(field).List()
	for i := range list.Len() {
		member := list.Get(i).Message()
		own := member.Get(member.Descriptor().Fields().ByName("id")).String()
		if isMember && own == id {
			text, _ := formatCatalogue(member.Interface())
			return text
		}
		order.WriteString("- " + own + "\n")
	}
	if isMember {
		return ""
	}
	return order.String()
}

func (a *app) catalogueApply() *cobra.Command {
	s := &script{app: a}
	var etag string
	var yes bool
	cmd := a.command("catalogue apply", a.texts.Script.WordFile, 1, func(cmd *cobra.Command, args []string) error {
		file, err := a.readCatalogue(args)
		if err != nil {
			return err
		}
		if etag == "" {
			etag = file.etag
		}
		client := s.client()
		defer client.Close()
		return s.applyCatalogue(cmd.Context(), client, file, etag, yes)
	})
	cmd.Flags().StringVar(&etag, "etag", "", a.texts.Script.Flags["etag"])
	cmd.Flags().BoolVar(&yes, "yes", false, a.texts.Script.Flags["yes"])
	return s.writes(cmd, &kuplav1.ApplyCatalogueRequest{})
}

// applyCatalogue shows what would change, asks, and applies exactly that: the etag of what was shown goes with
// it, so a change that somebody makes in between is not undone unseen.
func (s *script) applyCatalogue(
	ctx context.Context, client *kupla.Client, file *catalogueFile, etag string, yes bool,
) error {
	tried, err := s.tryOut(ctx, client, file, etag)
	if etag != "" && kupla.ReasonOf(err) == kuplav1.ErrorReason_ERROR_REASON_CATALOGUE_CHANGED {
		// It may have become what the file says: by this very command, when the answer was lost the last time.
		if now, again := s.tryOut(ctx, client, file, ""); again == nil && len(now.GetChanges()) == 0 {
			return s.print(now, func() string { return fill(s.texts.Script.AlreadyApplied, "file", file.name) + "\n" })
		}
	}
	if err != nil {
		return err
	}
	if s.dryRun {
		return s.print(tried, func() string { return s.texts.Script.DryRunApply + "\n" + s.changes(tried.GetChanges()) })
	}
	if len(tried.GetChanges()) == 0 {
		return s.print(tried, func() string { return s.changes(nil) })
	}
	if !yes && s.atTerminal() {
		if _, err := fmt.Fprint(s.stderr, s.changes(tried.GetChanges())); err != nil {
			return err
		}
		if !s.confirmed(ctx) {
			return codedError{code: ExitFailed, text: s.texts.Script.NotApplied}
		}
	}
	err = runWrite(ctx, s, client, write[*kuplav1.ApplyCatalogueRequest, *kuplav1.ApplyCatalogueResponse]{
		request: &kuplav1.ApplyCatalogueRequest{Catalogue: file.catalogue, Etag: tried.GetEtag()},
		call:    client.CatalogueService().ApplyCatalogue,
		words: func(res *kuplav1.ApplyCatalogueResponse) string {
			return s.changes(res.GetChanges()) + facts(s.label("etag"), res.GetEtag())
		},
	})
	if again, ok := errors.AsType[repeatable](err); ok {
		return again
	}
	if err != nil {
		return s.explainInvalid(file, err)
	}
	return nil
}

// confirmed asks whether to go on.
func (s *script) confirmed(ctx context.Context) bool {
	asking := newConsole(s.stdin, s.stderr, s.env)
	defer asking.close()
	answer, ok := asking.ask(ctx, s.texts.Script.AskApply)
	return ok && slices.Contains(s.texts.YesWords, strings.ToLower(answer))
}
