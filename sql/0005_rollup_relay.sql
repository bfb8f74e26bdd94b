-- Up to which revision roll-ups have been sent on and acknowledged: one row. Everything newer is sent again after a crash.
CREATE TABLE relay_cursor (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  timeline  integer NOT NULL DEFAULT 0,
  sequence  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO relay_cursor DEFAULT VALUES;

GRANT SELECT, UPDATE ON relay_cursor TO stofka_persist;
GRANT SELECT ON relay_cursor TO stofka_stream, stofka_repair;
