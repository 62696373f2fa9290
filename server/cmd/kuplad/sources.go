package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// environmentPrefix is what the names of our variables begin with.
const environmentPrefix = "KUPLA_"

// clientVariables are those of the command line client: the same shell may have them, and they say nothing to a server.
var clientVariables = []string{"KUPLA_CONFIG", "KUPLA_LANGUAGE", "KUPLA_OUTPUT", "KUPLA_SERVER", "KUPLA_TOKEN"}

// key is one setting.
type key struct {
	// path is its name in the file, with the names of the parts that it is in: limits.request_bytes.
	path string
	// tag has its bounds.
	tag reflect.StructTag
	// value is where it is kept.
	value reflect.Value
}

// variable is its name in the environment.
func (k key) variable() string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

// keysOf are the keys of settings, in their order.
func keysOf(s *settings) []key {
	return partKeys("", reflect.ValueOf(s).Elem())
}

func partKeys(prefix string, part reflect.Value) []key {
	var keys []key
	for field, value := range part.Fields() {
		path := prefix + field.Tag.Get("yaml")
		if isPart(value.Type()) {
			keys = append(keys, partKeys(path+".", value)...)
			continue
		}
		keys = append(keys, key{path: path, tag: field.Tag, value: value})
	}
	return keys
}

// isPart tells whether a field has keys of its own. An address prefix is a struct, too, and one value.
func isPart(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[netip.Prefix]()
}

// mistake is something in the configuration that cannot be meant.
type mistake struct {
	// path is the key; empty for the whole.
	path string
	// source is where it was said; empty is nowhere.
	source string
	// text says what is wrong and what to do.
	text string
}

