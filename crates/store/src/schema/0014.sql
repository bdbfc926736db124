-- Format 14. What people chose for a session by commands; NULL is as configured. `hears_all`: whether all that is said in its group is
-- for the agent. `sends`: whether answers go out to its chat. `usage_line`: what an answer says of its cost.
ALTER TABLE sessions ADD COLUMN hears_all INTEGER;
ALTER TABLE sessions ADD COLUMN sends INTEGER;
ALTER TABLE sessions ADD COLUMN usage_line TEXT;
