package postgres

// query is one statement. All there are stand in this file, so that a test can ask the database how it would run each
// of them.
type query struct{ text string }

var queries []*query

func define(text string) *query {
	q := &query{text: text}
	queries = append(queries, q)
	return q
}

// Transactions. Each statement of a transaction sees what was committed before the statement, not before the
// transaction: what is counted under a lock counts what the one before who had the lock did.
var (
	begin    = define(`BEGIN ISOLATION LEVEL READ COMMITTED`)
	commit   = define(`COMMIT`)
	rollback = define(`ROLLBACK`)
)

// What a batch locks, in the one order: staff, queues, conversations, each by its name.
//
// NO KEY: who only refers to a row, as a token does, need not wait.
var (
	lockStaff = define(`SELECT id, version, profile, availability, availability_time FROM staff
		WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE`)
	addQueues  = define(`INSERT INTO queue SELECT id, 0, 0, false, 0 FROM unnest($1::text[]) id ORDER BY id ON CONFLICT DO NOTHING`)
	lockQueues = define(`SELECT id, version, last_arrival, paused, resume_time FROM queue
		WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE`)
	// Most are as they were when this server wrote them last, and need not be sent and decoded again.
	lockConversations = define(`SELECT c.key, c.version, CASE WHEN c.version <> q.version THEN c.data END
		FROM unnest($1::bigint[], $2::bigint[]) q (key, version) JOIN conversation c ON c.key = q.key
		ORDER BY c.key FOR NO KEY UPDATE OF c`)
	lockConversation = define(`SELECT key, version, CASE WHEN version <> $2::bigint THEN data END
		FROM conversation WHERE key = $1::bigint FOR NO KEY UPDATE`)
)

// What a batch reads once it has its locks.
var (
	selectKeys = define(`SELECT id, key FROM conversation WHERE id = ANY($1::text[])`)
	// In a statement of its own, as it would not see otherwise what was committed while the lock was waited for.
	selectRequests = define(`SELECT q.c, q.k, x.fingerprint, x.conversation_id, x.sequence, x.ref, x.at
		FROM unnest($1::bigint[], $2::uuid[]) q (c, k), LATERAL (
			(SELECT fingerprint, NULL::text AS conversation_id, sequence, '' AS ref, at
				FROM event WHERE conversation_key = q.c AND request_key = q.k)
			UNION ALL
			(SELECT fingerprint, conversation_id, sequence, ref, at
				FROM request WHERE conversation_key = q.c AND key = q.k) LIMIT 1) x`)
	countWaiting = define(`SELECT queue_id, count(*) FROM conversation
		WHERE state = 1 AND queue_id = ANY($1::text[]) GROUP BY queue_id`)
	countOrigins = define(`SELECT origin, count(*) FROM conversation
		WHERE state = 1 AND origin <> '' AND origin = ANY($1::text[]) GROUP BY origin`)
	countParticipations = define(`SELECT staff_id, count(*) FROM participation
		WHERE staff_id = ANY($1::text[]) GROUP BY staff_id`)
	selectCatalogue     = define(`SELECT version, data, etag, apply_time FROM catalogue WHERE singleton = 1`)
	selectFeedbackToken = define(`SELECT 1 FROM feedback_token_used WHERE hash = $1`)
)

