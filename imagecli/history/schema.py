"""The tables of the history, and the steps that bring the database of an earlier version up to date."""

from __future__ import annotations

from typing import Final

_VERSION_1: Final = """
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    created TEXT NOT NULL,       -- UTC: 2026-11-30T04:36:27Z
    command TEXT NOT NULL,
    provider TEXT NOT NULL,
    base_url TEXT NOT NULL,      -- without user, password and query; empty if the provider runs in the process
    model TEXT NOT NULL,
    prompt TEXT,                 -- as it was sent
    template TEXT,               -- as it was typed, before variables were filled in
    variables TEXT NOT NULL,     -- JSON object
    options TEXT NOT NULL,       -- JSON object of request_options()
    manifest TEXT,               -- of a batch
    images INTEGER NOT NULL,     -- requested
    request_id TEXT,             -- the provider's
    usage TEXT,                  -- JSON object of the response
    estimated_usd REAL,
    estimated_max_usd REAL,
    cost_usd REAL                -- NULL if it is unknown
);
CREATE TABLE images (
    number INTEGER PRIMARY KEY,  -- in the order of recording
    id TEXT NOT NULL UNIQUE,
    request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    position INTEGER NOT NULL,   -- within its request, from 0
    copy INTEGER NOT NULL,       -- further files of the same image, from 1
    path,                        -- absolute; BLOB if it is not valid Unicode; NULL if the image went to stdout
    original,                    -- the same for the image as it was received, if this one was converted
    sha256 TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    revised_prompt TEXT
);
CREATE INDEX images_by_request ON images (request);
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE TABLE inputs (
    request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,          -- image, mask or markup
    name TEXT NOT NULL,          -- as it was typed; - is stdin
    path,                        -- absolute, as in images; NULL for stdin
    sha256 TEXT,                 -- NULL if it is unknown
    parent INTEGER REFERENCES images ON DELETE SET NULL,
    PRIMARY KEY (request, position)
);
CREATE INDEX inputs_by_parent ON inputs (parent);
"""

_VERSION_2: Final = """
-- generations, edits or variations
ALTER TABLE requests ADD COLUMN operation TEXT NOT NULL DEFAULT 'generations';
UPDATE requests SET operation = iif(prompt IS NULL, 'variations', 'edits') WHERE id IN (SELECT request FROM inputs);
"""

_VERSION_3: Final = """
-- the id of its spool entry, if that was kept: NULL for most
ALTER TABLE requests ADD COLUMN call_id TEXT;
CREATE INDEX requests_by_call ON requests (call_id) WHERE call_id IS NOT NULL;
"""

_VERSION_4: Final = """
-- what its files are named after, if that is not the prompt
ALTER TABLE requests ADD COLUMN name_text TEXT;
-- NULL if there is no original, or its digest is unknown
ALTER TABLE images ADD COLUMN original_sha256 TEXT;
CREATE INDEX images_by_original ON images (original_sha256) WHERE original_sha256 IS NOT NULL;
"""

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
"""Each brings a database from the version of its index to the next one. Never change one that was released."""
VERSION: Final = len(MIGRATIONS)