func (m mistake) String() string {
	var b strings.Builder
	b.WriteString(m.path)
	if m.source != "" {
		if m.path != "" {
			b.WriteString(" ")
		}
		fmt.Fprintf(&b, "(%s)", m.source)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(m.text)
	return b.String()
}

// mistakesError is all of them.
type mistakesError []mistake

func (m mistakesError) Error() string {
	if len(m) == 1 {
		return "the configuration has a mistake:\n  " + m[0].String()
	}
	lines := []string{fmt.Sprintf("the configuration has %d mistakes:", len(m))}
	for _, one := range m {
		lines = append(lines, "  "+one.String())
	}
	return strings.Join(lines, "\n")
}

// layers are where settings come from. What is later goes before what is earlier: the defaults, the file, the
// environment, the command line.
type layers struct {
	settings settings
	// sources tells where a key that is not the default came from.
	sources  map[string]string
	mistakes mistakesError
}

// readSettings reads the configuration of a file and of the environment; no path is no file. All that cannot be meant
// is told at once.
func readSettings(path string) (settings, error) {
	l := readLayers(path, os.Environ(), nil)
	return l.settings, l.err()
}

// readLayers reads the configuration of a file, an environment and the flags of a command that are settings.
func readLayers(path string, environment []string, flags *pflag.FlagSet) *layers {
	l := &layers{settings: defaultSettings(), sources: map[string]string{}}
	if path != "" {
		l.readFile(path)
	}
	l.readEnvironment(environment)
	if flags != nil {
		l.readFlags(flags)
	}
	return l
}

// err is what was wrong, as the command line tells it.
func (l *layers) err() error {
	if len(l.mistakes) == 0 {
		return nil
	}
	return &usageError{l.mistakes}
}

func (l *layers) wrongf(path, source, format string, args ...any) {
	l.mistakes = append(l.mistakes, mistake{path, source, fmt.Sprintf(format, args...)})
}

// readFile takes in a YAML file.
func (l *layers) readFile(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		l.wrongf("", "", "it cannot be read: %v", err)
		return
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return
	} else if err != nil {
		l.wrongf("", path, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		l.wrongf("", path, "there is more than one document; put all keys into one")
	}
	l.readPart("", path, document.Content[0], reflect.ValueOf(&l.settings).Elem())
}

// at tells where in a file something stands.
func at(file string, node *yaml.Node) string { return fmt.Sprintf("%s:%d", file, node.Line) }

// plain is the node that an alias stands for.
func plain(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// isEmpty tells whether a key stands there without a value, as when all below it is commented out.
func isEmpty(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// readPart takes in the keys of a part of the settings.
func (l *layers) readPart(prefix, file string, node *yaml.Node, part reflect.Value) {
	if isEmpty(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		l.wrongf(strings.TrimSuffix(prefix, "."), at(file, node), "this has keys of its own; give them below it, such as %q",
			part.Type().Field(0).Tag.Get("yaml")+": …")
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i], plain(node.Content[i+1])
		path, where := prefix+name.Value, at(file, name)
		field, found := fieldOf(part, name.Value)
		switch {
		case !found:
			l.wrongf(path, where, "there is no such key%s", didYouMean(path, l.paths()))
		case seen[name.Value]:
			l.wrongf(path, where, "it stands there a second time; leave one out")
		case isPart(field.value.Type()):
			l.readPart(path+".", file, value, field.value)
		default:
			field.path = path
			l.readValue(field, file, value)
		}
		seen[name.Value] = true
	}
}

// fieldOf finds a field by the name of its key.
func fieldOf(part reflect.Value, name string) (key, bool) {
	for field, value := range part.Fields() {
		if field.Tag.Get("yaml") == name {
			return key{path: name, tag: field.Tag, value: value}, true
		}
	}
	return key{}, false
}

// readValue takes in the value of a key.
func (l *layers) readValue(k key, file string, node *yaml.Node) {
	where := at(file, node)
	if isEmpty(node) {
		if k.value.Kind() != reflect.Slice {
			l.wrongf(k.path, where, "it has no value; give one, or leave the key out")
		}
		return
	}
	switch {
	case k.value.Kind() == reflect.Slice:
		l.readList(k, file, node)
	case node.Kind != yaml.ScalarNode:
		l.wrongf(k.path, where, "give one value, and no list and no keys")
	default:
		l.set(k, where, node.Value)
	}
}

// readList takes in a list.
func (l *layers) readList(k key, file string, node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		l.wrongf(k.path, at(file, node), "give a list, such as [%s]", strings.TrimSpace(node.Value))
		return
	}
	list := reflect.MakeSlice(k.value.Type(), len(node.Content), len(node.Content))
	before := len(l.mistakes)
	for i, one := range node.Content {
		element := key{path: fmt.Sprintf("%s[%d]", k.path, i), tag: k.tag, value: list.Index(i)}
		if isPart(element.value.Type()) {
			l.readElement(element, file, plain(one))
		} else {
			l.readValue(element, file, plain(one))
		}
	}
	if len(l.mistakes) == before {
		k.value.Set(list)
		l.sources[k.path] = at(file, node)
	}
}

// readElement takes in an element of a list that has keys of its own, all of which are needed.
func (l *layers) readElement(k key, file string, node *yaml.Node) {
	before := len(l.mistakes)
	l.readPart(k.path+".", file, node, k.value)
	if len(l.mistakes) > before {
		return
	}
	for _, needed := range partKeys(k.path+".", k.value) {
		if needed.value.IsZero() {
			l.wrongf(needed.path, at(file, node), "it is missing")
		}
	}
}

// readEnvironment takes in the variables.
func (l *layers) readEnvironment(environment []string) {
	keys := map[string]key{}
	var names []string
	for _, k := range keysOf(&l.settings) {
		keys[k.variable()] = k
		names = append(names, k.variable())
	}
	for _, one := range slices.Sorted(slices.Values(environment)) {
		name, value, _ := strings.Cut(one, "=")
		if !strings.HasPrefix(name, environmentPrefix) || slices.Contains(clientVariables, name) {
			continue
		}
		k, found := keys[name]
		if !found {
			l.wrongf("", "environment", "%s is no setting%s", name, didYouMean(name, names))
			continue
		}
		// Compose files and scripts cannot leave a variable out, only leave it empty.
		if value != "" {
			l.setWords(k, "environment "+name, strings.Split(value, ","))
		}
	}
}

// settingFlags are the flags that are settings, by the path of the key.
var settingFlags = map[string]string{
	"listen": "listen", "database": "database", "debug_listen": "debug-listen",
	"web.enabled": "web", "web.frame_ancestors": "frame-ancestor", "web.themes": "themes",
}

// addSettingFlags gives a command the flags that are settings. Their values are read by readLayers.
func addSettingFlags(flags *pflag.FlagSet) {
	d := defaultSettings()
	flags.String("listen", "", "address to serve on (default "+d.Listen+")")
	flags.String("database", "", "SQLite file, or address of a PostgreSQL database (default "+d.Database+")")
	flags.String("debug-listen", "", "address to serve metrics and profiles on, this machine's own only (default none)")
	flags.Bool("web", true, "serve the web client: /kupla-chat.js and /chat/")
	flags.StringArray("frame-ancestor", nil,
		"origin of pages that may have the chat on them, such as https://www.example.fi; may be given many times (default our own only)")
	flags.String("themes", "", "folder of themes of your own (default none)")
}

// readFlags takes in the command line.
func (l *layers) readFlags(flags *pflag.FlagSet) {
	for _, k := range keysOf(&l.settings) {
		flag := flags.Lookup(settingFlags[k.path])
		if flag == nil || !flag.Changed {
			continue
		}
		words := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			words = list.GetSlice()
		}
		l.setWords(k, "--"+flag.Name, words)
	}
}

