-- When a stranger who waits wrote last: shown beside when they wrote first.
ALTER TABLE channel_requests ADD COLUMN last_seen_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE channel_requests SET last_seen_at_ms = created_at_ms;
