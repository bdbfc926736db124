-- Format 10: join URLs outlive the gateway's process. What a code says to whoever fetches it, but for its credential, as JSON text;
-- NULL where there is no join URL of it, or not any more.
ALTER TABLE setup_codes ADD COLUMN join_says TEXT;
