package cli

import "strings"

// language is the language of the interface, as a BCP 47 code.
type language string

const (
	finnish language = "fi"
	swedish language = "sv"
	english language = "en"
)

// parseLanguage returns the language with the given code, and whether the interface has it.
func parseLanguage(code string) (language, bool) {
	switch l := language(code); l {
	case finnish, swedish, english:
		return l, true
	default:
		return "", false
	}
}

// languageOf returns the language that the environment asks for, by the rules of setlocale(3): LC_ALL wins
// over LC_MESSAGES, that over LANG. The C locale means English. Anything else is Finnish, the language of
// most people who use the service.
func languageOf(env func(string) string) language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := env(name)
		if locale == "" {
			continue
		}
		code, _, _ := strings.Cut(locale, ".")
		code, _, _ = strings.Cut(code, "_")
		if code == "C" || code == "POSIX" {
			return english
		}
		if l, ok := parseLanguage(strings.ToLower(code)); ok {
			return l
		}
		return finnish
	}
	return finnish
}

// askedFlag returns the value of a flag among args. The texts of flags and errors need some before flags are
// parsed.
func askedFlag(args []string, name string) (string, bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value, true
		}
		if arg == "--"+name && i+1 < len(args) {
			return args[i+1], true
		}
	}
	return "", false
}
