package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
	"github.com/kupla-chat/kupla/server/internal/app/apptest"
	"github.com/kupla-chat/kupla/server/internal/catalogue"
	"github.com/kupla-chat/kupla/server/internal/demo"
	"github.com/kupla-chat/kupla/server/internal/rpc"
	"github.com/kupla-chat/kupla/server/internal/store"
)

// outcome is what must come of a bad request.
type outcome int

const (
	// either: an answer, or a clear refusal. It is for what is odd but breaks no rule of the contract.
	either outcome = iota
	// invalid: INVALID_REQUEST with the rules that it breaks.
	invalid
	// undecodable: INVALID_REQUEST.
	undecodable
	// refused: a clear refusal.
	refused
	// tooLarge: REQUEST_TOO_LARGE.
	tooLarge
)

// badRequest is one request as it goes over the wire.
type badRequest struct {
	name   string
	codec  string // proto or json
	body   []byte // one message
	raw    bool   // body is all of the HTTP body, also of a stream
	header http.Header
	want   outcome
}

// intake sends bad requests to a server, one method at a time.
type intake struct {
	*accessOffice

	url       string
	client    *http.Client
	observer  *observer
	catalogue store.Catalogue
	bombs     map[int][]byte // what is small until it is unpacked, by the limit that it is above
	calls     int
}

// granted is a state and a caller for which the access table has a method granted.
func granted(t *testing.T, name string) (state, caller string) {
	t.Helper()
	callers, rows := readAccessTable(t)
	for _, row := range rows {
		if row.procedure != name {
			continue
		}
		for _, caller := range callers {
			if row.cells[caller] == "ok" {
				return row.state, caller
			}
		}
	}
	t.Fatalf("nobody may call %s", name)
	return "", ""
}