// setWords sets a key to the words of a list, or to the one value that they are when it is no list.
func (l *layers) setWords(k key, source string, words []string) {
	if k.value.Kind() != reflect.Slice {
		l.set(k, source, strings.Join(words, ","))
		return
	}
	list := reflect.MakeSlice(k.value.Type(), 0, len(words))
	before := len(l.mistakes)
	for _, word := range words {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		element := reflect.New(k.value.Type().Elem()).Elem()
		l.set(key{path: k.path, tag: k.tag, value: element}, source, word)
		list = reflect.Append(list, element)
	}
	if len(l.mistakes) == before {
		k.value.Set(list)
		l.sources[k.path] = source
	}
}

// set sets a key, or an element of one that is a list.
func (l *layers) set(k key, source, text string) {
	if err := setText(k.value, text); err != nil {
		l.wrongf(k.path, source, "%v", err)
		return
	}
	if words := strings.Fields(k.tag.Get("of")); len(words) > 0 && !slices.Contains(words, text) {
		l.wrongf(k.path, source, "%q is none of %s", text, strings.Join(words, ", "))
		return
	}
	// Bounds are looked at here and not of all at the end, so that a mistake is told with its place.
	for _, bounded := range append([]key{k}, elementKeys(k)...) {
		if problem := outOfBounds(bounded); problem != "" {
			l.wrongf(bounded.path, source, "%s", problem)
			return
		}
	}
	l.sources[k.path] = source
}

// elementKeys are the keys of an element that was given as one word.
func elementKeys(k key) []key {
	if !isPart(k.value.Type()) {
		return nil
	}
	return partKeys(k.path+".", k.value)
}

// texter is a setting that reads itself.
type texter interface{ setText(text string) error }

// setText reads a value.
func setText(value reflect.Value, text string) error {
	if own, ok := reflect.TypeAssert[texter](value.Addr()); ok {
		return own.setText(text)
	}
	switch to := value.Addr().Interface().(type) {
	case *string:
		*to = text
	case *bool:
		switch text {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return fmt.Errorf("%q is neither true nor false", text)
		}
	case *int:
		number, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number; write it in digits alone, such as 65536", text)
		}
		*to = number
	case *float64:
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return fmt.Errorf("%q is no number; give one such as 0.5", text)
		}
		*to = number
	case *time.Duration:
		duration, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no time; give one with its unit, such as 30s or 1h30m", text)
		}
		*to = duration
	case *netip.Prefix:
		prefix, err := parsePrefix(text)
		if err != nil {
			return err
		}
		*to = prefix
	default:
		return fmt.Errorf("nothing reads a %s", value.Type())
	}
	return nil
}

// outOfBounds tells what to give instead when a number or a time is outside of its bounds, and nothing otherwise.
func outOfBounds(k key) string {
	value, ok := number(k.value)
	if !ok {
		return ""
	}
	bound := func(name string) (text string, at float64) {
		if text = k.tag.Get(name); text == "" {
			return "", 0
		}
		limit := reflect.New(k.value.Type()).Elem()
		if err := setText(limit, text); err != nil {
			panic(fmt.Sprintf("%s: %s: %v", k.path, name, err)) // A mistake of the program; TestBounds finds it.
		}
		at, _ = number(limit)
		return text, at
	}
	smallest, low := bound("min")
	largest, high := bound("max")
	none, without := bound("none")
	switch {
	case none != "" && value == without,
		(smallest == "" || value >= low) && (largest == "" || value <= high):
		return ""
	case none != "":
		none = ", or " + none + " for no limit"
	}
	said := format(k.value)
	switch {
	case largest == "":
		return fmt.Sprintf("%s is too little; give at least %s%s", said, smallest, none)
	case smallest == "":
		return fmt.Sprintf("%s is too much; give at most %s%s", said, largest, none)
	default:
		return fmt.Sprintf("%s is out of bounds; give %s to %s%s", said, smallest, largest, none)
	}
}

// number is a value that can be compared.
func number(value reflect.Value) (float64, bool) {
	switch {
	case value.CanInt():
		return float64(value.Int()), true
	case value.CanFloat():
		return value.Float(), true
	default:
		return 0, false
	}
}

// format writes a value as setText reads it.
func format(value reflect.Value) string {
	switch value := value.Interface().(type) {
	case time.Duration:
		// 1h0m0s says no more than 1h.
		text := value.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	default:
		return fmt.Sprint(value)
	}
}

// paths are the paths of all keys.
func (l *layers) paths() []string {
	var paths []string
	for _, k := range keysOf(&l.settings) {
		paths = append(paths, k.path)
	}
	return paths
}

// didYouMean names the likeliest of the names that there are, when one is near.
func didYouMean(name string, names []string) string {
	best, nearest := "", 1+len(name)/4
	for _, one := range names {
		if d := editDistance(name, one); d < nearest {
			best, nearest = one, d
		}
	}
	if best == "" {
		return "; see docs/operating.md for those there are"
	}
	return "; is " + best + " meant?"
}

// editDistance is how many letters are to be added, taken away or exchanged to make one word of another.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above+1, row[j]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
