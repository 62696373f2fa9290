package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const operatingDocument = "../../../docs/operating.md"

// Every key of the configuration is in the document, in a table of its part, with the default that it has.
func TestOperatingDocumentHasEveryKey(t *testing.T) {
	text, err := os.ReadFile(operatingDocument)
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedKeys(string(text))
	s := defaultSettings()
	keys := keysOf(&s)
	if len(keys) < 20 {
		t.Fatalf("found only the keys %v", keys)
	}
	for path, want := range defaultsOf("", reflect.ValueOf(s)) {
		got, ok := documented[path]
		switch {
		case !ok:
			t.Errorf("%s does not name %q in the table of its part", operatingDocument, path)
		case got != want:
			t.Errorf("%s tells the default of %s to be %s; it is %s", operatingDocument, path, got, want)
		}
		delete(documented, path)
	}
	for path := range documented {
		t.Errorf("%s documents %q, and there is no such key", operatingDocument, path)
	}
}

// defaultsOf are the keys and their defaults as the document writes them. A rate is one key there.
func defaultsOf(prefix string, part reflect.Value) map[string]string {
	found := map[string]string{}
	for field, value := range part.Fields() {
		path := prefix + field.Tag.Get("yaml")
		rate, isRate := reflect.TypeAssert[rateSetting](value)
		text := field.Tag.Get("default")
		switch {
		case isRate:
			text = fmt.Sprintf("`{per_second: %s, burst: %d}`", format(reflect.ValueOf(rate.PerSecond)), rate.Burst)
		case isPart(value.Type()):
			maps.Copy(found, defaultsOf(path+".", value))
			continue
		case text != "": // What depends on the machine is told in words.
		case value.Kind() == reflect.Slice, value.Kind() == reflect.String && value.Len() == 0:
			text = "none"
		default:
			text = "`" + format(value) + "`"
		}
		found[path] = text
	}
	return found
}

// documentedKeys are the keys of the document's tables and what stands in the column of the default. A table belongs
// to the part that is named in bold before it.
func documentedKeys(text string) map[string]string {
	part, keys := "", map[string]string{}
	inTable := false
	for line := range strings.Lines(text) {
		if found := regexp.MustCompile("^\\*\\*`([a-z_]+)`\\*\\*").FindStringSubmatch(line); found != nil {
			part = found[1] + "."
		}
		cells := strings.Split(line, "|")
		switch {
		case len(cells) < 4:
			inTable = false
		case strings.TrimSpace(cells[1]) == "key":
			inTable = true
		case inTable:
			for _, name := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[1], -1) {
				keys[part+name[1]] = strings.TrimSpace(cells[2])
			}
		}
	}
	return keys
}

// The example of the document is a configuration that the server takes.
func TestOperatingDocumentExample(t *testing.T) {
	text, err := os.ReadFile(operatingDocument)
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(text)
	if example == nil {
		t.Fatalf("%s has no example", operatingDocument)
	}
	path := filepath.Join(t.TempDir(), "kupla.yaml")
	if err := os.WriteFile(path, example[1], 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	config := s.app()
	if config.RPC.WaitingPerAddress != 20 || len(config.RPC.Addresses.Exceptions) != 1 || len(s.http().AllowedOrigins) != 1 {
		t.Errorf("the example sets %+v", config.RPC)
	}
}

// What the document refers to within itself is there.
func TestOperatingDocumentLinks(t *testing.T) {
	text, err := os.ReadFile(operatingDocument)
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^#+ (.*)$").FindAllStringSubmatch(string(text), -1) {
		plain := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(found[1]), "")
		headings["#"+strings.ReplaceAll(plain, " ", "-")] = true
	}
	for _, found := range regexp.MustCompile(`\]\((#[^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
		if !headings[found[1]] {
			t.Errorf("%s refers to %s, which it does not have", operatingDocument, found[1])
		}
	}
}