// Every procedure answers bad input with a clear error, whatever is wrong with it, and the store stays as it was.
func TestBadInput(t *testing.T) {
	office := newAccessOffice(t, newClock(aWednesday))
	in := &intake{
		accessOffice: office, url: office.s.Listen(rpc.HTTPConfig{}), client: &http.Client{}, bombs: map[int][]byte{},
	}
	in.observer = observe(t, office.s)
	office.s.Start(apptest.Queue) // so that there is something to be changed in every table that matters
	var err error
	if in.catalogue, err = office.s.Store.Catalogue(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range contractMethods() {
		t.Run(shortName(m), func(t *testing.T) { in.method(t, m) })
	}
	if in.calls < 1800 {
		t.Errorf("only %d bad requests were made: something of the descriptors was not gone through", in.calls)
	}
	t.Logf("%d bad requests", in.calls)
}

// method sends everything bad to one method.
func (in *intake) method(t *testing.T, m protoreflect.MethodDescriptor) {
	state, caller := granted(t, shortName(m))
	var c *accessCase
	var token string
	var good proto.Message
	var before checkpoint
	fresh := func() {
		if c != nil {
			c.end(t)
		}
		c = in.prepare(t, state)
		token = in.tokens[caller]
		if caller == "customer" {
			token = c.customer.Token
		}
		good = c.request(t, m, c.id)
		if apply, ok := good.(*kuplav1.ApplyCatalogueRequest); ok {
			apply.Catalogue = wholeCatalogue(apply.GetCatalogue())
		}
		before = in.observer.checkpoint()
	}
	fresh()
	for _, bad := range slices.Concat(in.fields(t, good), in.wire(t, m, good)) {
		in.calls++
		answer := in.post(t, m, token, bad)
		what := fmt.Sprintf("%s (%s)", bad.name, bad.codec)
		switch {
		case answer == nil && bad.want != either:
			t.Errorf("%s: was answered, want a refusal", what)
		case answer == nil:
			in.undo(t, shortName(m))
			if shortName(m) == "CatalogueService.ApplyCatalogue" {
				in.restore(t)
			}
			if in.observer.version() != before.version {
				fresh()
			}
			continue
		case answer.code == connect.CodeInternal || answer.code == connect.CodeUnknown || answer.code == connect.CodeUnavailable:
			t.Errorf("%s: %v %s: %s", what, answer.code, answer.reason, answer.message)
		case bad.want == tooLarge:
			wantReason(t, what, answer, connect.CodeResourceExhausted, kuplav1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE)
		case bad.want == undecodable || bad.want == invalid:
			wantReason(t, what, answer, connect.CodeInvalidArgument, kuplav1.ErrorReason_ERROR_REASON_INVALID_REQUEST)
		}
		if answer != nil && bad.want == invalid && !answer.violations {
			t.Errorf("%s: the refusal does not say which rule is broken: %s", what, answer.message)
		}
		// Whatever was committed since can only have been by this call.
		if in.observer.version() != before.version {
			in.observer.unchanged(t, what, before)
			fresh()
		}
	}
	in.observer.unchanged(t, "all of it", before)
	c.end(t)
}

func wantReason(t *testing.T, what string, r *refusal, code connect.Code, reason kuplav1.ErrorReason) {
	t.Helper()
	if r.code != code || "ERROR_REASON_"+r.reason != reason.String() {
		t.Errorf("%s: got %v %s: %s, want %v %v", what, r.code, r.reason, r.message, code, reason)
	}
}

// restore puts the catalogue back that an odd but valid one has replaced.
func (in *intake) restore(t *testing.T) {
	t.Helper()
	if _, err := in.s.Store.Change(t.Context(), store.Request{}, store.Rows{Catalogue: true}, func(w *store.Work) error {
		w.PutCatalogue(in.catalogue)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// wholeCatalogue is a small catalogue that is valid and in which everything is set that may be.
func wholeCatalogue(m *kuplav1.Catalogue) *kuplav1.Catalogue {
	text := func(fi string) *kuplav1.LocalizedText {
		return &kuplav1.LocalizedText{Fi: fi, Sv: fi + " (sv)", En: fi + " (en)"}
	}
	question := m.GetDefaultSurvey().GetQuestions()[0]
	m.DefaultSurvey.Questions = []*kuplav1.SurveyQuestion{question}
	find := func(id string) *kuplav1.Queue {
		return m.GetQueues()[slices.IndexFunc(m.GetQueues(), func(q *kuplav1.Queue) bool { return q.GetId() == id })]
	}
	first, second := find("oral-health"), find("emergency-help")
	second.TransferQueueIds = nil
	first.Notice, first.Phone = text("Huomio"), "+358 50 0000000"
	first.Survey = &kuplav1.Survey{Questions: []*kuplav1.SurveyQuestion{question}}
	spans := []*kuplav1.HoursSpan{{Start: "09:00", End: "10:00"}}
	first.OpeningHours.Exceptions = []*kuplav1.HoursException{
		{FirstDate: "2026-12-28", LastDate: "2026-12-30", Spans: spans, Description: text("Remontti")},
	}
	first.OpeningHours.Eves = []*kuplav1.EveHours{{Eve: kuplav1.Eve_EVE_CHRISTMAS_EVE, Spans: spans}}
	first.OpeningHours.OpenOnHolidays = true
	m.Queues = []*kuplav1.Queue{first, second}
	m.CannedReplies = m.GetCannedReplies()[:1]
	m.CannedReplies[0].QueueIds = []string{first.GetId()}
	return m
}

// post sends one request by the Connect protocol. Nil is an answer that is no refusal.
func (in *intake) post(t *testing.T, m protoreflect.MethodDescriptor, token string, bad badRequest) *refusal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	contentType, body := "application/"+bad.codec, bad.body
	if m.IsStreamingServer() {
		contentType = "application/connect+" + bad.codec
		if !bad.raw {
			body = envelope(0, body)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, in.url+procedureOf(m), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, bad.header)
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", bearer(token))
	}
	res, err := in.client.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", bad.name, err)
	}
	defer func() { _ = res.Body.Close() }()
	if m.IsStreamingServer() && res.StatusCode == http.StatusOK {
		flags, message, err := readEnvelope(res.Body)
		if err != nil {
			t.Fatalf("%s: the stream ended without saying so: %v", bad.name, err)
		}
		if flags&endOfStream == 0 {
			return nil
		}
		return readEndOfStream(t, message)
	}
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", bad.name, err)
	}
	if res.StatusCode == http.StatusOK {
		return nil
	}
	// In gRPC an error is a header, and many a proxy takes no more than 16 KiB of them.
	if len(content) > 16<<10 {
		t.Errorf("%s: an error of %d bytes", bad.name, len(content))
	}
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("%s: %s is no answer of a procedure: %s", bad.name, res.Status, content)
	}
	return readConnectError(t, content)
}