// What a batch writes.
var (
	insertConversations = define(`INSERT INTO conversation (id, version, queue_id, state, origin, arrival, last_seq, data)
		SELECT u.id, u.version, u.queue_id, u.state, u.origin, u.arrival, u.last_seq, u.data
		FROM unnest($1::text[], $2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::bigint[], $7::integer[],
		$8::bytea[]) u (id, version, queue_id, state, origin, arrival, last_seq, data) RETURNING id, key`)
	// As long as it waits, or is talked in, no index has to be touched. Unless every one of them is as it was loaded, the
	// statement fails, and the commit after it with it: there is nobody to ask in between.
	updateConversations = define(`WITH written AS (
		UPDATE conversation c SET version = u.version, last_seq = u.last_seq, data = u.data
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bytea[])
		u (key, base, version, last_seq, data) WHERE c.key = u.key AND c.version = u.base RETURNING 1)
		SELECT 1 / (count(*) = $6::bigint)::integer FROM written`)
	updateConversation = define(`WITH written AS (
		UPDATE conversation SET version = $3::bigint, last_seq = $4::integer, data = $5::bytea
		WHERE key = $1::bigint AND version = $2::bigint RETURNING 1)
		SELECT 1 / (count(*) = 1)::integer FROM written`)
	moveConversations = define(`WITH written AS (
		UPDATE conversation c SET version = u.version, last_seq = u.last_seq, data = u.data,
		queue_id = u.queue_id, state = u.state, arrival = u.arrival
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bytea[], $6::text[], $7::smallint[],
		$8::bigint[]) u (key, base, version, last_seq, data, queue_id, state, arrival)
		WHERE c.key = u.key AND c.version = u.base RETURNING 1)
		SELECT 1 / (count(*) = $9::bigint)::integer FROM written`)
	// Fails, too.
	noRequests = define(`SELECT 1 / (count(*) = 0)::integer FROM unnest($1::bigint[], $2::uuid[]) q (c, k)
		JOIN request r ON r.conversation_key = q.c AND r.key = q.k`)
	insertParticipations = define(`INSERT INTO participation (staff_id, conversation_key)
		SELECT u.staff_id, u.key FROM unnest($1::text[], $2::bigint[]) u (staff_id, key) ON CONFLICT DO NOTHING`)
	deleteParticipations = define(`DELETE FROM participation p USING unnest($1::text[], $2::bigint[]) u (staff_id, key)
		WHERE p.staff_id = u.staff_id AND p.conversation_key = u.key`)
	insertEvents = define(`INSERT INTO event (conversation_key, sequence, at, request_key, fingerprint, payload)
		SELECT u.key, u.sequence, u.at, u.request_key, u.fingerprint, u.payload
		FROM unnest($1::bigint[], $2::integer[], $3::bigint[], $4::uuid[], $5::bytea[], $6::bytea[])
		u (key, sequence, at, request_key, fingerprint, payload)`)
	// All of the above for a batch that only adds events: a transaction by itself. The events wait for the rows, so that
	// two servers meet at the rows, which they lock in one order.
	addEvents = define(`WITH written AS (
		UPDATE conversation c SET version = u.version, last_seq = u.last_seq, data = u.data
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::bytea[])
		u (key, base, version, last_seq, data) WHERE c.key = u.key AND c.version = u.base RETURNING 1),
		added AS (INSERT INTO event (conversation_key, sequence, at, request_key, fingerprint, payload)
		SELECT u.key, u.sequence, u.at, u.request_key, u.fingerprint, u.payload
		FROM (SELECT count(*) AS n FROM written) w CROSS JOIN
		unnest($6::bigint[], $7::integer[], $8::bigint[], $9::uuid[], $10::bytea[], $11::bytea[])
		u (key, sequence, at, request_key, fingerprint, payload) WHERE w.n = $12::bigint)
		SELECT 1 / (count(*) = $12::bigint AND NOT EXISTS (SELECT 1 FROM unnest($13::bigint[], $14::uuid[]) q (c, k)
		JOIN request r ON r.conversation_key = q.c AND r.key = q.k))::integer,
		(SELECT count(pg_notify('` + channel + `', p)) FROM unnest($15::text[]) p) FROM written`)
	// The same for one event, as it is when little is said: a quarter less for the database to do.
	addEvent = define(`WITH written AS (
		UPDATE conversation SET version = $3::bigint, last_seq = $4::integer, data = $5::bytea
		WHERE key = $1::bigint AND version = $2::bigint RETURNING 1),
		added AS (INSERT INTO event (conversation_key, sequence, at, request_key, fingerprint, payload)
		SELECT $1::bigint, $6::integer, $7::bigint, $8::uuid, $9::bytea, $10::bytea FROM written)
		SELECT 1 / (count(*) = 1 AND NOT EXISTS (
			SELECT 1 FROM request WHERE conversation_key = $1::bigint AND key = $8::uuid))::integer,
		(SELECT count(pg_notify('` + channel + `', p)) FROM unnest($11::text[]) p) FROM written`)
	insertRequests = define(`INSERT INTO request (conversation_key, key, fingerprint, conversation_id, sequence, ref, at)
		SELECT u.c, u.k, u.fingerprint, u.conversation_id, u.sequence, u.ref, u.at
		FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::text[], $5::integer[], $6::text[], $7::bigint[])
		u (c, k, fingerprint, conversation_id, sequence, ref, at)`)
	insertConversationTokens = define(`INSERT INTO conversation_token (hash, conversation_key, participant_id, create_time)
		SELECT u.hash, u.key, u.participant_id, u.create_time
		FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[]) u (hash, key, participant_id, create_time)`)
	insertCaseNotes = define(`INSERT INTO case_note (conversation_key, data)
		SELECT u.key, u.data FROM unnest($1::bigint[], $2::bytea[]) WITH ORDINALITY u (key, data, n) ORDER BY u.n`)
	insertContacts = define(`INSERT INTO contact
		(conversation_id, queue_id, language, create_time, take_time, close_time, close_reason)
		SELECT u.a, u.b, u.c, u.d, u.e, u.f, u.g FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
		$6::bigint[], $7::smallint[]) WITH ORDINALITY u (a, b, c, d, e, f, g, n) ORDER BY u.n`)
	updateQueues = define(`UPDATE queue q SET version = u.version, last_arrival = u.last_arrival, paused = u.paused,
		resume_time = u.resume_time FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::boolean[], $5::bigint[])
		u (id, version, last_arrival, paused, resume_time) WHERE q.id = u.id`)
	updateStaff = define(`UPDATE staff s SET version = u.version, profile = u.profile, availability = u.availability,
		availability_time = u.availability_time
		FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::smallint[], $5::bigint[])
		u (id, version, profile, availability, availability_time) WHERE s.id = u.id`)
	// Only over the one that was read: nobody has locked it.
	putCatalogue = define(`INSERT INTO catalogue (singleton, version, data, etag, apply_time)
		VALUES (1, $2::bigint, $3::bytea, $4::text, $5::bigint)
		ON CONFLICT (singleton) DO UPDATE SET version = excluded.version, data = excluded.data, etag = excluded.etag,
		apply_time = excluded.apply_time WHERE catalogue.version = $1::bigint`)
	insertFeedback = define(`INSERT INTO feedback (id, queue_id, date, language, answers)
		SELECT u.id, u.queue_id, u.date, u.language, u.answers
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[]) u (id, queue_id, date, language, answers)`)
	insertFeedbackTokens = define(`INSERT INTO feedback_token_used (hash) SELECT unnest($1::bytea[])`)
	deleteCustomersSeen  = define(`DELETE FROM customer_seen WHERE conversation_key = ANY($1::bigint[])`)
	notify               = define(`SELECT pg_notify('` + channel + `', p) FROM unnest($1::text[]) p`)
)

