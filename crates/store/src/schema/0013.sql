-- Format 13. Drafts of several messages: those of a long answer that stand above the one that is still being changed, from the top, as a
-- JSON list of the platform's ids. And a digest of what a message says, which tells a change of its text from one that changes nothing of
-- it, after the text itself is gone. And the stickers
-- that people have sent, which can be sent again.
ALTER TABLE drafts ADD COLUMN above TEXT NOT NULL DEFAULT '[]';
ALTER TABLE inbound ADD COLUMN said TEXT;
CREATE TABLE stickers (
  account TEXT NOT NULL,
  unique_id TEXT NOT NULL,
  file_id TEXT NOT NULL,
  emoji TEXT,
  set_name TEXT,
  seen_at_ms INTEGER NOT NULL,
  PRIMARY KEY (account, unique_id)
) STRICT, WITHOUT ROWID;
