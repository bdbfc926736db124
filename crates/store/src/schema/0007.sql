-- Format 7: what waits for a node to ask for it. Times are ms since the Unix epoch.

-- How often a node's requests changed; goes with its device.
CREATE TABLE node_queues (
  node_id TEXT PRIMARY KEY,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Requests for a node that sleeps: one of each type.
CREATE TABLE node_work (
  node_id TEXT NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  priority TEXT NOT NULL CHECK (priority IN ('normal', 'high')),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  PRIMARY KEY (node_id, type)
) STRICT, WITHOUT ROWID;

-- Calls that a node's app takes up when it is in front again.
CREATE TABLE node_calls (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  node_id TEXT NOT NULL,
  command TEXT NOT NULL,
  params TEXT,
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX node_calls_of ON node_calls (node_id, seq);
