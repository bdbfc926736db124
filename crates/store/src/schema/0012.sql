-- Format 12: fail-over. Keys of model providers that failed, and until when they are not asked; a key that works has no row. `model`: only of
-- this one.
CREATE TABLE key_health (
  key TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  failed_at_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  model TEXT,
  reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Which model answered a session instead of the one that was chosen, and why, as JSON text; NULL where that one did.
ALTER TABLE sessions ADD COLUMN fallback TEXT;