// ---- What can be wrong with the fields of a message.

// fields makes requests that are like a good one but for one field.
func (in *intake) fields(t *testing.T, good proto.Message) []badRequest {
	t.Helper()
	var all []badRequest
	add := func(name string, m proto.Message) {
		// The catalogue is large. Of its fields every seventh gets a megabyte, and every third of its requests is enough
		// to tell that JSON is decoded alike.
		_, large := m.(*kuplav1.ApplyCatalogueRequest)
		if large && strings.HasSuffix(name, longText) && len(all)%7 != 0 {
			return
		}
		renewRequestID(m, name)
		want := either
		switch {
		case protovalidate.Validate(m) != nil:
			want = invalid
		case impossible(m.ProtoReflect()):
			want = refused
		}
		body, err := proto.Marshal(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(body) > in.limit(m) {
			want = tooLarge
		}
		all = append(all, badRequest{name: name, codec: "proto", body: body, want: want})
		// What is long is so in JSON too, and some of it cannot be written as JSON, such as a time that is none.
		if text, err := protojson.Marshal(m); err == nil && !strings.HasSuffix(name, longText) && (!large || len(all)%3 == 0) {
			if len(text) > in.limit(m) {
				want = tooLarge
			}
			all = append(all, badRequest{name: name, codec: "json", body: text, want: want})
		}
	}
	// What was changed at one place is not changed at another place of the same kind: the second question of a survey
	// is like the first.
	seen := map[protoreflect.FullName]bool{}
	var walk func(path string, of proto.Message, at func(proto.Message) protoreflect.Message)
	walk = func(path string, of proto.Message, at func(proto.Message) protoreflect.Message) {
		message := at(of)
		fields := message.Descriptor().Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			key := fd.FullName()
			if seen[key] {
				continue
			}
			seen[key] = true
			here := strings.TrimPrefix(path+"."+string(fd.Name()), ".")
			for _, change := range changesOf(fd) {
				m := proto.CloneOf(of)
				if change.apply(at(m)) {
					add(here+" "+change.name, m)
				}
			}
			all = append(all, in.invalidUTF8(t, here, of, at, fd)...)
			if fd.Message() == nil || !message.Has(fd) {
				continue
			}
			if !fd.IsList() {
				walk(here, of, func(m proto.Message) protoreflect.Message { return at(m).Mutable(fd).Message() })
				continue
			}
			for j := range message.Get(fd).List().Len() {
				walk(fmt.Sprintf("%s[%d]", here, j), of, func(m proto.Message) protoreflect.Message {
					return at(m).Mutable(fd).List().Get(j).Message()
				})
			}
		}
	}
	walk("", good, func(m proto.Message) protoreflect.Message { return m.ProtoReflect() })
	return all
}

// impossible finds what no rule of the contract speaks of, and what must be refused nevertheless: numbers below zero,
// values of enums that there are not, and times that are none.
func impossible(m protoreflect.Message) (found bool) {
	if at, ok := m.Interface().(interface{ CheckValid() error }); ok && at.CheckValid() != nil {
		return true
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		values := []protoreflect.Value{v}
		if fd.IsList() {
			values = nil
			for i := range v.List().Len() {
				values = append(values, v.List().Get(i))
			}
		}
		for _, v := range values {
			switch fd.Kind() { //nolint:exhaustive // The others have no impossible values.
			case protoreflect.Int32Kind:
				found = found || v.Int() < 0
			case protoreflect.EnumKind:
				found = found || fd.Enum().Values().ByNumber(v.Enum()) == nil
			case protoreflect.MessageKind:
				found = found || impossible(v.Message())
			}
		}
		return !found
	})
	return found
}

