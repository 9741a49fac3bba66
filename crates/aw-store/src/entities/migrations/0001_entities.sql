-- What happened, one row a change; rows are only ever added. `hash` covers everything but itself, `signature` and the bytes
-- of `content`, which `document` covers.
CREATE TABLE history (
    sequence INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    change TEXT NOT NULL,
    name TEXT NOT NULL,
    notation TEXT,
    digest TEXT,
    document TEXT,
    content BLOB,
    facts TEXT NOT NULL,
    actor TEXT NOT NULL,
    at TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    signature TEXT NOT NULL,
    UNIQUE (collection, id, revision)
) STRICT;

CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON history
BEGIN
    SELECT RAISE(ABORT, 'history is not changed');
END;

CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history
BEGIN
    SELECT RAISE(ABORT, 'history is not deleted');
END;

-- Also what keeps REPLACE away: it runs before SQLite makes room for the new row.
CREATE TRIGGER history_grows_at_its_end BEFORE INSERT ON history
WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM history)
    OR NEW.previous IS NOT coalesce(
        (SELECT hash FROM history ORDER BY sequence DESC LIMIT 1),
        'sha256:0000000000000000000000000000000000000000000000000000000000000000')
    OR NEW.revision IS NOT (
        SELECT coalesce(max(revision), 0) + 1 FROM history WHERE collection = NEW.collection AND id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'history grows at its end only');
END;

-- What is there now: one row an entity that is not deleted. All of it follows from `history`.
CREATE TABLE entities (
    created INTEGER PRIMARY KEY REFERENCES history (sequence),
    head INTEGER NOT NULL REFERENCES history (sequence),
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    notation TEXT NOT NULL,
    digest TEXT NOT NULL,
    document TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    facts TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (collection, id)
) STRICT;

CREATE INDEX entities_by_collection ON entities (collection);
CREATE INDEX entities_by_name ON entities (name, collection);

-- Words of what is there now, by `entities.created`. `labels` holds one made-up word for the collection and for each fact.
CREATE VIRTUAL TABLE search USING fts5 (
    name, summary, description, tags, text, labels,
    content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 2"
);