// What is read of conversations.
var (
	selectConversation = define(`SELECT key, version, data FROM conversation WHERE id = $1`)
	selectEvents       = define(`SELECT sequence, at, payload FROM event
		WHERE conversation_key = (SELECT key FROM conversation WHERE id = $1) AND sequence > $2::integer
		ORDER BY sequence LIMIT $3::bigint`)
	selectCaseNotes = define(`SELECT number, data FROM case_note
		WHERE conversation_key = (SELECT key FROM conversation WHERE id = $1) AND number > $2::bigint
		ORDER BY number LIMIT $3::bigint`)
	selectAnswered = define(`SELECT conversation_id, queue_id, language, create_time, take_time, close_time, close_reason
		FROM contact WHERE queue_id = $1 AND take_time <> 0 ORDER BY close_time DESC, key DESC LIMIT $2::bigint`)
	countClosed = define(`SELECT queue_id, count(*) FROM contact
		WHERE close_time >= $1::bigint AND close_time < $2::bigint GROUP BY queue_id`)
)

// What is read to hear of other servers.
var (
	selectOpen         = define(`SELECT key, version, data FROM conversation WHERE state <> 3 ORDER BY arrival`)
	selectOpenVersions = define(`SELECT key, version FROM conversation WHERE state <> 3`)
	selectByKeys       = define(`SELECT key, version, data FROM conversation WHERE key = ANY($1::bigint[])`)
	selectNewEvents    = define(`SELECT q.key, e.sequence, e.at, e.payload
		FROM unnest($1::bigint[], $2::integer[]) q (key, after), LATERAL (
			SELECT sequence, at, payload FROM event WHERE conversation_key = q.key AND sequence > q.after
			ORDER BY sequence LIMIT $3::bigint) e ORDER BY q.key, e.sequence`)
	// Of those that were only locked nothing is kept.
	selectQueues     = define(`SELECT id, version, last_arrival, paused, resume_time FROM queue WHERE version > 0 ORDER BY id`)
	selectQueuesByID = define(`SELECT id, version, last_arrival, paused, resume_time FROM queue WHERE id = ANY($1::text[])`)
	selectStaffByID  = define(`SELECT s.id, s.version, s.profile, s.availability, s.availability_time,
		(SELECT count(*) FROM participation p WHERE p.staff_id = s.id) FROM staff s WHERE s.id = ANY($1::text[])`)
	selectAllStaff = define(`SELECT s.id, s.version, s.profile, s.availability, s.availability_time,
		(SELECT count(*) FROM participation p WHERE p.staff_id = s.id) FROM staff s ORDER BY s.id`)
	selectCatalogueVersion = define(`SELECT version FROM catalogue WHERE singleton = 1`)
	lead                   = define(`SELECT pg_try_advisory_lock($1::bigint)`)
	ping                   = define(`SELECT 1`)
)

