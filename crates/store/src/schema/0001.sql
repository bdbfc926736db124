-- Format 1. Times are ms since the Unix epoch. Lists and messages are JSON text.

CREATE TABLE devices (
  device_id TEXT PRIMARY KEY,
  public_key TEXT NOT NULL,
  display_name TEXT,
  platform TEXT,
  device_family TEXT,
  client_id TEXT NOT NULL,
  client_mode TEXT NOT NULL,
  roles TEXT NOT NULL,
  scopes TEXT NOT NULL,
  approved_via TEXT NOT NULL CHECK (approved_via IN ('silent', 'owner')),
  created_at_ms INTEGER NOT NULL,
  approved_at_ms INTEGER NOT NULL,
  last_seen_at_ms INTEGER
) STRICT;

CREATE TABLE device_tokens (
  device_id TEXT NOT NULL REFERENCES devices(device_id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  scopes TEXT NOT NULL,
  generation INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  rotated_at_ms INTEGER,
  revoked_at_ms INTEGER,
  PRIMARY KEY (device_id, role)
) STRICT, WITHOUT ROWID;

-- Outlives the device: a generation that was given out once is never given out again.
CREATE TABLE token_generations (
  device_id TEXT NOT NULL,
  role TEXT NOT NULL,
  generation INTEGER NOT NULL,
  PRIMARY KEY (device_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_requests (
  request_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL,
  public_key TEXT NOT NULL,
  display_name TEXT,
  platform TEXT,
  device_family TEXT,
  client_id TEXT NOT NULL,
  client_mode TEXT NOT NULL,
  role TEXT NOT NULL,
  scopes TEXT NOT NULL,
  is_repair INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  UNIQUE (device_id, role)
) STRICT;

CREATE TABLE nodes (
  node_id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  client_mode TEXT NOT NULL,
  display_name TEXT,
  platform TEXT,
  version TEXT,
  device_family TEXT,
  caps TEXT NOT NULL,
  commands TEXT NOT NULL,
  path_env TEXT,
  created_at_ms INTEGER NOT NULL,
  approved_at_ms INTEGER NOT NULL,
  last_seen_at_ms INTEGER
) STRICT;

CREATE TABLE node_requests (
  request_id TEXT PRIMARY KEY,
  node_id TEXT NOT NULL UNIQUE,
  client_id TEXT NOT NULL,
  client_mode TEXT NOT NULL,
  display_name TEXT,
  platform TEXT,
  version TEXT,
  device_family TEXT,
  caps TEXT NOT NULL,
  commands TEXT NOT NULL,
  path_env TEXT,
  ts INTEGER NOT NULL
) STRICT;

-- One row per session id. What the model gets to read is: the entry note_seq (the last compaction's note) where there
-- is one, then all entries from keep_from_seq on that are no compaction notes. What lies before stays as history.
CREATE TABLE transcripts (
  transcript INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  session_key TEXT NOT NULL,
  started_at_ms INTEGER NOT NULL,
  last_seq INTEGER NOT NULL DEFAULT 0,
  keep_from_seq INTEGER NOT NULL DEFAULT 1,
  note_seq INTEGER
) STRICT;

CREATE TABLE entries (
  entry INTEGER PRIMARY KEY,
  transcript INTEGER NOT NULL REFERENCES transcripts(transcript),
  seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  run_id TEXT,
  is_summary INTEGER NOT NULL DEFAULT 0,
  idempotency_key TEXT,
  message TEXT NOT NULL,
  recorded_at_ms INTEGER NOT NULL,
  UNIQUE (transcript, seq)
) STRICT;
CREATE UNIQUE INDEX entries_submitted ON entries(transcript, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE sessions (
  key TEXT PRIMARY KEY,
  agent_id TEXT NOT NULL,
  session_id TEXT NOT NULL REFERENCES transcripts(session_id),
  created_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  created_via TEXT NOT NULL,
  title TEXT,
  chat_type TEXT,
  route_channel TEXT,
  route_account TEXT,
  route_to TEXT,
  route_reply_to TEXT,
  provider TEXT,
  model TEXT,
  used_input INTEGER NOT NULL DEFAULT 0,
  used_output INTEGER NOT NULL DEFAULT 0,
  used_cache_read INTEGER NOT NULL DEFAULT 0,
  used_cache_write INTEGER NOT NULL DEFAULT 0,
  used_cost REAL NOT NULL DEFAULT 0,
  context_tokens INTEGER NOT NULL DEFAULT 0,
  compactions INTEGER NOT NULL DEFAULT 0,
  preview TEXT,
  last_run_id TEXT
) STRICT;
CREATE INDEX sessions_latest ON sessions(updated_at_ms DESC, key);

CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,
  session_key TEXT NOT NULL,
  transcript INTEGER NOT NULL REFERENCES transcripts(transcript),
  route_channel TEXT,
  route_account TEXT,
  route_to TEXT,
  route_reply_to TEXT,
  directives TEXT,
  status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'aborted')),
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  resumes INTEGER NOT NULL DEFAULT 0,
  reply TEXT,
  error TEXT,
  used_input INTEGER NOT NULL DEFAULT 0,
  used_output INTEGER NOT NULL DEFAULT 0,
  used_cache_read INTEGER NOT NULL DEFAULT 0,
  used_cache_write INTEGER NOT NULL DEFAULT 0,
  used_cost REAL NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_open ON runs(started_at_ms) WHERE status = 'running';

CREATE TABLE ledger (
  call INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  session_key TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  kind TEXT NOT NULL,
  used_input INTEGER NOT NULL,
  used_output INTEGER NOT NULL,
  used_cache_read INTEGER NOT NULL,
  used_cache_write INTEGER NOT NULL,
  used_cost REAL NOT NULL,
  duration_ms INTEGER NOT NULL,
  error TEXT
) STRICT;
CREATE INDEX ledger_time ON ledger(at_ms);

-- AUTOINCREMENT: an id that was pruned is never given to another message.
-- A row outlives its closing without its body: it is the key against redelivery.
CREATE TABLE inbound (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  message_id TEXT NOT NULL,
  body TEXT,
  received_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER,
  outcome TEXT,
  UNIQUE (channel, account, chat_id, message_id)
) STRICT;
CREATE INDEX inbound_open ON inbound(id) WHERE closed_at_ms IS NULL;
CREATE INDEX inbound_closed ON inbound(closed_at_ms) WHERE closed_at_ms IS NOT NULL;

CREATE TABLE cursors (
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  cursor TEXT NOT NULL,
  PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'dead')),
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before_ms INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  settled_at_ms INTEGER,
  platform_id TEXT,
  error TEXT,
  run_id TEXT,
  enqueue_key TEXT
) STRICT;
CREATE INDEX outbox_pending ON outbox(id) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox(id) WHERE state = 'dead';
CREATE INDEX outbox_sent ON outbox(settled_at_ms) WHERE state = 'sent';
CREATE INDEX outbox_key ON outbox(enqueue_key) WHERE enqueue_key IS NOT NULL;

CREATE TABLE channel_requests (
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  code TEXT NOT NULL COLLATE NOCASE,
  name TEXT,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (channel, account, sender_id),
  UNIQUE (channel, code)
) STRICT;

CREATE TABLE channel_allowed (
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  name TEXT,
  approved_at_ms INTEGER NOT NULL,
  PRIMARY KEY (channel, account, sender_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
