package sqlite

// lru keeps the entries used last, bounded by their number and, when limitBytes is set, by their size. Its
// zero value with a limit is ready to use.
type lru[K comparable, V any] struct {
	limit, limitBytes int

	entries map[K]*lruEntry[K, V]
	root    lruEntry[K, V] // of a ring: next is the one used last, prev the one used longest ago
	bytes   int
}

type lruEntry[K comparable, V any] struct {
	key        K
	value      V
	bytes      int
	prev, next *lruEntry[K, V]
}

func (l *lru[K, V]) clear() {
	l.entries = map[K]*lruEntry[K, V]{}
	l.root.prev, l.root.next = &l.root, &l.root
	l.bytes = 0
}

func (l *lru[K, V]) get(key K) (V, bool) {
	e, ok := l.entries[key]
	if !ok {
		var none V
		return none, false
	}
	l.unlink(e)
	l.link(e)
	return e.value, true
}

func (l *lru[K, V]) put(key K, value V, bytes int) {
	if l.entries == nil {
		l.clear()
	}
	e, ok := l.entries[key]
	if ok {
		l.unlink(e)
		l.bytes -= e.bytes
	} else {
		e = &lruEntry[K, V]{key: key}
		l.entries[key] = e
	}
	e.value, e.bytes = value, bytes
	l.bytes += bytes
	l.link(e)
	for len(l.entries) > l.limit || (l.limitBytes > 0 && l.bytes > l.limitBytes) {
		last := l.root.prev
		l.unlink(last)
		delete(l.entries, last.key)
		l.bytes -= last.bytes
	}
}

func (l *lru[K, V]) link(e *lruEntry[K, V]) {
	e.prev, e.next = &l.root, l.root.next
	e.prev.next, e.next.prev = e, e
}

func (l *lru[K, V]) unlink(e *lruEntry[K, V]) {
	e.prev.next, e.next.prev = e.next, e.prev
}