// Staff and tokens.
var (
	selectStaff             = define(`SELECT id, version, profile, availability, availability_time FROM staff WHERE id = $1`)
	selectConversationToken = define(`SELECT c.id, t.participant_id, t.create_time
		FROM conversation_token t JOIN conversation c ON c.key = t.conversation_key WHERE t.hash = $1`)
	selectStaffToken  = define(`SELECT id, staff_id, data FROM staff_token WHERE hash = $1`)
	selectStaffTokens = define(`SELECT hash, id, staff_id, data FROM staff_token ORDER BY create_time, id`)
	putStaffToken     = define(`INSERT INTO staff_token (id, hash, staff_id, create_time, data)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, staff_id = excluded.staff_id,
		create_time = excluded.create_time, data = excluded.data`)
	putStaffProfile = define(`INSERT INTO staff (id, version, profile, availability, availability_time)
		VALUES ($1, 1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET profile = excluded.profile, version = staff.version + 1
		RETURNING version`)
)

// Feedback.
var (
	selectFeedback = define(`SELECT queue_id, language, date, answers FROM feedback
		WHERE queue_id = $1 AND date BETWEEN $2 AND $3 ORDER BY date, id`)
	rewriteFeedback = define(`WITH old AS (DELETE FROM feedback RETURNING id, queue_id, date, language, answers)
		INSERT INTO feedback (id, queue_id, date, language, answers)
		SELECT id, queue_id, date, language, answers FROM old ORDER BY id`)
	rewriteFeedbackTokens = define(`WITH old AS (DELETE FROM feedback_token_used RETURNING hash)
		INSERT INTO feedback_token_used (hash) SELECT hash FROM old ORDER BY hash`)
)

// When people were seen.
var (
	selectCustomersSeen = define(`SELECT c.id, s.at FROM customer_seen s
		JOIN conversation c ON c.key = s.conversation_key WHERE c.state <> 3`)
	// In the order of their keys, as another server may write the same.
	putCustomersSeen = define(`INSERT INTO customer_seen (conversation_key, at)
		SELECT c.key, u.at FROM unnest($1::text[], $2::bigint[]) u (id, at) JOIN conversation c ON c.id = u.id
		WHERE c.state <> 3 ORDER BY c.key
		ON CONFLICT (conversation_key) DO UPDATE SET at = excluded.at WHERE excluded.at > customer_seen.at`)
	// One that was closed while it was written.
	tidyCustomersSeen = define(`DELETE FROM customer_seen s USING conversation c
		WHERE c.key = s.conversation_key AND c.state = 3`)
	selectStaffSeen = define(`SELECT staff_id, at FROM staff_seen`)
	putStaffSeen    = define(`INSERT INTO staff_seen (staff_id, at)
		SELECT s.id, u.at FROM unnest($1::text[], $2::bigint[]) u (id, at) JOIN staff s ON s.id = u.id ORDER BY s.id
		ON CONFLICT (staff_id) DO UPDATE SET at = excluded.at WHERE excluded.at > staff_seen.at`)
)

// The database itself.
var (
	deleteSecrets = define(`DELETE FROM secret WHERE name >= $1 AND name < $2`)
	selectSecret  = define(`SELECT value FROM secret WHERE name = $1`)
	insertSecret  = define(`INSERT INTO secret (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`)
	updateHealth  = define(`UPDATE health SET at = $1::bigint WHERE singleton = 1`)
)
