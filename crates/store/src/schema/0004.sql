-- Format 4: what people choose for a session, and what entries are, so that they are counted and found unread.

-- A label is unique within its agent. model_choice is provider/model; where it is absent, the agent's own model answers.
ALTER TABLE sessions ADD COLUMN label TEXT;
ALTER TABLE sessions ADD COLUMN model_choice TEXT;
ALTER TABLE sessions ADD COLUMN parent_key TEXT;
ALTER TABLE sessions ADD COLUMN archived_at_ms INTEGER;
ALTER TABLE sessions ADD COLUMN pinned_at_ms INTEGER;
ALTER TABLE sessions ADD COLUMN read_at_ms INTEGER;
ALTER TABLE sessions ADD COLUMN marked_unread_at_ms INTEGER;
CREATE UNIQUE INDEX sessions_label ON sessions(agent_id, label) WHERE label IS NOT NULL;
DROP INDEX sessions_latest;
CREATE INDEX sessions_order ON sessions(archived_at_ms IS NOT NULL, pinned_at_ms IS NULL, updated_at_ms DESC, key);

ALTER TABLE entries ADD COLUMN role TEXT;
ALTER TABLE entries ADD COLUMN tool TEXT;
ALTER TABLE entries ADD COLUMN tool_calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entries ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
UPDATE entries SET
  role = json_extract(message, '$.role'),
  tool = json_extract(message, '$.toolName'),
  tool_calls = (SELECT count(*) FROM json_each(message, '$.content')
                WHERE CASE type WHEN 'object' THEN json_extract(value, '$.type') END = 'toolCall'),
  failed = coalesce(json_extract(message, '$.isError'), 0) OR coalesce(json_extract(message, '$.stopReason'), '') = 'error'
  WHERE json_valid(message);
-- Everything that is counted about a time stands in the index.
CREATE INDEX entries_time ON entries(recorded_at_ms, transcript, role, tool, tool_calls, failed);

-- The text of what people and the model said, by entries.entry. Only the index is kept here: the text is in the entry.
CREATE VIRTUAL TABLE entry_text USING
  fts5(text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');
INSERT INTO entry_text (rowid, text)
  SELECT entry, substr(text, 1, 20000) FROM (
    SELECT entry, CASE json_type(message, '$.content')
      WHEN 'text' THEN json_extract(message, '$.content')
      ELSE (SELECT group_concat(CASE type WHEN 'object' THEN json_extract(value, '$.text') END, char(10))
            FROM json_each(message, '$.content')) END AS text
    FROM entries WHERE role IN ('user', 'assistant'))
  WHERE text IS NOT NULL AND text <> '';

-- The parts of used_cost; NULL in rows that were booked before.
ALTER TABLE ledger ADD COLUMN session_id TEXT;
ALTER TABLE ledger ADD COLUMN cost_input REAL;
ALTER TABLE ledger ADD COLUMN cost_output REAL;
ALTER TABLE ledger ADD COLUMN cost_cache_read REAL;
ALTER TABLE ledger ADD COLUMN cost_cache_write REAL;
UPDATE ledger SET session_id =
  (SELECT t.session_id FROM runs r JOIN transcripts t USING (transcript) WHERE r.run_id = ledger.run_id);
