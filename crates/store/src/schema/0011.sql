-- Format 11: drafts. A message on a platform that shows a run's answer while it is being written: which one it is, whether it only says
-- what the run is at, and what the last rows were when it was sent. It goes with the commit that ends its run.
CREATE TABLE drafts (
  run_id TEXT PRIMARY KEY,
  message_id TEXT NOT NULL,
  is_status INTEGER NOT NULL,
  outbox_id INTEGER NOT NULL,
  inbound_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
