-- The roll-ups: what they are, what is still to be folded, and what covers them. The folding itself is in 0003.

-- Levels ---------------------------------------------------------------------------------------------------------------

-- How long a bucket is, null for a month. In hours and not in days: a day added to a timestamptz follows the session's zone.
CREATE FUNCTION bucket_width(interval_ text) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE interval_
    WHEN '1s' THEN interval '1 second'
    WHEN '1m' THEN interval '1 minute'
    WHEN '3m' THEN interval '3 minutes'
    WHEN '5m' THEN interval '5 minutes'
    WHEN '10m' THEN interval '10 minutes'
    WHEN '15m' THEN interval '15 minutes'
    WHEN '30m' THEN interval '30 minutes'
    WHEN '1h' THEN interval '1 hour'
    WHEN '4h' THEN interval '4 hours'
    WHEN '1d' THEN interval '24 hours'
    WHEN '1w' THEN interval '168 hours'
  END
$$;

-- Start of the bucket that holds a time, on the exchange's grid (core/interval.ts): UTC, weeks begin on Monday.
-- 1970-01-05 is a Monday and on the grid of every shorter interval.
CREATE FUNCTION bucket_start(interval_ text, at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE interval_
    WHEN '1mo' THEN date_trunc('month', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    ELSE date_bin(bucket_width(interval_), at, '1970-01-05 00:00:00+00')
  END
$$;

-- End (exclusive) of the bucket that starts at starts_at. Counted without a zone: only so it is immutable in PostgreSQL's
-- eyes, which then writes it into the calling statement instead of calling it 4,400 times a minute at 47 µs each.
CREATE FUNCTION bucket_end(interval_ text, starts_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (starts_at AT TIME ZONE 'UTC'
    + CASE interval_ WHEN '1mo' THEN interval '1 month' ELSE bucket_width(interval_) END) AT TIME ZONE 'UTC'
$$;

-- The whole buckets within a range. What an answer says of half a bucket is of no use: its row is not the bucket's.
CREATE FUNCTION whole_buckets(interval_ text, since timestamptz, until timestamptz) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN first < last THEN tstzmultirange(tstzrange(first, last)) ELSE '{}' END
  FROM (
    SELECT CASE WHEN bucket_start(interval_, since) = since THEN since
                ELSE bucket_end(interval_, bucket_start(interval_, since)) END AS first,
           bucket_start(interval_, until) AS last
  ) AS grid
$$;

-- The order of folding. Each level is folded from the one below it; from 1m to 1d directly costs ninety times as much.
CREATE TABLE rollup_level (
  level       smallint PRIMARY KEY,
  interval    text COLLATE "C" NOT NULL UNIQUE,
  folded_from text COLLATE "C" NOT NULL,
  -- The roll-ups that it is made of, the nearest first.
  below       smallint[] NOT NULL
);
INSERT INTO rollup_level
WITH RECURSIVE level(level, interval, folded_from) AS (
  VALUES (1, '1m', '1s'), (2, '3m', '1m'), (3, '5m', '1m'), (4, '10m', '5m'), (5, '15m', '5m'), (6, '30m', '15m'),
         (7, '1h', '30m'), (8, '4h', '1h'), (9, '1d', '4h'), (10, '1w', '1d'), (11, '1mo', '1d')
), ancestry(level, ancestor, steps) AS (
  SELECT l.level, b.level, 1 FROM level l JOIN level b ON b.interval = l.folded_from
  UNION ALL
  SELECT a.level, b.level, a.steps + 1
  FROM ancestry a JOIN level l ON l.level = a.ancestor JOIN level b ON b.interval = l.folded_from
)
SELECT l.level, l.interval, l.folded_from,
  ARRAY(SELECT ancestor FROM ancestry a WHERE a.level = l.level ORDER BY steps)
FROM level l;


-- Roll-ups -------------------------------------------------------------------------------------------------------------

CREATE TYPE rollup_source AS ENUM ('folded', 'exchange');

-- Drawn under the drain's lock, so that its order is the order of commits.
CREATE SEQUENCE rollup_sequence;

CREATE TABLE market_candle (
  starts_at    timestamptz NOT NULL,
  last_tick_at timestamptz NOT NULL,
  -- Each stored second before it is folded in or dirty. The bucket's end when it is closed.
  until        timestamptz NOT NULL,
  -- The revision: a promoted replica may lack the newest values of the sequence, but it counts a new timeline.
  sequence     bigint NOT NULL,
  timeline     integer NOT NULL,
  source       rollup_source NOT NULL,
  -- Whether what we know that we saw contains [starts_at, until).
  complete     boolean NOT NULL,
  -- A tombstone: all that was in the bucket turned out not to have happened.
  deleted      boolean NOT NULL,
  interval     text COLLATE "C" NOT NULL,
  market       text COLLATE "C" NOT NULL,
  open         numeric NOT NULL,
  high         numeric NOT NULL,
  low          numeric NOT NULL,
  close        numeric NOT NULL,
  volume       numeric NOT NULL,
  turnover     numeric NOT NULL,
  -- Serves "the newest N" backwards. The interval, one value in each partition, stands last and only for the parent's sake.
  PRIMARY KEY (market, starts_at, interval)
) PARTITION BY LIST (interval);
COMMENT ON TABLE market_candle IS
  'One row per market, interval and bucket with trades, closed or forming. Written by the drain alone; the table is its own outbox.';

-- For the relay: what is newer than its cursor, in order.
CREATE INDEX market_candle_revision ON market_candle (timeline, sequence);

DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT interval FROM rollup_level ORDER BY level LOOP
    EXECUTE format('CREATE TABLE %I PARTITION OF market_candle FOR VALUES IN (%L)', 'market_candle_' || name, name);
    EXECUTE format('GRANT SELECT ON %I TO stofka_persist, stofka_stream, stofka_repair', 'market_candle_' || name);
  END LOOP;
END $$;

-- The exchange's own rows of these intervals, the newest answer each. persist stores them and marks the bucket dirty.
CREATE TABLE exchange_candle (
  starts_at    timestamptz NOT NULL,
  last_tick_at timestamptz NOT NULL,
  fetched_at   timestamptz NOT NULL,
  interval     text COLLATE "C" NOT NULL,
  market       text COLLATE "C" NOT NULL,
  open         numeric NOT NULL,
  high         numeric NOT NULL,
  low          numeric NOT NULL,
  close        numeric NOT NULL,
  volume       numeric NOT NULL,
  turnover     numeric NOT NULL,
  PRIMARY KEY (market, starts_at, interval)
);

GRANT SELECT ON market_candle, exchange_candle, rollup_level TO stofka_persist, stofka_stream, stofka_repair;
GRANT INSERT, UPDATE ON exchange_candle TO stofka_persist;


-- Retention ------------------------------------------------------------------------------------------------------------

-- Days that housekeeping keeps; null keeps everything. Seconds are dropped by persist, a partition at a time.
ALTER TABLE retention ADD COLUMN kept_days integer CHECK (kept_days > 0);
INSERT INTO retention (relation, kept_since, kept_days)
SELECT 'market_candle_' || interval, '-infinity', CASE WHEN level <= 3 THEN 400 WHEN level <= 6 THEN 1200 END
FROM rollup_level;


-- What is to be folded -------------------------------------------------------------------------------------------------

-- The drain's own list, no one else writes it: each bucket once, so that an hour of dirty rows is a short list with an
-- index. Besides what is dirty it holds every forming bucket, which has to be closed at its end even if nothing more trades.
CREATE TABLE rollup_todo (
  starts_at timestamptz NOT NULL,
  ends_at   timestamptz NOT NULL,
  level     smallint NOT NULL,
  -- Whether anything below has changed since it was folded last.
  touched   boolean NOT NULL,
  market    text COLLATE "C" NOT NULL,
  PRIMARY KEY (level, starts_at, market)
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);
CREATE INDEX rollup_todo_inside ON rollup_todo (market, level, starts_at);

-- How the drain fares: one row.
CREATE TABLE rollup_state (
  singleton     boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  last_round_at timestamptz,
  -- When housekeeping last looked, and why a round last failed.
  kept_house_at timestamptz,
  failed_at     timestamptz,
  failure       text
) WITH (fillfactor = 50);
INSERT INTO rollup_state DEFAULT VALUES;

GRANT SELECT ON rollup_todo, rollup_state TO stofka_persist, stofka_stream, stofka_repair;


-- Coverage, united -----------------------------------------------------------------------------------------------------

-- United ranges per market and kind of knowledge, so that a month's bucket asks one row and not every session since:
-- `live` from sessions that are over (the running ones are added when asked), otherwise the interval of the answers, whole
-- buckets only. Written by the drain alone.
CREATE TABLE coverage_known (
  market   text COLLATE "C" NOT NULL,
  interval text COLLATE "C" NOT NULL,
  covered  tstzmultirange NOT NULL,
  PRIMARY KEY (market, interval)
);

-- What the drain has taken in of each session.
CREATE TABLE coverage_seen (
  until     timestamptz NOT NULL,
  partition smallint NOT NULL,
  -- Whether it counted as over, hence 5 s less at each end.
  over      boolean NOT NULL,
  session   text COLLATE "C" NOT NULL,
  PRIMARY KEY (session, partition)
) WITH (fillfactor = 50);

-- Ranges on their way into coverage_known, in the transaction that brought them.
CREATE TABLE coverage_inbox (
  since    timestamptz NOT NULL,
  until    timestamptz NOT NULL,
  market   text COLLATE "C" NOT NULL,
  -- The interval of an answer, or `hole`.
  interval text COLLATE "C" NOT NULL
);
GRANT SELECT ON coverage_known TO stofka_persist, stofka_stream, stofka_repair;

CREATE FUNCTION coverage_answer_came() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.coverage_inbox SELECT since, until, market, interval FROM came;
  RETURN NULL;
END $$;
CREATE FUNCTION coverage_hole_came() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.coverage_inbox SELECT since, until, market, 'hole' FROM came;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION coverage_answer_came(), coverage_hole_came() FROM PUBLIC;
CREATE TRIGGER came AFTER INSERT ON coverage_answer
  REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION coverage_answer_came();
CREATE TRIGGER came AFTER INSERT ON coverage_hole
  REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION coverage_hole_came();
