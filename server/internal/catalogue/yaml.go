package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// ParseYAML reads a catalogue: the contract's message in its JSON form, written in YAML, with the enum names of
// the wire and field names as in the contract or as in JSON (opening_hours or openingHours). Fields that the
// contract does not have are refused. Errors name the line.
//
// Dates and times of day may stand without quotes. Text that looks like a number, as a phone number does, may not.
// Anchors and aliases may be used, merge keys not. What is read may still be invalid; see Validate.
func ParseYAML(data []byte) (*kuplav1.Catalogue, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("line 1: there is nothing in the file; write a catalogue")
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document in the file; write one catalogue")
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: write a catalogue: its fields, such as queues", root.Line)
	}
	w := &jsonWriter{line: 1}
	if err := w.node(root, 0); err != nil {
		return nil, err
	}
	m := &kuplav1.Catalogue{}
	if err := protojson.Unmarshal(w.json, m); err != nil {
		return nil, lineError(err)
	}
	return m, nil
}

// Bounds on what aliases may unfold into. An ordinary catalogue is some thousand nodes, six deep, some ten thousand bytes.
const (
	maxNodes = 200_000
	maxDepth = 50
	maxBytes = 16 << 20
)

// jsonWriter writes JSON whose lines are those of the YAML that it comes from, so that what is said of a line of
// the one holds for the other.
type jsonWriter struct {
	json  []byte
	line  int
	nodes int
}

func (w *jsonWriter) node(n *yaml.Node, depth int) error {
	w.nodes++
	if w.nodes > maxNodes || depth > maxDepth || len(w.json) > maxBytes {
		return fmt.Errorf("line %d: the file is too large, or nested too deeply", n.Line)
	}
	for w.line < n.Line {
		w.json = append(w.json, '\n')
		w.line++
	}
	switch n.Kind {
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		w.json = append(w.json, '[')
		for i, element := range n.Content {
			if i > 0 {
				w.json = append(w.json, ',')
			}
			if err := w.node(element, depth+1); err != nil {
				return err
			}
		}
		w.json = append(w.json, ']')
		return nil
	case yaml.AliasNode:
		// What the alias stands for is on an earlier line; it is written on the line of the alias.
		return w.node(n.Alias, depth+1)
	default:
		return w.scalar(n)
	}
}

func (w *jsonWriter) mapping(n *yaml.Node, depth int) error {
	w.json = append(w.json, '{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		if i > 0 {
			w.json = append(w.json, ',')
		}
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			return fmt.Errorf("line %d: write the name of a field, such as queues", key.Line)
		}
		if err := w.node(key, depth+1); err != nil {
			return err
		}
		w.json = append(w.json, ':')
		if err := w.node(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.json = append(w.json, '}')
	return nil
}

func (w *jsonWriter) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		text, err := json.Marshal(n.Value)
		if err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		w.json = append(w.json, text...)
	case "!!null":
		w.json = append(w.json, "null"...)
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		w.json = strconv.AppendBool(w.json, b)
	case "!!int":
		var i int64
		if err := n.Decode(&i); err != nil {
			return fmt.Errorf("line %d: %q is not a whole number that can be read", n.Line, n.Value)
		}
		w.json = strconv.AppendInt(w.json, i, 10)
	default:
		return fmt.Errorf("line %d: a catalogue has text, whole numbers, true and false; put %q in quotes if it is text",
			n.Line, n.Value)
	}
	return nil
}

// jsonPosition is how the protobuf library says where an error is. Its texts are not promised: when they
// change, a test fails, and until then errors are told as they come.
var jsonPosition = regexp.MustCompile(`\(line (\d+):\d+\): (.*)$`)

// lineError tells an error of the library by the line alone: the column is that of the JSON, which nobody has seen.
func lineError(err error) error {
	found := jsonPosition.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	line, problem := found[1], found[2]
	if strings.HasPrefix(problem, "invalid value for string") {
		problem += "; put text that looks like something else in quotes"
	}
	return fmt.Errorf("line %s: %s", line, problem)
}

// FormatYAML writes a catalogue as ParseYAML reads it, with the contract's field names and nothing that is
// output only. The error is that of text that is not valid UTF-8.
func FormatYAML(m *kuplav1.Catalogue) ([]byte, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(normal(m))
	if err != nil {
		return nil, fmt.Errorf("format catalogue: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	root, err := readNode(decoder)
	if err != nil {
		return nil, fmt.Errorf("format catalogue: %w", err)
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("format catalogue: %w", err)
	}
	return text.Bytes(), nil
}

// readNode reads one value, with the members of objects in their order, which a map would lose.
func readNode(decoder *json.Decoder) (*yaml.Node, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		n := &yaml.Node{}
		// Encode picks the quotes that the text needs to be text again.
		if number, ok := token.(json.Number); ok {
			n.Kind, n.Tag, n.Value = yaml.ScalarNode, "!!int", number.String()
			return n, nil
		}
		if err := n.Encode(token); err != nil {
			return nil, err
		}
		return n, nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if delim == '{' {
		n.Kind = yaml.MappingNode
	}
	scalars := true
	for decoder.More() {
		child, err := readNode(decoder)
		if err != nil {
			return nil, err
		}
		scalars = scalars && child.Kind == yaml.ScalarNode
		n.Content = append(n.Content, child)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	// Lists of words, and spans of hours, are easier to read on one line.
	if scalars && len(n.Content) > 0 && (n.Kind == yaml.SequenceNode || n.Content[0].Value == "start") {
		n.Style = yaml.FlowStyle
	}
	return n, nil
}
