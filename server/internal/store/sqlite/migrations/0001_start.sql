-- Times are microseconds since 1970-01-01 00:00 UTC, 0 is none. What is in a BLOB named data, profile or
-- payload is made by the package record, and no statement looks into it.

-- +goose Up
CREATE TABLE conversation (
    key      INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    version  INTEGER NOT NULL,
    queue_id TEXT    NOT NULL,
    state    INTEGER NOT NULL, -- 1 waiting, 2 active, 3 closed
    arrival  INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    data     BLOB    NOT NULL
) STRICT;
-- What the server reads when it starts: closed conversations, however many, are not in it.
CREATE INDEX conversation_open ON conversation (arrival) WHERE state <> 3;

-- With a rowid: cheaper to append to than a table ordered by conversation, as there are two indexes anyway.
-- No foreign key: a lookup for each message would protect from nothing that the one writer could do.
CREATE TABLE event (
    key              INTEGER PRIMARY KEY,
    conversation_key INTEGER NOT NULL,
    sequence         INTEGER NOT NULL,
    at               INTEGER NOT NULL,
    request_key      BLOB, -- on the first event of a request: a hash of its caller and id
    fingerprint      BLOB,
    payload          BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_sequence ON event (conversation_key, sequence);
-- By conversation first, so that what is looked up lies beside what was just written.
CREATE UNIQUE INDEX event_request ON event (conversation_key, request_key) WHERE request_key IS NOT NULL;

-- The requests that no event remembers: beside the events of a conversation, or, with 0 for it, by
-- themselves. By conversation first, as above.
CREATE TABLE request (
    conversation_key INTEGER NOT NULL,
    key              BLOB    NOT NULL,
    fingerprint      BLOB    NOT NULL,
    conversation_id  TEXT    NOT NULL, -- what the request was answered with
    sequence         INTEGER NOT NULL,
    ref              TEXT    NOT NULL,
    at               INTEGER NOT NULL,
    PRIMARY KEY (conversation_key, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE conversation_token (
    hash             BLOB    PRIMARY KEY,
    conversation_key INTEGER NOT NULL REFERENCES conversation (key),
    participant_id   TEXT    NOT NULL,
    create_time      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A number is not given twice, even when notes are deleted: readers go on from the last one they have.
CREATE TABLE case_note (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_key INTEGER NOT NULL REFERENCES conversation (key),
    data             BLOB    NOT NULL
) STRICT;
CREATE INDEX case_note_conversation ON case_note (conversation_key);

CREATE TABLE contact (
    key             INTEGER PRIMARY KEY,
    conversation_id TEXT    NOT NULL,
    queue_id        TEXT    NOT NULL,
    language        TEXT    NOT NULL,
    create_time     INTEGER NOT NULL,
    take_time       INTEGER NOT NULL,
    close_time      INTEGER NOT NULL,
    close_reason    INTEGER NOT NULL
) STRICT;
CREATE INDEX contact_answered ON contact (queue_id, close_time) WHERE take_time <> 0;
CREATE INDEX contact_closed ON contact (close_time, queue_id);

CREATE TABLE queue (
    id           TEXT    PRIMARY KEY,
    last_arrival INTEGER NOT NULL,
    paused       INTEGER NOT NULL,
    resume_time  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE staff (
    id                TEXT    PRIMARY KEY,
    profile           BLOB    NOT NULL,
    availability      INTEGER NOT NULL,
    availability_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE staff_token (
    id          TEXT    PRIMARY KEY,
    hash        BLOB    NOT NULL UNIQUE,
    staff_id    TEXT    NOT NULL REFERENCES staff (id),
    create_time INTEGER NOT NULL,
    data        BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Apart from the rows they are about, which are written for other reasons.
CREATE TABLE customer_seen (
    conversation_key INTEGER PRIMARY KEY REFERENCES conversation (key),
    at               INTEGER NOT NULL
) STRICT;
CREATE TABLE staff_seen (
    staff_id TEXT    PRIMARY KEY REFERENCES staff (id),
    at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE catalogue (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    data       BLOB    NOT NULL,
    etag       TEXT    NOT NULL,
    apply_time INTEGER NOT NULL
) STRICT;

-- Nothing may lead from the answers to who gave them. So the row's name is random, the order of writing is
-- not kept, and no column is shared with another table, the day and the queue apart.
CREATE TABLE feedback (
    id       BLOB PRIMARY KEY,
    queue_id TEXT NOT NULL,
    date     TEXT NOT NULL, -- YYYY-MM-DD in Europe/Helsinki
    language TEXT NOT NULL,
    answers  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX feedback_queue ON feedback (queue_id, date);
CREATE TABLE feedback_token_used (
    hash BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Written to know that it can be.
CREATE TABLE health (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    at   INTEGER NOT NULL
) STRICT;
INSERT INTO health VALUES (1, 0);