// limit is how large a request may be.
func (in *intake) limit(m proto.Message) int {
	if _, ok := m.(*kuplav1.ApplyCatalogueRequest); ok {
		return 4 << 20
	}
	return 64 << 10
}

// renewRequestID gives a request an id of its own, unless the id is what is wrong with it.
func renewRequestID(m proto.Message, name string) {
	field := m.ProtoReflect().Descriptor().Fields().ByName("request_id")
	if field != nil && !strings.HasPrefix(name, "request_id ") {
		m.ProtoReflect().Set(field, protoreflect.ValueOfString(newUUID()))
	}
}

// longText is the name of a text that is longer than any may be.
const longText = "a megabyte"

// change is one way to spoil a field. It reports whether it did.
type change struct {
	name  string
	apply func(m protoreflect.Message) bool
}

// changesOf are the ways to spoil a field of its kind.
func changesOf(fd protoreflect.FieldDescriptor) []change {
	changes := []change{{"missing", func(m protoreflect.Message) bool {
		had := m.Has(fd)
		m.Clear(fd)
		return had
	}}}
	value := func(name string, v protoreflect.Value) {
		changes = append(changes, change{name, func(m protoreflect.Message) bool {
			if fd.IsList() {
				list := m.NewField(fd).List()
				list.Append(v)
				m.Set(fd, protoreflect.ValueOfList(list))
				return true
			}
			m.Set(fd, v)
			return true
		}})
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		if most := maxLen(fd); most > 0 {
			value("one character too long", protoreflect.ValueOfString(strings.Repeat("ä", most+1)))
		}
		value(longText, protoreflect.ValueOfString(strings.Repeat("x", 1<<20)))
		value("blank", protoreflect.ValueOfString(" \n\t"))
		value("control characters", protoreflect.ValueOfString("\x00\x1b[31m\u202e"))
		value("markup", protoreflect.ValueOfString("<script>alert('1')</script>; DROP TABLE conversation; --"))
	case protoreflect.EnumKind:
		for _, n := range []protoreflect.EnumNumber{0, 99, -1, math.MaxInt32, math.MinInt32} {
			value(fmt.Sprintf("enum number %d", n), protoreflect.ValueOfEnum(n))
		}
	case protoreflect.Int32Kind:
		for _, n := range []int32{0, -1, math.MaxInt32, math.MinInt32} {
			value(fmt.Sprintf("number %d", n), protoreflect.ValueOfInt32(n))
		}
	case protoreflect.Int64Kind:
		for _, n := range []int64{-1, math.MaxInt64, math.MinInt64, 1 << 40} {
			value(fmt.Sprintf("number %d", n), protoreflect.ValueOfInt64(n))
		}
	case protoreflect.MessageKind:
		changes = append(changes, change{"empty", func(m protoreflect.Message) bool {
			m.Clear(fd)
			if fd.IsList() {
				m.Mutable(fd).List().AppendMutable()
			} else {
				m.Mutable(fd)
			}
			return true
		}})
		if fd.Message().FullName() == "google.protobuf.Timestamp" || fd.Message().FullName() == "google.protobuf.Duration" {
			changes = append(changes, spoiltTimes(fd)...)
		}
	case protoreflect.BoolKind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind,
		protoreflect.Sfixed32Kind, protoreflect.Fixed32Kind, protoreflect.FloatKind, protoreflect.Sfixed64Kind,
		protoreflect.Fixed64Kind, protoreflect.DoubleKind, protoreflect.BytesKind, protoreflect.GroupKind:
		// Booleans cannot be wrong, and a request has none of the others: TestBadInputKnowsAllKinds.
	}
	if fd.IsList() {
		changes = append(changes, change{"two thousand times the first", func(m protoreflect.Message) bool {
			if m.Get(fd).List().Len() == 0 {
				return false
			}
			list := m.Mutable(fd).List()
			for range 2000 {
				list.Append(list.Get(0))
			}
			return true
		}})
	}
	return changes
}

