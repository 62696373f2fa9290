package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const operatingDocument = "../../../docs/operating.md"

// keysOf are the keys of a configuration, those of its parts included.
func keysOf(typ reflect.Type) []string {
	var keys []string
	for field := range typ.Fields() {
		keys = append(keys, field.Tag.Get("yaml"))
		part := field.Type
		if part.Kind() == reflect.Slice {
			part = part.Elem()
		}
		if part.Kind() == reflect.Struct {
			keys = append(keys, keysOf(part)...)
		}
	}
	return keys
}

// Every key of the configuration is documented.
func TestOperatingDocumentHasEveryKey(t *testing.T) {
	text, err := os.ReadFile(operatingDocument)
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(reflect.TypeFor[settings]())
	if len(keys) < 20 {
		t.Fatalf("found only the keys %v", keys)
	}
	for _, key := range keys {
		if !strings.Contains(string(text), "`"+key) {
			t.Errorf("%s does not name %q", operatingDocument, key)
		}
	}
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
	config, err := s.app()
	if err != nil {
		t.Fatal(err)
	}
	if config.RPC.WaitingPerAddress != 20 || len(config.RPC.Addresses.Exceptions) != 1 || len(s.http().AllowedOrigins) != 1 {
		t.Errorf("the example sets %+v", config.RPC)
	}
}
