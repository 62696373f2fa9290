package sqlite

import "strings"

// query is one statement. All there are stand in this file, so that a test can ask the database how it
// would run each of them.
type query struct {
	index int
	text  string
}

var queries []*query

func define(text string) *query {
	q := &query{index: len(queries), text: text}
	queries = append(queries, q)
	return q
}

// Transactions.
var (
	begin    = define(`BEGIN IMMEDIATE`)
	commit   = define(`COMMIT`)
	rollback = define(`ROLLBACK`)
)

// Conversations and their events.
var (
	selectConversation = define(`SELECT key, version, data FROM conversation WHERE id = ?`)
	selectOpen         = define(`SELECT key, version, data FROM conversation WHERE state <> 3 ORDER BY arrival`)
	// What the rows of open conversations do not tell yet: see rowMemory.
	selectAhead = define(`SELECT c.id, e.sequence, e.at, e.payload FROM conversation c INDEXED BY conversation_open
		CROSS JOIN event e ON e.conversation_key = c.key AND e.sequence > c.last_seq WHERE c.state <> 3
		ORDER BY c.arrival, e.conversation_key, e.sequence`)
	insertConversation = define(`INSERT INTO conversation (id, version, queue_id, state, arrival, last_seq, data)
		VALUES (?, ?, ?, ?, ?, ?, ?)`)
	// As long as it waits, or is talked in, no index has to be touched.
	updateConversation = define(`UPDATE conversation SET version = ?, last_seq = ?, data = ?
		WHERE key = ? AND version = ?`)
	moveConversation = define(`UPDATE conversation SET version = ?, last_seq = ?, data = ?, queue_id = ?, state = ?,
		arrival = ? WHERE key = ? AND version = ?`)

	selectEvents = define(`SELECT sequence, at, payload FROM event
		WHERE conversation_key = (SELECT key FROM conversation WHERE id = ?) AND sequence > ?
		ORDER BY sequence LIMIT ?`)
	insertEvent = define(`INSERT INTO event (conversation_key, sequence, at, request_key, fingerprint, payload)
		VALUES (?, ?, ?, ?, ?, ?)`)

	selectCaseNotes = define(`SELECT number, data FROM case_note
		WHERE conversation_key = (SELECT key FROM conversation WHERE id = ?) AND number > ? ORDER BY number LIMIT ?`)
	insertCaseNote = define(`INSERT INTO case_note (conversation_key, data) VALUES (?, ?)`)

	selectAnswered = define(`SELECT conversation_id, queue_id, language, create_time, take_time, close_time, close_reason
		FROM contact WHERE queue_id = ? AND take_time <> 0 ORDER BY close_time DESC, key DESC LIMIT ?`)
	countClosed = define(`SELECT queue_id, count(*) FROM contact WHERE close_time >= ? AND close_time < ?
		GROUP BY queue_id`)
	insertContact = define(`INSERT INTO contact
		(conversation_id, queue_id, language, create_time, take_time, close_time, close_reason)
		VALUES (?, ?, ?, ?, ?, ?, ?)`)
)

// requestChunk is how many requests are looked up by one statement: asking costs more than finding.
const requestChunk = 16

// Requests. An event does not tell the conversation it is of: who asks knows.
var (
	selectRequest = define(`SELECT conversation_key, request_key, fingerprint, NULL, sequence, '', at FROM event
		WHERE conversation_key = ?1 AND request_key = ?2
		UNION ALL SELECT conversation_key, key, fingerprint, conversation_id, sequence, ref, at FROM request
		WHERE conversation_key = ?1 AND key = ?2`)
	selectRequests = define(`WITH q (c, k) AS (VALUES ` + strings.Repeat("(?, ?), ", requestChunk-1) + `(?, ?))
		SELECT q.c, q.k, e.fingerprint, NULL, e.sequence, '', e.at
		FROM q CROSS JOIN event e ON e.conversation_key = q.c AND e.request_key = q.k
		UNION ALL SELECT q.c, q.k, r.fingerprint, r.conversation_id, r.sequence, r.ref, r.at
		FROM q CROSS JOIN request r ON r.conversation_key = q.c AND r.key = q.k`)
	selectRequestKeys = define(`SELECT request_key FROM event WHERE conversation_key = ?1 AND request_key IS NOT NULL
		UNION ALL SELECT key FROM request WHERE conversation_key = ?1`)
	insertRequest = define(`INSERT INTO request
		(conversation_key, key, fingerprint, conversation_id, sequence, ref, at) VALUES (?, ?, ?, ?, ?, ?, ?)`)
)

