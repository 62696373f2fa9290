package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The forms of what commands for scripts print.
const (
	// outputTable is for people: aligned columns, in the language of the interface.
	outputTable = "table"
	// outputJSON is for programs: the contract's messages as JSON, one object a line.
	outputJSON = "json"
)

// inJSON reports whether programs are to read what is printed.
func (a *app) inJSON() bool { return a.output == outputJSON }

// line returns a message of the contract as one line of JSON, with the fields named as in the contract's JSON
// and those with default values in it. The library varies the space between tokens on purpose; a script shall
// not see that.
func line(message proto.Message) ([]byte, error) {
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	return compact(data)
}

func compact(data []byte) ([]byte, error) {
	var text bytes.Buffer
	if err := json.Compact(&text, data); err != nil {
		return nil, err
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// lostOutput tells that what a script waits for could not be written. There is nobody to go on for.
type lostOutput struct{ error }

// Unwrap returns the error itself.
func (l lostOutput) Unwrap() error { return l.error }

// write writes to the output, which scripts read: unlike with people it matters whether it could be written.
func (a *app) write(text []byte) error {
	if len(text) == 0 {
		return nil // nothing can be lost of it
	}
	if _, err := a.stdout.Write(text); err != nil {
		return lostOutput{err}
	}
	return nil
}

// print prints a message: as JSON, or as the text that words returns.
func (a *app) print(message proto.Message, words func() string) error {
	if !a.inJSON() {
		return a.write([]byte(words()))
	}
	data, err := line(message)
	if err != nil {
		return err
	}
	return a.write(data)
}

// printValue prints a value that is not of the contract, as JSON or as the text that words returns.
func (a *app) printValue(value any, words func() string) error {
	if !a.inJSON() {
		return a.write([]byte(words()))
	}
	data, err := marshalPlain(value)
	if err != nil {
		return err
	}
	return a.write(data)
}

// rawJSON is JSON to be embedded as it is.
func rawJSON(data []byte) json.RawMessage { return bytes.TrimRight(data, "\n") }

// marshalPlain encodes a value as one line of JSON, letters such as < as they are.
func marshalPlain(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// facts sets names and values in two columns. Values with several lines go on below their first one, and
// values that are empty are left out.
func facts(pairs ...string) string {
	var rows [][]string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		name := pairs[i]
		for text := range strings.Lines(clean(pairs[i+1])) {
			rows = append(rows, []string{name, strings.TrimRight(text, "\n")})
			name = ""
		}
	}
	return table(rows)
}

// readText returns the text that a command is about: the argument, the content of the file, or stdin where
// either is "-". Nothing is taken off the text but the line break at its end, and the last is what a shell adds.
func (a *app) readText(argument, file string) (string, error) {
	switch {
	case argument != "" && file != "":
		return "", usageError{a.texts.Script.TextTwice}
	case argument == "" && file == "":
		return "", usageError{a.texts.Script.TextMissing}
	case argument != "" && argument != "-":
		return argument, nil
	case argument == "-":
		file = argument
	}
	data, err := a.readFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", usageError{a.texts.Script.TextMissing}
	}
	return text, nil
}

// maxInput is the most that is read of a file or of stdin: far above what the service takes of anything.
const maxInput = 16 << 20

// readFile reads a file, or stdin when it is called "-".
func (a *app) readFile(name string) ([]byte, error) {
	reader, done, err := a.openInput(name)
	if err != nil {
		return nil, err
	}
	defer done()
	data, err := io.ReadAll(io.LimitReader(reader, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = errors.New("> 16 MB")
	}
	if err != nil {
		return nil, errors.New(fill(a.texts.Script.NotRead, "file", name, "error", err))
	}
	return data, nil
}

// listing prints a list: as JSON one item a line as they come, otherwise as a table at the end, when it is
// known how wide its columns are.
type listing struct {
	app  *app
	rows [][]string
}

// header begins a list with the names of the columns.
func (s *script) header(labels ...string) *listing {
	var row []string
	for _, label := range labels {
		row = append(row, strings.ToUpper(s.label(label)))
	}
	return &listing{app: s.app, rows: [][]string{row}}
}

// add adds a row for people.
func (l *listing) add(cells ...string) {
	if !l.app.inJSON() {
		l.rows = append(l.rows, cells)
	}
}

// item prints an item for programs.
func (l *listing) item(message proto.Message) error {
	if !l.app.inJSON() {
		return nil
	}
	data, err := line(message)
	if err != nil {
		return err
	}
	return l.app.write(data)
}

// end prints the table.
func (l *listing) end() error {
	if l.app.inJSON() {
		return nil
	}
	return l.app.write([]byte(table(l.rows)))
}
