-- Format 5. A rotated token stays good until one that came after it was used: the generations from good_from to
-- generation are good. The label is the operator's own name for a device. Setup codes: what admits a new device once,
-- derived from its id like a token, and therefore not kept here.

ALTER TABLE device_tokens ADD COLUMN good_from INTEGER NOT NULL DEFAULT 0;
UPDATE device_tokens SET good_from = generation;

ALTER TABLE devices ADD COLUMN label TEXT;

CREATE TABLE setup_codes (
  setup_id TEXT PRIMARY KEY,
  access TEXT NOT NULL CHECK (access IN ('full', 'limited', 'node')),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  -- The device that used it, and when; from then on it is nobody else's.
  device_id TEXT,
  device_name TEXT,
  used_at_ms INTEGER,
  -- When the answer with its tokens was written out to it.
  answered_at_ms INTEGER,
  -- When it came with one of these tokens: it has them, and the code is over.
  claimed_at_ms INTEGER
) STRICT, WITHOUT ROWID;
