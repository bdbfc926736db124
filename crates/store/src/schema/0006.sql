-- Format 6: decisions about commands before they run, and calls of tools. Times are ms since the Unix epoch; `body` is JSON text.

CREATE TABLE approvals (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  run_id TEXT,
  tool_call_id TEXT,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'allowed', 'denied', 'expired', 'cancelled')),
  decision TEXT,
  reason TEXT,
  resolver_kind TEXT,
  resolver_id TEXT,
  resolved_at_ms INTEGER,
  -- An approval that was used up allows nothing more.
  used_at_ms INTEGER
) STRICT;

CREATE INDEX approvals_pending ON approvals (seq) WHERE status = 'pending';
CREATE INDEX approvals_run ON approvals (run_id) WHERE run_id IS NOT NULL;

-- Calls of tools by clients, by what makes two of them the same. One without an answer was cut.
CREATE TABLE tool_calls (
  id TEXT PRIMARY KEY,
  begun_at_ms INTEGER NOT NULL,
  answer TEXT
) STRICT, WITHOUT ROWID;