// spoiltTimes set a time or a duration to what is none.
func spoiltTimes(fd protoreflect.FieldDescriptor) []change {
	var changes []change
	for _, at := range []struct {
		seconds int64
		nanos   int32
	}{{math.MaxInt64, 0}, {math.MinInt64, 0}, {0, -1}, {0, math.MaxInt32}, {-1, 0}, {-62135596801, 0}, {253402300800, 0}} {
		changes = append(changes, change{fmt.Sprintf("time %d.%d", at.seconds, at.nanos), func(m protoreflect.Message) bool {
			m.Clear(fd)
			inner := m.Mutable(fd).Message()
			inner.Set(inner.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(at.seconds))
			inner.Set(inner.Descriptor().Fields().ByName("nanos"), protoreflect.ValueOfInt32(at.nanos))
			return true
		}})
	}
	return changes
}

// maxLen is the longest that a rule of the contract has a string, or the strings of a list.
func maxLen(fd protoreflect.FieldDescriptor) int {
	options, _ := fd.Options().(*descriptorpb.FieldOptions)
	rules, _ := proto.GetExtension(options, validate.E_Field).(*validate.FieldRules)
	if fd.IsList() {
		rules = rules.GetRepeated().GetItems()
	}
	return int(rules.GetString().GetMaxLen())
}

// invalidUTF8 makes a request with a string that is none.
func (in *intake) invalidUTF8(
	t *testing.T, name string, of proto.Message, at func(proto.Message) protoreflect.Message, fd protoreflect.FieldDescriptor,
) []badRequest {
	t.Helper()
	if fd.Kind() != protoreflect.StringKind {
		return nil
	}
	const mark, broken = "MARKMARKMARK", "ab\xff\xfe\xc0\xafcd\xed\xa0\x80z"
	m := proto.CloneOf(of)
	v := protoreflect.ValueOfString(mark)
	if fd.IsList() {
		list := at(m).NewField(fd).List()
		list.Append(v)
		v = protoreflect.ValueOfList(list)
	}
	at(m).Set(fd, v)
	renewRequestID(m, name+" ")
	body, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(mark), []byte(broken)) }
	return []badRequest{
		{name: name + " no UTF-8", codec: "proto", body: spoil(body), want: undecodable},
		{name: name + " no UTF-8", codec: "json", body: spoil(text), want: undecodable},
	}
}

// ---- What can be wrong with a message as a whole.

