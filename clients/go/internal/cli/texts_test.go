package cli

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	kuplav1 "github.com/kupla-chat/kupla/gen/go/kupla/v1"
)

// Every text exists in all three languages, with the same placeholders.
func TestTextsAreCompleteInEveryLanguage(t *testing.T) {
	all := map[language]reflect.Value{}
	for _, l := range []language{finnish, swedish, english} {
		all[l] = reflect.ValueOf(*textsIn(l))
	}
	texts := all[english].Type()
	for i := range texts.NumField() {
		field := texts.Field(i)
		want := flatten(t, field.Name, all[english].Field(i))
		for _, l := range []language{finnish, swedish} {
			got := flatten(t, field.Name, all[l].Field(i))
			for key := range got {
				if _, ok := want[key]; !ok && !differs(field.Name) {
					t.Errorf("%s exists only in %s", key, l)
				}
			}
			for key, text := range want {
				other, ok := got[key]
				if !ok {
					if !differs(field.Name) {
						t.Errorf("%s is missing in %s", key, l)
					}
					continue
				}
				if !slices.Equal(sorted(placeholders(text)), sorted(placeholders(other))) {
					t.Errorf("%s has %v in English, %v in %s", key, placeholders(text), placeholders(other), l)
				}
				if other == text && len(text) > 20 && len(placeholders(text)) == 0 {
					t.Errorf("%s is the same in English and in %s", key, l)
				}
			}
		}
	}
}

// differs reports whether languages may have different numbers of words in a field.
func differs(name string) bool { return name == "YesWords" || name == "NoWords" }

// flatten returns the texts of a field, which must not be empty, by a name for each.
func flatten(t *testing.T, name string, value reflect.Value) map[string]string {
	t.Helper()
	all := map[string]string{}
	switch value.Kind() {
	case reflect.String:
		if value.Len() == 0 {
			t.Errorf("%s is empty", name)
		}
		all[name] = value.String()
	case reflect.Slice:
		if value.Len() == 0 {
			t.Errorf("%s is empty", name)
		}
		for i := range value.Len() {
			maps.Copy(all, flatten(t, name+"/"+string(rune('0'+i)), value.Index(i)))
		}
	case reflect.Map:
		if value.Len() == 0 {
			t.Errorf("%s is empty", name)
		}
		for _, key := range value.MapKeys() {
			label := fmt.Sprint(key.Interface())
			if stringer, ok := reflect.TypeAssert[fmt.Stringer](key); ok {
				label = stringer.String()
			}
			maps.Copy(all, flatten(t, name+"/"+label, value.MapIndex(key)))
		}
	case reflect.Struct:
		for i := range value.NumField() {
			maps.Copy(all, flatten(t, name+"."+value.Type().Field(i).Name, value.Field(i)))
		}
	default:
		t.Fatalf("%s is a %s", name, value.Kind())
	}
	return all
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

// Every value that the contract knows has a text. English stands for all languages here.
func TestTextsCoverTheContract(t *testing.T) {
	texts := textsIn(english)
	tests := []struct {
		enum protoreflect.EnumDescriptor
		has  func(protoreflect.EnumNumber) bool
		// Values that mean nothing to say.
		except []protoreflect.EnumNumber
	}{
		{enum: kuplav1.ErrorReason(0).Descriptor(), except: []protoreflect.EnumNumber{0}, has: func(n protoreflect.EnumNumber) bool {
			return len(texts.Refusals[kuplav1.ErrorReason(n)]) > 0
		}},
		{enum: kuplav1.GoAwayReason(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.GoneAway[kuplav1.GoAwayReason(n)] != ""
		}},
		{enum: kuplav1.CloseReason(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.Closed[kuplav1.CloseReason(n)] != "" && texts.CloseReasons[kuplav1.CloseReason(n)] != ""
		}},
		{enum: kuplav1.LeaveReason(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.Left[kuplav1.LeaveReason(n)] != ""
		}},
		{enum: kuplav1.ReturnReason(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.Returned[kuplav1.ReturnReason(n)] != ""
		}},
		{enum: kuplav1.RemovalReason(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.Removals[kuplav1.RemovalReason(n)] != ""
		}},
		{enum: kuplav1.Availability(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.Availabilities[kuplav1.Availability(n)] != ""
		}},
		{enum: kuplav1.QueueState(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.QueueStates[kuplav1.QueueState(n)] != ""
		}},
		{enum: kuplav1.CannotEstimateReason(0).Descriptor(), has: func(n protoreflect.EnumNumber) bool {
			return texts.CannotEstimate[kuplav1.CannotEstimateReason(n)] != ""
		}},
		// Nothing is said when the turn comes in time, or when that cannot be told.
		{enum: kuplav1.TurnBeforeClosing(0).Descriptor(), except: []protoreflect.EnumNumber{0, 1}, has: func(n protoreflect.EnumNumber) bool {
			return texts.BeforeClosing[kuplav1.TurnBeforeClosing(n)] != ""
		}},
	}
	for _, test := range tests {
		values := test.enum.Values()
		for i := range values.Len() {
			if n := values.Get(i).Number(); !test.has(n) && !slices.Contains(test.except, n) {
				t.Errorf("%s has no text", values.Get(i).Name())
			}
		}
	}
}

func TestFillKnown(t *testing.T) {
	sentences := []string{"Closed.", "Opens {time}.", "Call {phone} or {other}."}
	if got := fillKnown(sentences, map[string]string{"time": "at {phone}", "phone": "112", "other": ""}); got != "Closed. Opens at {phone}." {
		t.Errorf("got %q", got)
	}
	if got := fillKnown(sentences, nil); got != "Closed." {
		t.Errorf("got %q", got)
	}
}

func TestLanguageOf(t *testing.T) {
	tests := []struct {
		env  map[string]string
		want language
	}{
		{nil, finnish},
		{map[string]string{"LANG": "fi_FI.UTF-8"}, finnish},
		{map[string]string{"LANG": "sv_FI.UTF-8"}, swedish},
		{map[string]string{"LANG": "en_GB"}, english},
		{map[string]string{"LANG": "C.UTF-8"}, english},
		{map[string]string{"LANG": "POSIX"}, english},
		{map[string]string{"LANG": "et_EE.UTF-8"}, finnish},
		{map[string]string{"LANG": "sv_FI.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, english},
		{map[string]string{"LANG": "sv_FI.UTF-8", "LC_MESSAGES": "en_US.UTF-8", "LC_ALL": "fi_FI"}, finnish},
	}
	for _, test := range tests {
		if got := languageOf(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: got %s", test.env, got)
		}
	}
}
