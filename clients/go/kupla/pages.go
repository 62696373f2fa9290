package kupla

import "iter"

// pages walks through a list of pages. It ends after the first error, which it hands out last.
func pages[T any](next func(token string) (items []T, nextToken string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			items, nextToken, err := next(token)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if nextToken == "" {
				return
			}
			token = nextToken
		}
	}
}