// wire makes requests that are wrong before they are messages.
func (in *intake) wire(t *testing.T, m protoreflect.MethodDescriptor, good proto.Message) []badRequest {
	t.Helper()
	body, err := proto.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	limit := in.limit(good)
	// A request without fields can only be decoded, so what is no more than unknown is answered.
	missing := either
	if protovalidate.Validate(emptyMessage(t, m.Input())) != nil {
		missing = invalid
	}
	// An empty envelope is an empty message, also as JSON; an empty body is not.
	nothing := undecodable
	if m.IsStreamingServer() {
		nothing = missing
	}
	all := []badRequest{
		{name: "nothing", codec: "proto", want: missing},
		{name: "nothing", codec: "json", want: nothing},
		{name: "a lone byte", codec: "proto", body: []byte{0xff}, want: undecodable},
		{name: "a field that promises more than there is", codec: "proto", body: []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}, want: undecodable},
		{name: "field number 0", codec: "proto", body: []byte{0x02, 0x00}, want: undecodable},
		{name: "deep groups", codec: "proto", body: deepGroups(15_000), want: undecodable},
		{name: "unknown fields", codec: "proto", body: protowire.AppendString(protowire.AppendTag(nil, 4000, protowire.BytesType), "x"), want: missing},
		{name: "unknown fields", codec: "json", body: []byte(`{"no_such_field":{"a":[1,2,{}]}}`), want: missing},
		{name: "an object in an object in an object", codec: "json", body: []byte(strings.Repeat(`{"a":`, 10_002) + "1" + strings.Repeat("}", 10_002)), want: refused},
		{name: "a list", codec: "json", body: []byte(`[]`), want: undecodable},
		{name: "a string", codec: "json", body: []byte(`"hei"`), want: undecodable},
		{name: "null", codec: "json", body: []byte(`null`), want: undecodable},
		{name: "a number", codec: "json", body: []byte(`1`), want: undecodable},
		{name: "half an object", codec: "json", body: []byte(`{`), want: undecodable},
		{name: "two objects", codec: "json", body: []byte(`{}{}`), want: undecodable},
		{name: "too large", codec: "proto", body: protowire.AppendBytes(protowire.AppendTag(body, 4000, protowire.BytesType), make([]byte, limit)), want: tooLarge},
		{name: "too large", codec: "json", body: append([]byte("{"), bytes.Repeat([]byte(" "), limit)...), want: tooLarge},
		{name: "far too large", codec: "proto", body: make([]byte, 2*limit+16384), want: tooLarge},
	}
	if len(body) > 0 {
		all = append(all, badRequest{name: "cut short", codec: "proto", body: body[:len(body)-1], want: undecodable})
	}
	all = append(all, in.wrongTypes(m.Input())...)
	all = append(all, in.compressed(m, limit)...)
	if m.IsStreamingServer() {
		huge := binary.BigEndian.AppendUint32([]byte{0}, math.MaxUint32)
		all = append(all,
			badRequest{name: "an envelope cut short", codec: "proto", raw: true, body: []byte{0, 0, 0}, want: undecodable},
			badRequest{name: "an envelope that promises more than there is", codec: "proto", raw: true, body: append(envelope(0, nil)[:4], 9), want: undecodable},
			badRequest{name: "an envelope of four gigabytes", codec: "proto", raw: true, body: huge, want: tooLarge},
			badRequest{name: "a compressed message without a compression", codec: "proto", raw: true, body: envelope(1, body), want: refused},
			badRequest{name: "no message", codec: "proto", raw: true, want: refused},
		)
	}
	// The same noise on every run, so that what it finds can be found again.
	noise := rand.New(rand.NewPCG(uint64(len(m.FullName())), 7))
	for i := range 5 {
		raw := make([]byte, 1+noise.IntN(300))
		for j := range raw {
			raw[j] = byte(noise.Uint32())
		}
		all = append(all,
			badRequest{name: fmt.Sprintf("noise %d", i), codec: "proto", body: raw, want: either},
			badRequest{name: fmt.Sprintf("noise %d", i), codec: "json", body: raw, want: undecodable},
		)
		if len(body) == 0 {
			continue
		}
		flipped := bytes.Clone(body)
		flipped[noise.IntN(len(flipped))] ^= byte(1 + noise.IntN(255))
		all = append(all, badRequest{name: fmt.Sprintf("a flipped byte %d", i), codec: "proto", body: flipped, want: either})
	}
	return all
}

// deepGroups is a message of groups in groups.
func deepGroups(depth int) []byte {
	var b []byte
	for range depth {
		b = protowire.AppendTag(b, 2000, protowire.StartGroupType)
	}
	for range depth {
		b = protowire.AppendTag(b, 2000, protowire.EndGroupType)
	}
	return b
}

// wrongTypes sends each field as what it is not.
func (in *intake) wrongTypes(d protoreflect.MessageDescriptor) []badRequest {
	var all []badRequest
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		var values []string
		switch {
		case fd.IsList():
			values = []string{`5`, `{}`, `[[]]`, `[null]`}
		case fd.Kind() == protoreflect.StringKind:
			values = []string{`5`, `{}`, `[]`, `true`, `100190-999P`}
		case fd.Kind() == protoreflect.BoolKind:
			values = []string{`5`, `"yes"`, `{}`}
		case fd.Kind() == protoreflect.Int32Kind:
			values = []string{`"many"`, `1.5`, `1e30`, `99999999999999999999`, `{}`, `true`}
		case fd.Kind() == protoreflect.EnumKind:
			values = []string{`"NO_SUCH_VALUE"`, `1.5`, `{}`, `99999999999`}
		case fd.Kind() == protoreflect.MessageKind:
			values = []string{`5`, `"soon"`, `[]`, `true`}
		}
		for _, value := range values {
			body := fmt.Sprintf(`{%q:%s}`, fd.Name(), value)
			all = append(all, badRequest{name: "JSON " + body, codec: "json", body: []byte(body), want: undecodable})
		}
	}
	return all
}