// Tokens.
var (
	selectConversationToken = define(`SELECT c.id, t.participant_id, t.create_time
		FROM conversation_token t JOIN conversation c ON c.key = t.conversation_key WHERE t.hash = ?`)
	insertConversationToken = define(`INSERT INTO conversation_token
		(hash, conversation_key, participant_id, create_time) VALUES (?, ?, ?, ?)`)
	selectStaffToken  = define(`SELECT id, staff_id, data FROM staff_token WHERE hash = ?`)
	selectStaffTokens = define(`SELECT hash, id, staff_id, data FROM staff_token ORDER BY create_time, id`)
	putStaffToken     = define(`INSERT INTO staff_token (id, hash, staff_id, create_time, data) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, staff_id = excluded.staff_id,
		create_time = excluded.create_time, data = excluded.data`)
)

// Queues, staff and the catalogue.
var (
	selectQueues = define(`SELECT id, last_arrival, paused, resume_time FROM queue ORDER BY id`)
	putQueue     = define(`INSERT INTO queue (id, last_arrival, paused, resume_time) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET last_arrival = excluded.last_arrival, paused = excluded.paused,
		resume_time = excluded.resume_time`)
	selectStaff     = define(`SELECT id, profile, availability, availability_time FROM staff WHERE id = ?`)
	selectAllStaff  = define(`SELECT id, profile, availability, availability_time FROM staff ORDER BY id`)
	updateStaff     = define(`UPDATE staff SET profile = ?, availability = ?, availability_time = ? WHERE id = ?`)
	putStaffProfile = define(`INSERT INTO staff (id, profile, availability, availability_time) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET profile = excluded.profile`)
	selectCatalogue = define(`SELECT data, etag, apply_time FROM catalogue WHERE only = 1`)
	putCatalogue    = define(`INSERT INTO catalogue (only, data, etag, apply_time) VALUES (1, ?, ?, ?)
		ON CONFLICT (only) DO UPDATE SET data = excluded.data, etag = excluded.etag, apply_time = excluded.apply_time`)
)

// Feedback.
var (
	selectFeedback = define(`SELECT queue_id, language, date, answers FROM feedback
		WHERE queue_id = ? AND date BETWEEN ? AND ? ORDER BY date, id`)
	insertFeedback      = define(`INSERT INTO feedback (id, queue_id, date, language, answers) VALUES (?, ?, ?, ?, ?)`)
	selectFeedbackToken = define(`SELECT 1 FROM feedback_token_used WHERE hash = ?`)
	insertFeedbackToken = define(`INSERT INTO feedback_token_used (hash) VALUES (?)`)
)

// When people were seen.
var (
	selectCustomersSeen = define(`SELECT c.id, s.at FROM conversation c INDEXED BY conversation_open
		CROSS JOIN customer_seen s ON s.conversation_key = c.key WHERE c.state <> 3`)
	putCustomerSeen = define(`INSERT INTO customer_seen (conversation_key, at)
		SELECT key, ? FROM conversation WHERE id = ? AND state <> 3
		ON CONFLICT (conversation_key) DO UPDATE SET at = excluded.at WHERE excluded.at > at`)
	deleteCustomerSeen = define(`DELETE FROM customer_seen WHERE conversation_key = ?`)
	selectStaffSeen    = define(`SELECT staff_id, at FROM staff_seen`)
	putStaffSeen       = define(`INSERT INTO staff_seen (staff_id, at) SELECT id, ? FROM staff WHERE id = ?
		ON CONFLICT (staff_id) DO UPDATE SET at = excluded.at WHERE excluded.at > at`)
)

// The database itself.
var (
	deleteSecrets = define(`DELETE FROM secret WHERE name >= ? AND name < ?`)
	selectSecret  = define(`SELECT value FROM secret WHERE name = ?`)
	insertSecret  = define(`INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`)
	updateHealth  = define(`UPDATE health SET at = ? WHERE only = 1`)
)
