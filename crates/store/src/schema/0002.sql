-- Format 2: jobs that run by themselves, and lines that wait for a session's next turn.

-- What is in `job` (JSON) is the truth; the columns beside it are there to be searched.
CREATE TABLE cron_jobs (
  id TEXT PRIMARY KEY,
  declaration_key TEXT UNIQUE,
  job TEXT NOT NULL,
  -- Counts up with every change: what was decided on an older state is not written.
  revision INTEGER NOT NULL DEFAULT 1,
  next_run_at_ms INTEGER,
  -- The run under way.
  running TEXT,
  -- The job goes once everything that this run sends out has been sent.
  delete_after TEXT
) STRICT;
CREATE INDEX cron_due ON cron_jobs(next_run_at_ms) WHERE next_run_at_ms IS NOT NULL AND running IS NULL;

-- Outlives its job. The id is the agent's run too, where there is one.
CREATE TABLE cron_runs (
  run INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL UNIQUE,
  job_id TEXT NOT NULL,
  job_name TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  session_key TEXT,
  -- NULL while it runs.
  status TEXT CHECK (status IN ('ok', 'error', 'skipped')),
  started_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  -- 'outbox': what became of the rows of this run in the outbox.
  delivery TEXT NOT NULL DEFAULT 'not-requested',
  -- What `cron.runs` shows, JSON.
  entry TEXT
) STRICT;
CREATE INDEX cron_runs_of ON cron_runs(job_id, run);
CREATE INDEX cron_runs_open ON cron_runs(run) WHERE status IS NULL;
CREATE INDEX cron_runs_ended ON cron_runs(ended_at_ms) WHERE status IS NOT NULL;
CREATE INDEX outbox_of ON outbox(run_id) WHERE run_id IS NOT NULL;

CREATE TABLE system_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_key TEXT NOT NULL,
  text TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX system_events_of ON system_events(session_key, id);
