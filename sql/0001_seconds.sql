-- The seconds, what covers them, and what they make dirty.
--
-- Times are timestamptz, decimals numeric (canonical: the writer never sends trailing fraction zeros), texts that are keys
-- collate "C", so that their order is the order of the services.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- Who may do what is granted beside each object below; the roles are made by migrate.ts.
DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO stofka_persist, stofka_stream, stofka_repair', current_database());
END $$;
GRANT USAGE ON SCHEMA public TO stofka_persist, stofka_stream, stofka_repair;
GRANT SELECT ON schema_migration TO stofka_persist, stofka_stream, stofka_repair;


-- Markets as the exchange lists them -----------------------------------------------------------------------------------

CREATE TABLE market (
  market        text COLLATE "C" PRIMARY KEY,
  korean_name   text NOT NULL,
  english_name  text NOT NULL,
  -- The exchange's entry of /market/all, warnings included.
  listing       jsonb NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at  timestamptz NOT NULL,
  -- Null while it is traded.
  delisted_at   timestamptz
);
COMMENT ON TABLE market IS 'Every market the exchange ever listed to us; delisted ones stay.';

GRANT SELECT, INSERT, UPDATE ON market TO stofka_persist;
GRANT SELECT ON market TO stofka_stream, stofka_repair;


-- Seconds --------------------------------------------------------------------------------------------------------------

-- What a second's row came from. The ways of REST answers are added with them.
CREATE TYPE candle_origin AS ENUM ('websocket', 'replay');

-- Columns stand in the order of their alignment: eight bytes, four, two, one, then the variable ones; in the order of
-- reading, a row is 12 bytes longer.
CREATE TABLE market_candle_1s (
  starts_at     timestamptz NOT NULL,
  last_tick_at  timestamptz NOT NULL,
  received_at   timestamptz NOT NULL,
  -- ms since the epoch: when a parity correction was fetched; 0 for what came from the wire. Not a nullable time: a null
  -- costs the same eight bytes (the null bitmap of more than eight columns) and cannot be compared within a row value.
  correction_ms bigint NOT NULL,
  origin        candle_origin NOT NULL,
  -- How often a newer revision replaced an older one; stays at 32767.
  revisions     smallint NOT NULL,
  -- A tombstone: the exchange says there was no trade in this second after all. Readers skip it, the guard does not.
  deleted       boolean NOT NULL,
  market        text COLLATE "C" NOT NULL,
  open          numeric NOT NULL,
  high          numeric NOT NULL,
  low           numeric NOT NULL,
  close         numeric NOT NULL,
  volume        numeric NOT NULL,
  turnover      numeric NOT NULL,
  PRIMARY KEY (market, starts_at)
) PARTITION BY RANGE (starts_at);
COMMENT ON TABLE market_candle_1s IS
  'One row per market and second with trades, its newest revision by (correction_ms, last_tick_at, volume). A second without trades has no row.';

GRANT SELECT, INSERT, UPDATE ON market_candle_1s TO stofka_persist;
GRANT SELECT ON market_candle_1s TO stofka_stream, stofka_repair;

-- Since when a table is kept. It never goes back: below it, what is stored is not all there was.
CREATE TABLE retention (
  relation   text PRIMARY KEY,
  kept_since timestamptz NOT NULL
);
INSERT INTO retention VALUES ('market_candle_1s', '-infinity');
GRANT SELECT ON retention TO stofka_persist, stofka_stream, stofka_repair;

-- Makes the partition of a UTC day. Returns false, and makes nothing, for a day that retention has passed.
--
-- The table is made beside its parent and attached: CREATE TABLE … PARTITION OF locks out every reader of the parent,
-- ATTACH does not, and the check constraint spares it the scan. Racing callers queue on the advisory lock.
CREATE FUNCTION ensure_seconds_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  name  text := 'market_candle_1s_' || to_char(day, 'YYYYMMDD');
  since timestamptz := day::timestamp AT TIME ZONE 'UTC';
  until timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('market_candle_1s'));
  IF since < (SELECT kept_since FROM public.retention WHERE relation = 'market_candle_1s') THEN
    RETURN false;
  END IF;
  IF to_regclass(format('public.%I', name)) IS NULL THEN
    EXECUTE format(
      'CREATE TABLE public.%I (LIKE public.market_candle_1s INCLUDING ALL, CHECK (starts_at >= %L AND starts_at < %L))',
      name, since, until);
    EXECUTE format(
      'ALTER TABLE public.market_candle_1s ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
      name, since, until);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT %I', name, name || '_starts_at_check');
  END IF;
  RETURN true;
END $$;

-- Drops the days before a UTC day and moves retention there, oldest first, one transaction for all. Returns how many.
-- A caller sets lock_timeout: DROP waits for readers, and everybody waits behind it.
CREATE FUNCTION drop_seconds_before(day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  since   timestamptz := day::timestamp AT TIME ZONE 'UTC';
  name    text;
  dropped integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('market_candle_1s'));
  UPDATE public.retention SET kept_since = since
  WHERE relation = 'market_candle_1s' AND kept_since < since;
  FOR name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.market_candle_1s'::regclass
      AND c.relname < 'market_candle_1s_' || to_char(day, 'YYYYMMDD')
    ORDER BY c.relname
  LOOP
    EXECUTE format('DROP TABLE public.%I', name);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;

