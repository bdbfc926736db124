-- Format 8: what wakes an agent, and whether the size of a context is known.

-- One row a session, until the turn that looks at it is on disk. Another wake meanwhile makes another row of it.
CREATE TABLE wakes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_key TEXT NOT NULL UNIQUE
) STRICT;

-- It was compacted, and no model has been asked since: context_tokens is of before.
ALTER TABLE sessions ADD COLUMN context_stale INTEGER NOT NULL DEFAULT 0;
