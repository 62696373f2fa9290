package cli

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// settingsFile is the file of settings. It is kept as it was written, comments and order included, so that
// changing one setting changes nothing else.
type settingsFile struct {
	server   string
	language string
	output   string
	servers  map[string]string // addresses, by name

	document yaml.Node
}

// settingsError tells what in the file cannot be gone by.
type settingsError struct {
	line int
	say  func(t *settingsTexts) string
}

// Error describes the error.
func (e *settingsError) Error() string {
	return fmt.Sprintf("line %d: %s", e.line, e.say(&textsEnglish.Settings))
}

// readSettings reads the file of settings.
func readSettings(path string) (*settingsFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseSettings(data)
}

// parseSettings reads what is in a file of settings. What it does not know it refuses, so that a mistyped
// setting does not go unnoticed.
func parseSettings(data []byte) (*settingsFile, error) {
	f := &settingsFile{servers: make(map[string]string)}
	if err := yaml.Unmarshal(data, &f.document); err != nil {
		return nil, notYAML(err)
	}
	err := eachEntry(f.top(), func(key, value *yaml.Node) error {
		if key.Value == settingServers {
			return eachEntry(value, f.takeServer)
		}
		field := f.field(key.Value)
		if field == nil {
			return unknownSetting(key)
		}
		return takeText(value, field)
	})
	if err != nil {
		return nil, err
	}
	if _, known := parseLanguage(f.language); f.language != "" && !known {
		return nil, &settingsError{f.lineOf(settingLanguage), func(t *settingsTexts) string {
			return fill(t.BadValue, "value", f.language, "key", settingLanguage, "values", "fi, sv, en")
		}}
	}
	if f.output != "" && !slices.Contains(outputs, f.output) {
		return nil, &settingsError{f.lineOf(settingOutput), func(t *settingsTexts) string {
			return fill(t.BadValue, "value", f.output, "key", settingOutput, "values", strings.Join(outputs, ", "))
		}}
	}
	return f, nil
}

// notYAML tells where a file stops being YAML. The library says the line within its text only.
func notYAML(err error) error {
	line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if n, err := fmt.Sscanf(text, "line %d:", &line); n == 1 && err == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return &settingsError{line, func(t *settingsTexts) string { return fill(t.NotYAML, "error", text) }}
}

func unknownSetting(key *yaml.Node) error {
	return &settingsError{key.Line, func(t *settingsTexts) string {
		return fill(t.UnknownKey, "key", key.Value, "keys", strings.Join(append(slices.Clone(settingNames), settingServers), ", "))
	}}
}

// takeServer takes a named server.
func (f *settingsFile) takeServer(key, value *yaml.Node) error {
	if !serverName.MatchString(key.Value) || key.Value == localHost {
		return &settingsError{key.Line, func(t *settingsTexts) string { return fill(t.BadServerName, "name", key.Value) }}
	}
	var address string
	if err := takeText(value, &address); err != nil {
		return err
	}
	if _, ok := parseServer(address); !ok {
		return &settingsError{value.Line, func(t *settingsTexts) string { return fill(t.BadAddress, "value", address) }}
	}
	f.servers[key.Value] = address
	return nil
}

// takeText takes a value that is one text.
func takeText(value *yaml.Node, into *string) error {
	if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
		return &settingsError{value.Line, func(t *settingsTexts) string { return t.NotText }}
	}
	*into = value.Value
	return nil
}

// eachEntry goes through a mapping. Nothing at all counts as an empty one.
func eachEntry(mapping *yaml.Node, take func(key, value *yaml.Node) error) error {
	if mapping == nil || mapping.Kind == yaml.ScalarNode && mapping.Tag == "!!null" {
		return nil
	}
	if mapping.Kind != yaml.MappingNode {
		return &settingsError{mapping.Line, func(t *settingsTexts) string { return t.NotMapping }}
	}
	seen := make(map[string]bool)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if seen[key.Value] {
			return &settingsError{key.Line, func(t *settingsTexts) string { return fill(t.TwiceKey, "key", key.Value) }}
		}
		seen[key.Value] = true
		if err := take(key, value); err != nil {
			return err
		}
	}
	return nil
}

// top returns the mapping that the whole file is, or nil when it is empty.
func (f *settingsFile) top() *yaml.Node {
	if len(f.document.Content) == 0 {
		return nil
	}
	return f.document.Content[0]
}

// field returns where a setting is kept, or nil when there is no such setting.
func (f *settingsFile) field(name string) *string {
	switch name {
	case settingServer:
		return &f.server
	case settingLanguage:
		return &f.language
	case settingOutput:
		return &f.output
	default:
		return nil
	}
}

// get returns a setting, or nothing.
func (f *settingsFile) get(name string) string {
	if field := f.field(name); field != nil {
		return *field
	}
	return f.servers[strings.TrimPrefix(name, settingServers+".")]
}

// serverNames returns the named servers in the order of their names.
func (f *settingsFile) serverNames() []string { return slices.Sorted(maps.Keys(f.servers)) }

// lineOf returns the line of a setting.
func (f *settingsFile) lineOf(name string) int {
	top := f.top()
	for i := 0; i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == name {
			return top.Content[i+1].Line
		}
	}
	return 0
}

// set changes a setting: a name of settingNames, or "servers." and the name of a server. An empty value
// removes it.
func (f *settingsFile) set(name, value string) {
	if f.top() == nil || f.top().Kind != yaml.MappingNode {
		f.document = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	mapping := f.top()
	if server, ok := strings.CutPrefix(name, settingServers+"."); ok {
		servers := entry(mapping, settingServers)
		if servers == nil || servers.Kind != yaml.MappingNode {
			removeEntry(mapping, settingServers)
			servers = &yaml.Node{Kind: yaml.MappingNode}
			mapping.Content = append(mapping.Content, text(settingServers), servers)
		}
		setEntry(servers, server, value)
		if len(servers.Content) == 0 {
			removeEntry(mapping, settingServers)
		}
		return
	}
	setEntry(mapping, name, value)
}

func text(value string) *yaml.Node {
	node := new(yaml.Node)
	node.SetString(value)
	return node
}

func entry(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func setEntry(mapping *yaml.Node, key, value string) {
	switch node := entry(mapping, key); {
	case value == "":
		removeEntry(mapping, key)
	case node == nil:
		mapping.Content = append(mapping.Content, text(key), text(value))
	default:
		node.SetString(value)
	}
}

func removeEntry(mapping *yaml.Node, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = slices.Delete(mapping.Content, i, i+2)
			return
		}
	}
}

// write writes the file, whole or not at all. What is to be written is read once more before, so that no
// change can leave a file that the next run refuses.
func (f *settingsFile) write(path string) error {
	var data bytes.Buffer
	if len(f.top().Content) > 0 {
		encoder := yaml.NewEncoder(&data)
		encoder.SetIndent(2)
		if err := errors.Join(encoder.Encode(&f.document), encoder.Close()); err != nil {
			return err
		}
	}
	if _, err := parseSettings(data.Bytes()); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the file that a symbolic link leads to is replaced, not the link
	}
	return writePrivate(path, data.Bytes())
}
