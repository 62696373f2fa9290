-- Times are microseconds since 1970-01-01 00:00 UTC, 0 is none. What is in a bytea named data, profile or payload is
-- made by the package record, and no statement looks into it.

-- +goose Up
-- No index has a column that a message changes, and a page has room for the next version of its rows: a message then
-- touches no index of this table.
CREATE TABLE conversation (
    key      bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       text     COLLATE "C" NOT NULL UNIQUE,
    version  bigint   NOT NULL,
    queue_id text     COLLATE "C" NOT NULL,
    state    smallint NOT NULL, -- 1 waiting, 2 active, 3 closed
    origin   text     COLLATE "C" NOT NULL,
    arrival  bigint   NOT NULL,
    last_seq integer  NOT NULL,
    data     bytea    NOT NULL
) WITH (fillfactor = 50);
-- What a server reads when it starts, and again to see whether it has missed anything. Closed conversations, however
-- many, are in none of these.
CREATE INDEX conversation_open ON conversation (arrival) WHERE state <> 3;
CREATE INDEX conversation_waiting ON conversation (queue_id) WHERE state = 1;
CREATE INDEX conversation_origin ON conversation (origin) WHERE state = 1 AND origin <> '';

-- Who takes part in which open conversation: what a professional's capacity is held against.
CREATE TABLE participation (
    staff_id         text   COLLATE "C" NOT NULL,
    conversation_key bigint NOT NULL,
    PRIMARY KEY (staff_id, conversation_key)
);

-- No foreign key: a lookup for each message would protect from nothing, as events are written under the lock of their
-- conversation, which is never deleted alone.
CREATE TABLE event (
    conversation_key bigint  NOT NULL,
    sequence         integer NOT NULL,
    at               bigint  NOT NULL,
    request_key      uuid, -- on the first event of a request: a hash of its caller and id
    fingerprint      bytea,
    payload          bytea   NOT NULL,
    PRIMARY KEY (conversation_key, sequence)
);
-- By conversation first, so that what is looked up lies beside what was just written.
CREATE UNIQUE INDEX event_request ON event (conversation_key, request_key) WHERE request_key IS NOT NULL;

-- The requests that no event remembers: beside the events of a conversation, or, with 0 for it, by themselves.
CREATE TABLE request (
    conversation_key bigint  NOT NULL,
    key              uuid    NOT NULL,
    fingerprint      bytea   NOT NULL,
    conversation_id  text    COLLATE "C" NOT NULL, -- what the request was answered with
    sequence         integer NOT NULL,
    ref              text    NOT NULL,
    at               bigint  NOT NULL,
    PRIMARY KEY (conversation_key, key)
);

CREATE TABLE conversation_token (
    hash             bytea  PRIMARY KEY,
    conversation_key bigint NOT NULL REFERENCES conversation (key),
    participant_id   text   NOT NULL,
    create_time      bigint NOT NULL
);

-- Numbers of one conversation become visible in order, as they are given under its lock.
CREATE TABLE case_note (
    number           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_key bigint NOT NULL REFERENCES conversation (key),
    data             bytea  NOT NULL
);
CREATE INDEX case_note_conversation ON case_note (conversation_key, number);

CREATE TABLE contact (
    key             bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id text     COLLATE "C" NOT NULL,
    queue_id        text     COLLATE "C" NOT NULL,
    language        text     NOT NULL,
    create_time     bigint   NOT NULL,
    take_time       bigint   NOT NULL,
    close_time      bigint   NOT NULL,
    close_reason    smallint NOT NULL
);
CREATE INDEX contact_answered ON contact (queue_id, close_time, key) WHERE take_time <> 0;
CREATE INDEX contact_closed ON contact (close_time, queue_id);

-- The versions of these rows tell a server whether it was told of them already.
CREATE TABLE queue (
    id           text    COLLATE "C" PRIMARY KEY,
    version      bigint  NOT NULL,
    last_arrival bigint  NOT NULL,
    paused       boolean NOT NULL,
    resume_time  bigint  NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE staff (
    id                text     COLLATE "C" PRIMARY KEY,
    version           bigint   NOT NULL,
    profile           bytea    NOT NULL,
    availability      smallint NOT NULL,
    availability_time bigint   NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE staff_token (
    id          text   COLLATE "C" PRIMARY KEY,
    hash        bytea  NOT NULL UNIQUE,
    staff_id    text   COLLATE "C" NOT NULL REFERENCES staff (id),
    create_time bigint NOT NULL,
    data        bytea  NOT NULL
);

-- Apart from the rows they are about, which are written for other reasons.
CREATE TABLE customer_seen (
    conversation_key bigint PRIMARY KEY REFERENCES conversation (key),
    at               bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE staff_seen (
    staff_id text   COLLATE "C" PRIMARY KEY REFERENCES staff (id),
    at       bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE catalogue (
    singleton  smallint PRIMARY KEY CHECK (singleton = 1),
    version    bigint   NOT NULL,
    data       bytea    NOT NULL,
    etag       text     NOT NULL,
    apply_time bigint   NOT NULL
);

-- Nothing may lead from the answers to who gave them. So the row's name is random and no column is shared with another
-- table, the day and the queue apart. Which transaction wrote a row, and where it lies, is forgotten every day: the
-- rows of this table and the next are written again all at once.
CREATE TABLE feedback (
    id       uuid PRIMARY KEY,
    queue_id text COLLATE "C" NOT NULL,
    date     text COLLATE "C" NOT NULL, -- YYYY-MM-DD in Europe/Helsinki
    language text NOT NULL,
    answers  bytea NOT NULL
);
CREATE INDEX feedback_queue ON feedback (queue_id, date, id);
CREATE TABLE feedback_token_used (
    hash bytea PRIMARY KEY
);

CREATE TABLE secret (
    name  text  COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- Written to know that it can be.
CREATE TABLE health (
    singleton smallint PRIMARY KEY CHECK (singleton = 1),
    at        bigint   NOT NULL
) WITH (fillfactor = 10);
INSERT INTO health VALUES (1, 0);
