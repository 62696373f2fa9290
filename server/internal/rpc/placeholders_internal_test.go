package rpc

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strings"
	"testing"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/chat"
)

// Wherever a refusal is made, it is given every value that its text names: no caller is ever told of "{queue_id}".
func TestPlaceholdersAreFilled(t *testing.T) {
	checked := map[kuplav1.ErrorReason]bool{}
	calls := 0
	for _, folder := range []string{".", "../chat"} {
		domain := domainReasons(t)
		for _, file := range parseFolder(t, folder) {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				name := nameOf(call.Fun)
				if name != "Refuse" && (folder != "." || name != "refuse" && name != "refuseLater") {
					return true // in package chat, refuse makes a cell of the table
				}
				reason, ok := reasonOf(call.Args[0], domain)
				if !ok {
					return true // the functions themselves hand on what they were given
				}
				calls++
				checked[reason] = true
				if call.Ellipsis != token.NoPos {
					return true // gathered before the call: TestEveryReason has these
				}
				given := literalKeys(call.Args[1:])
				if name == "refuseLater" {
					given = append(given, "retry_delay")
				}
				for _, m := range placeholder.FindAllStringSubmatch(refusals[reason].text, -1) {
					if !slices.Contains(given, m[1]) {
						t.Errorf("%v is refused with %q, and its text names %s: %s", reason, given, m[1], refusals[reason].text)
					}
				}
				return true
			})
		}
	}
	// What the table refuses is told of the conversation alone.
	for _, row := range chat.Table {
		for _, cell := range row {
			reason := kuplav1.ErrorReason(kuplav1.ErrorReason_value["ERROR_REASON_"+string(cell.Refusal)])
			for _, m := range placeholder.FindAllStringSubmatch(refusals[reason].text, -1) {
				checked[reason] = true
				if m[1] != "conversation_id" {
					t.Errorf("%v is refused by the table, and its text names %s", reason, m[1])
				}
			}
		}
	}
	if calls < 60 || len(checked) < 40 {
		t.Errorf("%d calls with %d reasons were found: the source was not read", calls, len(checked))
	}
}

func parseFolder(t *testing.T, folder string) []*ast.File {
	t.Helper()
	packages, err := parser.ParseDir(token.NewFileSet(), folder, func(f fs.FileInfo) bool { //nolint:staticcheck // No build tags.
		return !strings.HasSuffix(f.Name(), "_test.go")
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, p := range packages {
		for _, file := range p.Files {
			files = append(files, file)
		}
	}
	return files
}

// nameOf is the last part of a function's name.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// domainReasons are the reasons of package chat, by the name of their constant.
func domainReasons(t *testing.T) map[string]kuplav1.ErrorReason {
	t.Helper()
	found := map[string]kuplav1.ErrorReason{}
	for _, file := range parseFolder(t, "../chat") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || nameOf(spec.Type) != "Reason" || len(spec.Values) != 1 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				found[spec.Names[0].Name] = kuplav1.ErrorReason(kuplav1.ErrorReason_value["ERROR_REASON_"+strings.Trim(literal.Value, `"`)])
			}
			return true
		})
	}
	return found
}

// reasonOf is the reason that an expression names.
func reasonOf(e ast.Expr, domain map[string]kuplav1.ErrorReason) (kuplav1.ErrorReason, bool) {
	name := nameOf(e)
	if reason, ok := domain[name]; ok {
		return reason, true
	}
	value, ok := kuplav1.ErrorReason_value[strings.TrimPrefix(name, "ErrorReason_")]
	return kuplav1.ErrorReason(value), ok
}

// literalKeys are the words among arguments: the keys, and values that are words.
func literalKeys(args []ast.Expr) []string {
	var keys []string
	for _, arg := range args {
		if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			keys = append(keys, strings.Trim(literal.Value, `"`))
		}
	}
	return keys
}

// The texts say what to do in words for people: no names of our own, no exclamation, one language.
func TestRefusalTexts(t *testing.T) {
	for reason, r := range refusals {
		if !strings.HasSuffix(r.text, ".") || strings.Contains(r.text, "  ") || strings.Contains(r.text, "ERROR_REASON") {
			t.Errorf("%v: %q", reason, r.text)
		}
	}
}
