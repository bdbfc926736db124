-- Format 9: what agents did, without what was said. Times are ms since the Unix epoch.

CREATE TABLE audit_events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Counts up within the run.
  source_sequence INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  agent_id TEXT NOT NULL,
  session_key TEXT NOT NULL,
  session_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  action TEXT NOT NULL,
  status TEXT NOT NULL,
  tool_call_id TEXT,
  tool_name TEXT
) STRICT;
CREATE INDEX audit_events_of ON audit_events(run_id, source_sequence);