// compressed sends what is small until it is unpacked, and what cannot be.
func (in *intake) compressed(m protoreflect.MethodDescriptor, limit int) []badRequest {
	if in.bombs[limit] == nil {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(make([]byte, 2*limit)) // Writing to memory.
		_ = w.Close()
		in.bombs[limit] = packed.Bytes()
	}
	header, bomb, junk := "Content-Encoding", in.bombs[limit], []byte("no gzip")
	if m.IsStreamingServer() {
		header, bomb, junk = "Connect-Content-Encoding", envelope(1, bomb), envelope(1, junk)
	}
	return []badRequest{
		{name: "small until it is unpacked", codec: "proto", raw: true, body: bomb, header: http.Header{header: {"gzip"}}, want: tooLarge},
		{name: "cannot be unpacked", codec: "proto", raw: true, body: junk, header: http.Header{header: {"gzip"}}, want: undecodable},
	}
}

// The catalogue that TestBadInput spoils has everything in it, so that everything is spoilt. A new field must be put
// into it.
func TestWholeCatalogueIsWhole(t *testing.T) {
	m, err := demo.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	m = wholeCatalogue(m)
	if problems := catalogue.Validate(m); len(problems) > 0 {
		t.Fatalf("it is not valid: %v", problems)
	}
	set, all := map[protoreflect.FullName]bool{}, map[protoreflect.FullName]bool{}
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		for i := range m.Descriptor().Fields().Len() {
			fd := m.Descriptor().Fields().Get(i)
			all[fd.FullName()] = true
			if !m.Has(fd) {
				continue
			}
			set[fd.FullName()] = true
			if fd.Message() != nil && fd.IsList() {
				for j := range m.Get(fd).List().Len() {
					walk(m.Get(fd).List().Get(j).Message())
				}
			} else if fd.Message() != nil {
				walk(m.Get(fd).Message())
			}
		}
	}
	walk(m.ProtoReflect())
	for name := range all {
		// These are worked out by the server, and refused when they are not what it works out.
		workedOut := name == "kupla.v1.Queue.notice_version" || name == "kupla.v1.Survey.version" || name == "google.protobuf.Duration.nanos"
		if !set[name] && !workedOut {
			t.Errorf("%s is not set", name)
		}
	}
}

// The kinds of fields that changesOf has nothing for are not in any request.
func TestBadInputKnowsAllKinds(t *testing.T) {
	known := []protoreflect.Kind{
		protoreflect.StringKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Int64Kind,
		protoreflect.MessageKind, protoreflect.BoolKind,
	}
	seen := map[protoreflect.FullName]bool{}
	var walk func(d protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			fd := d.Fields().Get(i)
			if !slices.Contains(known, fd.Kind()) || fd.IsMap() {
				t.Errorf("%s is a %v, which no test spoils", fd.FullName(), fd.Kind())
			}
			if fd.Message() != nil {
				walk(fd.Message())
			}
		}
	}
	for _, m := range contractMethods() {
		walk(m.Input())
	}
}

// What cannot be decoded is not told back: it may be anything, also somebody's personal identity code.
func TestUndecodableIsNotToldBack(t *testing.T) {
	office := newAccessOffice(t, newClock(aWednesday))
	in := &intake{accessOffice: office, url: office.s.Listen(rpc.HTTPConfig{}), client: &http.Client{}}
	m := methodNamed(t, "ConversationService.StartConversation")
	for _, body := range []string{
		`{"message":` + artificialCode + `}`, `{"message":["` + artificialCode + `"]}`, `{"language":{"` + artificialCode + `":1}}`,
		`{"` + artificialCode, artificialCode, `{"message":"` + artificialCode,
	} {
		r := in.post(t, m, "", badRequest{name: body, codec: "json", body: []byte(body)})
		if r == nil {
			t.Fatalf("%s was answered", body)
		}
		if strings.Contains(r.message+fmt.Sprint(r.metadata), "190-99") {
			t.Errorf("%s is told back: %s", body, r.message)
		}
	}
}
