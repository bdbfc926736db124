-- Format 15. What was said in chats where the agent hears, by people and by itself: platforms let no bot read what was said before.
-- `message_id` counts up within a chat; no sender is the bot itself.
CREATE TABLE said (
  channel TEXT NOT NULL,
  account TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  sender_id TEXT,
  sender_name TEXT,
  username TEXT,
  text TEXT NOT NULL,
  sent_at_ms INTEGER NOT NULL,
  edited_at_ms INTEGER,
  reply_to TEXT,
  PRIMARY KEY (channel, account, chat_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX said_age ON said(sent_at_ms);