REVOKE ALL ON FUNCTION ensure_seconds_day(date), drop_seconds_before(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_seconds_day(date), drop_seconds_before(date) TO stofka_persist;


-- Dirty buckets --------------------------------------------------------------------------------------------------------

-- Buckets to fold again, written in the transaction that changed what lies below them. Append-only and without a unique
-- key: ON CONFLICT DO NOTHING on a shared row lost an update for ever (writer upserts, drain deletes the row and sums,
-- writer commits). So a bucket may stand here many times; readers take DISTINCT.
CREATE TABLE candle_dirty (
  starts_at timestamptz NOT NULL,
  market    text COLLATE "C" NOT NULL,
  interval  text COLLATE "C" NOT NULL
) WITH (
  -- A queue: rows live for seconds, and a scan pays for each dead one.
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000
);
GRANT SELECT, INSERT, DELETE ON candle_dirty TO stofka_persist;
GRANT SELECT ON candle_dirty TO stofka_stream, stofka_repair;


-- Coverage -------------------------------------------------------------------------------------------------------------

-- What a session of ingest saw, per partition of the topic: everything the exchange sent for the markets within
-- [since, until), in receive times. Lengthened by each mark: no index on what changes, and room for the new version in
-- the page, so that each is a heap-only update.
CREATE TABLE coverage_session (
  since        timestamptz NOT NULL,
  until        timestamptz NOT NULL,
  -- Clock of ingest in its newest mark.
  written_at   timestamptz NOT NULL,
  partition    smallint NOT NULL,
  -- False while it runs, and for ever when ingest died: see covered().
  ended        boolean NOT NULL,
  session      text COLLATE "C" NOT NULL,
  -- Why there was a break before it, and why it ended (null while it has not).
  cause        text NOT NULL,
  ended_by     text,
  markets      text[] COLLATE "C" NOT NULL,
  PRIMARY KEY (session, partition),
  CHECK (since <= until)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX coverage_session_since ON coverage_session (since);

-- What was received but could not be stored, so that it is not covered: the record itself is in the dead letter.
CREATE TABLE coverage_hole (
  since  timestamptz NOT NULL,
  until  timestamptz NOT NULL,
  market text COLLATE "C" NOT NULL,
  cause  text NOT NULL,
  PRIMARY KEY (market, since, until),
  CHECK (since < until)
);

-- What an answer of the exchange's REST interface says: all candles of the interval within [since, until).
CREATE TABLE coverage_answer (
  since      timestamptz NOT NULL,
  until      timestamptz NOT NULL,
  fetched_at timestamptz NOT NULL,
  market     text COLLATE "C" NOT NULL,
  interval   text COLLATE "C" NOT NULL,
  PRIMARY KEY (market, interval, since, until),
  CHECK (since < until)
);

-- The newest mark of each partition: until when everything ingest received is stored, and how the link to the exchange is.
CREATE TABLE feed (
  partition  smallint PRIMARY KEY,
  written_at timestamptz NOT NULL,
  until      timestamptz,
  link       text NOT NULL,
  cause      text NOT NULL
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON coverage_session, coverage_hole, coverage_answer TO stofka_persist;
GRANT SELECT, INSERT, UPDATE ON feed TO stofka_persist;
GRANT SELECT ON coverage_session, coverage_hole, coverage_answer, feed TO stofka_stream, stofka_repair;

-- The seconds of a market that are known to be whole, within [since, until): the union of its sessions without what could
-- not be stored, united with the answers for seconds.
--
-- A session that ended counts 5 s less at each end, since a revision may have been due after the cut. So does one without
-- a mark for 10 s: whoever wrote it is gone, or we are behind and cannot know.
CREATE FUNCTION covered(market_ text, since_ timestamptz, until_ timestamptz) RETURNS tstzmultirange
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH session AS (
    SELECT since, until,
      CASE WHEN ended OR until < clock_timestamp() - interval '10 s' THEN interval '5 s' ELSE interval '0' END AS less
    FROM public.coverage_session
    WHERE markets @> ARRAY[market_ COLLATE "C"] AND since < until_ AND until > since_
  ), seen AS (
    SELECT coalesce(range_agg(tstzrange(since + less, until - less)) FILTER (WHERE since + less < until - less), '{}') AS r
    FROM session
  ), hole AS (
    SELECT coalesce(range_agg(tstzrange(since, until)), '{}') AS r
    FROM public.coverage_hole WHERE market = market_ AND since < until_ AND until > since_
  ), answer AS (
    SELECT coalesce(range_agg(tstzrange(since, until)), '{}') AS r
    FROM public.coverage_answer
    WHERE market = market_ AND interval = '1s' AND since < until_ AND until > since_
  )
  SELECT ((seen.r - hole.r) + answer.r) * tstzmultirange(tstzrange(since_, until_))
  FROM seen, hole, answer
$$;
GRANT EXECUTE ON FUNCTION covered(text, timestamptz, timestamptz) TO stofka_persist, stofka_stream, stofka_repair;
