-- The round again, for a minute of 400 markets through all levels in a quarter of a second. What is folded, when, and from
-- what is unchanged; 0003 says why. Where the time was, CPU of a minute at 17 million seconds, and what is done about it:
--
--   an index on the revision made each of 4,400 row versions a new entry in two indexes: the relay now reads an outbox of one
--     row per level and round, and versions of forming buckets stay in their page
--   ON CONFLICT looked up each row a second time, and routed it: MERGE joins once
--   coverage was united for each level anew: once a round
--   each bucket asked for dirty ones inside it through an index that also held the forming ones: by their ends there is nothing
--     to find
--   4,000 rows of rollup_todo were written that were there already: only what is new or has changed


-- The relay's outbox ---------------------------------------------------------------------------------------------------

-- What rounds have written: up to 1,000 buckets of an interval, picked together. A bucket was changed by this batch when its row
-- bears a sequence within [first_sequence, last_sequence]; a later one says that a later batch has it too, an earlier one that
-- nothing changed. The relay advances relay_cursor to the last_sequence of what it has sent, and the drain deletes what lies
-- behind it.
CREATE TABLE rollup_outbox (
  first_sequence bigint NOT NULL,
  last_sequence  bigint NOT NULL,
  timeline       integer NOT NULL,
  interval       text COLLATE "C" NOT NULL,
  markets        text[] COLLATE "C" NOT NULL,
  starts_at      timestamptz[] NOT NULL,
  PRIMARY KEY (timeline, last_sequence)
);
GRANT SELECT ON rollup_outbox TO stofka_persist, stofka_stream, stofka_repair;

INSERT INTO rollup_outbox (first_sequence, last_sequence, timeline, interval, markets, starts_at)
SELECT min(c.sequence), max(c.sequence), c.timeline, c.interval, array_agg(c.market), array_agg(c.starts_at)
FROM (
  SELECT m.*, (row_number() OVER (PARTITION BY m.timeline, m.interval ORDER BY m.sequence) - 1) / 1000 AS batch
  FROM market_candle m, relay_cursor r WHERE (m.timeline, m.sequence) > (r.timeline, r.sequence)
) c
GROUP BY c.timeline, c.interval, c.batch;

DROP INDEX market_candle_revision;

-- Buckets that form are written once a minute until they end: with room for the new version in the page, no index is touched.
-- 1m is written once. All the others together take a hundredth of what the seconds take.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN SELECT interval FROM rollup_level WHERE level > 1 LOOP
    EXECUTE format('ALTER TABLE %I SET (fillfactor = 50)', 'market_candle_' || name);
  END LOOP;
END $$;

-- For the relay: what was written behind its cursor, in the order of revisions, batch by batch until there are rows_max. Between
-- the two positions lie these rows and none else. A batch with nothing left to send gives one row without a candle, and so does
-- an empty outbox, with the cursor as both positions.
CREATE FUNCTION rollup_unsent(rows_max integer) RETURNS TABLE (
  from_timeline integer, from_sequence bigint, to_timeline integer, to_sequence bigint,
  starts_at timestamptz, last_tick_at timestamptz, until timestamptz, sequence bigint, timeline integer, source rollup_source,
  complete boolean, deleted boolean, "interval" text, market text,
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  batch record;
  rows_ integer := 0;
BEGIN
  FOR batch IN
    SELECT r.timeline AS cursor_timeline, r.sequence AS cursor_sequence, o.*
    FROM relay_cursor r
    CROSS JOIN LATERAL (
      SELECT * FROM rollup_outbox
      WHERE (timeline, last_sequence) > (r.timeline, r.sequence) ORDER BY timeline, last_sequence LIMIT rows_max
    ) o
  LOOP
    RETURN QUERY
    SELECT batch.cursor_timeline, batch.cursor_sequence, batch.timeline, batch.last_sequence, c.*
    FROM (SELECT) nothing LEFT JOIN (
      SELECT s.* FROM unnest(batch.markets, batch.starts_at) AS u(market, starts_at)
      JOIN market_candle s ON s.interval = batch.interval AND s.market = u.market AND s.starts_at = u.starts_at
      WHERE s.timeline = batch.timeline AND s.sequence BETWEEN batch.first_sequence AND batch.last_sequence
    ) c ON true
    ORDER BY c.sequence;
    rows_ := rows_ + cardinality(batch.markets);
    EXIT WHEN rows_ >= rows_max;
  END LOOP;
  IF rows_ = 0 THEN
    RETURN QUERY
    SELECT r.timeline, r.sequence, r.timeline, r.sequence, c.* FROM relay_cursor r LEFT JOIN market_candle c ON false;
  END IF;
END $$;


-- What is to be folded -------------------------------------------------------------------------------------------------

-- Closed buckets inside a bucket: buckets nest, so they are those that end within it. The forming ones end later.
CREATE INDEX rollup_todo_ends ON rollup_todo (market, ends_at);
DROP INDEX rollup_todo_inside;

-- Whether a level has anything to fold though nothing below it was: four times a second the answer is no. (Minutes are listed
-- because they are dirty, all of them.)
CREATE INDEX rollup_todo_touched ON rollup_todo (level) WHERE touched AND level > 1;

-- Marks the stored roll-ups of a stretch to be folded again because what covers them changed: after a gain those that are
-- incomplete, after a loss those that are complete. An answer of an interval says nothing about shorter ones.
--
-- A level at a time: in one statement each stretch looked into the tables of all eleven.
CREATE OR REPLACE FUNCTION rollup_touch(
  markets text[], intervals text[], sinces timestamptz[], untils timestamptz[], gains boolean[]
) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  own record;
BEGIN
  FOR own IN
    -- the intervals whose answers say something about the level, its own among them
    SELECT l.level, l.interval,
      ARRAY(SELECT b.interval FROM rollup_level b WHERE b.level = ANY (l.below)) || ARRAY['1s', l.interval]::text[] AS told_by
    FROM rollup_level l ORDER BY l.level
  LOOP
    INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
    SELECT DISTINCT c.starts_at, bucket_end(own.interval, c.starts_at), own.level, true, c.market
    FROM unnest(markets, intervals, sinces, untils, gains) AS s(market, interval, since, until, gain)
    CROSS JOIN LATERAL (
      SELECT r.market, r.starts_at FROM market_candle r
      WHERE r.market = s.market AND r.interval = own.interval AND r.complete <> s.gain
        AND r.starts_at >= bucket_start(own.interval, s.since) AND r.starts_at < s.until
      OFFSET 0
    ) AS c
    WHERE s.interval = ANY (own.told_by)
    ON CONFLICT (level, starts_at, market) DO UPDATE SET touched = true WHERE NOT rollup_todo.touched;
  END LOOP;
END $$;


-- Folding --------------------------------------------------------------------------------------------------------------

-- Longer buckets from the level below. Until, of a forming one: what lies below an absent row was empty or is dirty.
--
-- Rows come ordered by the primary key; array_agg(… ORDER BY …) would sort each bucket's rows twice again.
CREATE OR REPLACE FUNCTION fold_rollups(
  below_ text, markets_ text[], starts_ timestamptz[], ends_ timestamptz[], closed_ boolean[])
RETURNS TABLE (
  market text, starts_at timestamptz, ends_at timestamptz, closed boolean, until timestamptz, last_tick_at timestamptz,
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql ROWS 100 SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
BEGIN
  RETURN QUERY
  SELECT b.market, b.starts_at, b.ends_at, b.closed,
    CASE WHEN b.closed THEN b.ends_at ELSE coalesce(f.until, b.starts_at) END, f.last_tick_at,
    f.open[1], f.high, f.low, f.close[cardinality(f.close)], trim_scale(f.volume), trim_scale(f.turnover)
  FROM unnest(markets_, starts_, ends_, closed_) AS b(market, starts_at, ends_at, closed)
  CROSS JOIN LATERAL (
    SELECT max(r.until) AS until,
      array_agg(r.open) FILTER (WHERE NOT r.deleted) AS open,
      array_agg(r.close) FILTER (WHERE NOT r.deleted) AS close,
      max(r.high) FILTER (WHERE NOT r.deleted) AS high, min(r.low) FILTER (WHERE NOT r.deleted) AS low,
      sum(r.volume) FILTER (WHERE NOT r.deleted) AS volume, sum(r.turnover) FILTER (WHERE NOT r.deleted) AS turnover,
      max(r.last_tick_at) FILTER (WHERE NOT r.deleted) AS last_tick_at
    FROM (
      SELECT c.* FROM market_candle c
      WHERE c.interval = below_ AND c.market = b.market AND c.starts_at >= b.starts_at AND c.starts_at < b.ends_at
      ORDER BY c.starts_at
    ) AS r
  ) AS f;
END $$;

-- Minutes of many markets at once. 0003 looked up each second of each minute by itself, through the index: 60 visits to pages
-- that hold the same second of other markets. What has just ended, and what is folded from scratch, are the same minutes of
-- most markets: there the index gives the places of all their seconds, and each page is read once. CPU of a minute of 400
-- markets, rows in the order of arrival: 43 ms → 21 ms.

-- Minutes of a stretch with seconds in them, of some markets. A plan by a bitmap, whatever the planner thinks: it knows nothing
-- yet of the seconds that came since it counted last, and takes the newest minute for empty.
CREATE FUNCTION fold_stretch(markets_ text[], since_ timestamptz, until_ timestamptz)
RETURNS TABLE (
  market text, starts_at timestamptz, first_at timestamptz, last_at timestamptz, last_tick_at timestamptz,
  high numeric, low numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql STABLE ROWS 1000
SET plan_cache_mode = force_custom_plan SET enable_indexscan = off SET enable_seqscan = off SET enable_sort = off AS $$
BEGIN
  RETURN QUERY
  SELECT s.market, date_bin('1 minute', s.starts_at, '1970-01-05 00:00:00+00'), min(s.starts_at), max(s.starts_at),
    max(s.last_tick_at), max(s.high), min(s.low), sum(s.volume), sum(s.turnover)
  FROM market_candle_1s s
  WHERE s.market = ANY (markets_) AND s.starts_at >= since_ AND s.starts_at < until_ AND NOT s.deleted
  GROUP BY 1, 2;
END $$;

-- The same of single minutes far apart, as a back-fill brings them.
CREATE FUNCTION fold_apart(markets_ text[], starts_ timestamptz[], ends_ timestamptz[], since_ timestamptz, until_ timestamptz)
RETURNS TABLE (
  market text, starts_at timestamptz, first_at timestamptz, last_at timestamptz, last_tick_at timestamptz,
  high numeric, low numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql STABLE ROWS 100 SET plan_cache_mode = force_custom_plan AS $$
BEGIN
  RETURN QUERY
  SELECT b.market, b.starts_at, f.*
  FROM unnest(markets_, starts_, ends_) AS b(market, starts_at, ends_at)
  CROSS JOIN LATERAL (
    SELECT min(s.starts_at), max(s.starts_at), max(s.last_tick_at), max(s.high), min(s.low), sum(s.volume), sum(s.turnover)
    FROM market_candle_1s s
    WHERE s.market = b.market AND s.starts_at >= b.starts_at AND s.starts_at < b.ends_at
      AND s.starts_at >= since_ AND s.starts_at < until_ AND NOT s.deleted
  ) AS f;
END $$;

-- Minutes from their seconds: as a stretch where that reads at most four times the seconds that are asked for. Two ordered
-- array_agg cost more than the two primary key look-ups for open and close. since_ and until_ enclose the buckets: as constants
-- of the plan they leave out every other day's partition.
--
-- The two functions below are stable, so that they read by the snapshot of this one's statement, as the look-ups do.
CREATE OR REPLACE FUNCTION fold_seconds(markets_ text[], starts_ timestamptz[], ends_ timestamptz[], closed_ boolean[])
RETURNS TABLE (
  market text, starts_at timestamptz, ends_at timestamptz, closed boolean, until timestamptz, last_tick_at timestamptz,
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql ROWS 100 SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  surplus_max CONSTANT integer := 4;
  since_   timestamptz := (SELECT min(s) FROM unnest(starts_) s);
  until_   timestamptz := (SELECT max(e) FROM unnest(ends_) e);
  names_   text[] := ARRAY(SELECT DISTINCT m FROM unnest(markets_) m);
  -- Minutes in the stretch, all names'.
  minutes_ float8 := cardinality(names_) * extract(epoch FROM until_ - since_) / 60;
  dense_   boolean := minutes_ <= surplus_max * cardinality(markets_);
BEGIN
  RETURN QUERY
  SELECT b.market, b.starts_at, b.ends_at, b.closed, b.ends_at, f.last_tick_at,
    (SELECT s.open FROM market_candle_1s s WHERE s.market = b.market AND s.starts_at = f.first_at
       AND s.starts_at >= since_ AND s.starts_at < until_),
    f.high, f.low,
    (SELECT s.close FROM market_candle_1s s WHERE s.market = b.market AND s.starts_at = f.last_at
       AND s.starts_at >= since_ AND s.starts_at < until_),
    trim_scale(f.volume), trim_scale(f.turnover)
  FROM unnest(markets_, starts_, ends_, closed_) AS b(market, starts_at, ends_at, closed)
  LEFT JOIN (
    SELECT s.* FROM fold_stretch(names_, since_, until_) s WHERE dense_
    UNION ALL
    SELECT a.* FROM fold_apart(markets_, starts_, ends_, since_, until_) a WHERE NOT dense_
  ) AS f ON f.market = b.market AND f.starts_at = b.starts_at;
END $$;

-- What we saw ourselves, per market: the live coverage without what could not be stored. Answers are added per level.
CREATE FUNCTION rollup_seen(at timestamptz, OUT markets_ text[], OUT seen_ tstzmultirange[])
LANGUAGE sql STABLE AS $$
  WITH live AS (
    SELECT k.market, k.covered FROM coverage_known k WHERE k.interval = 'live'
    UNION ALL
    SELECT m.market, tstzmultirange(tstzrange(s.since, s.until - interval '1 s'))
    FROM coverage_session s CROSS JOIN unnest(s.markets) AS m(market)
    WHERE NOT s.ended AND s.until >= at - interval '10 s' AND s.since < s.until - interval '1 s'
  ), hole AS (
    SELECT h.market, range_agg(tstzrange(h.since, h.until)) AS covered FROM coverage_hole h GROUP BY h.market
  ), seen AS (
    SELECT l.market, range_agg(l.covered) AS covered FROM live l GROUP BY l.market
  )
  SELECT array_agg(s.market), array_agg(s.covered - coalesce(h.covered, '{}'))
  FROM seen s LEFT JOIN hole h ON h.market = s.market
$$;

DROP FUNCTION rollup_store(timestamptz, smallint, text[], timestamptz[], timestamptz[], boolean[]);

-- Folds picked buckets of one level, stores what changed, and tells the outbox. Plans are generic: planned for each level anew
-- they cost more than their work.
--
-- Of three it takes the first there is: the fold whose every second is covered, the exchange's row fetched after the end,
-- the incomplete fold. Where retention has passed what lies below, only the exchange's row can replace what is stored: a late
-- second would turn a minute of volume 60 into 1.
CREATE FUNCTION rollup_store(
  level_ smallint, markets_ text[], starts_ timestamptz[], ends_ timestamptz[], closed_ boolean[],
  seen_markets_ text[], seen_ tstzmultirange[]
) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_mergejoin = off AS $$
DECLARE
  interval_ text;
  below_    text;
  -- What covers the level below and everything that is made of.
  answers_  text[];
  kept_     timestamptz;
  -- Not from pg_control_checkpoint(), which tells the old timeline until the first checkpoint after a promotion.
  timeline_ integer := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
  first_    bigint := (SELECT last_value + is_called::integer FROM rollup_sequence);
  stored_   integer;
BEGIN
  SELECT l.interval, l.folded_from, r.kept_since,
    ARRAY(SELECT b.interval FROM rollup_level b WHERE b.level = ANY (l.below)) || '1s'::text
  INTO STRICT interval_, below_, kept_, answers_
  FROM rollup_level l JOIN retention r ON r.relation = 'market_candle_' || l.folded_from
  WHERE l.level = level_;

  MERGE INTO market_candle AS c
  USING (
    SELECT f.market, f.starts_at, f.until, v.foldable, e.market IS NOT NULL AS answered,
      CASE WHEN e.market IS NULL THEN v.whole ELSE e.complete END AS complete,
      CASE WHEN e.market IS NULL THEN f.last_tick_at ELSE e.last_tick_at END AS last_tick_at,
      CASE WHEN e.market IS NULL THEN f.open ELSE e.open END AS open,
      CASE WHEN e.market IS NULL THEN f.high ELSE e.high END AS high,
      CASE WHEN e.market IS NULL THEN f.low ELSE e.low END AS low,
      CASE WHEN e.market IS NULL THEN f.close ELSE e.close END AS close,
      CASE WHEN e.market IS NULL THEN f.volume ELSE e.volume END AS volume,
      CASE WHEN e.market IS NULL THEN f.turnover ELSE e.turnover END AS turnover
    FROM (
      SELECT s.* FROM fold_seconds(markets_, starts_, ends_, closed_) s WHERE level_ = 1
      UNION ALL
      SELECT r.* FROM fold_rollups(below_, markets_, starts_, ends_, closed_) r WHERE level_ > 1
    ) AS f
    LEFT JOIN unnest(seen_markets_, seen_) AS s(market, covered) ON s.market = f.market
    CROSS JOIN LATERAL (
      -- OFFSET 0: worked out once. The answers are looked up only where what we saw does not suffice.
      SELECT f.starts_at >= kept_ AS foldable, f.starts_at >= kept_ AND (
        coalesce(s.covered @> tstzrange(f.starts_at, f.until), false) OR (
          SELECT range_agg(k.covered) + coalesce(s.covered, '{}') @> tstzrange(f.starts_at, f.until)
          FROM coverage_known k WHERE k.market = f.market AND k.interval = ANY (answers_)
        ) IS TRUE) AS whole
      OFFSET 0
    ) AS v
    LEFT JOIN LATERAL (
      -- LIMIT: a look-up for each that needs it, whatever the table holds
      SELECT x.*, EXISTS (
          SELECT FROM coverage_known k
          WHERE k.market = f.market AND k.interval = interval_ AND k.covered @> tstzrange(f.starts_at, f.ends_at)
        ) AS complete
      FROM exchange_candle x
      WHERE f.closed AND NOT v.whole
        AND x.interval = interval_ AND x.market = f.market AND x.starts_at = f.starts_at AND x.fetched_at >= f.ends_at
      LIMIT 1
    ) AS e ON true
    WHERE v.foldable OR e.market IS NOT NULL
  ) AS w
  ON c.interval = interval_ AND c.market = w.market AND c.starts_at = w.starts_at
  WHEN MATCHED AND (w.foldable OR NOT (c.complete AND c.source = 'folded')) AND (
    c.until <> w.until OR (c.source = 'exchange') <> w.answered OR c.complete <> w.complete OR c.deleted <> (w.open IS NULL)
    OR c.close <> w.close OR c.volume <> w.volume OR c.turnover <> w.turnover OR c.last_tick_at <> w.last_tick_at
    OR c.open <> w.open OR c.high <> w.high OR c.low <> w.low
  ) THEN UPDATE SET
    until = w.until, sequence = nextval('rollup_sequence'), timeline = timeline_, source = CASE WHEN w.answered THEN 'exchange' ELSE 'folded' END::rollup_source, complete = w.complete,
    -- a tombstone keeps what it was
    deleted = w.open IS NULL, last_tick_at = coalesce(w.last_tick_at, c.last_tick_at), open = coalesce(w.open, c.open),
    high = coalesce(w.high, c.high), low = coalesce(w.low, c.low), close = coalesce(w.close, c.close),
    volume = coalesce(w.volume, c.volume), turnover = coalesce(w.turnover, c.turnover)
  WHEN NOT MATCHED AND w.open IS NOT NULL THEN INSERT
    (starts_at, last_tick_at, until, sequence, timeline, source, complete, deleted, interval, market,
     open, high, low, close, volume, turnover)
  VALUES (w.starts_at, w.last_tick_at, w.until, nextval('rollup_sequence'), timeline_,
    CASE WHEN w.answered THEN 'exchange' ELSE 'folded' END::rollup_source, w.complete, false,
    interval_, w.market, w.open, w.high, w.low, w.close, w.volume, w.turnover);
  GET DIAGNOSTICS stored_ = ROW_COUNT;

  IF stored_ > 0 THEN
    INSERT INTO rollup_outbox (first_sequence, last_sequence, timeline, interval, markets, starts_at)
    SELECT first_, last_value, timeline_, interval_, markets_, starts_ FROM rollup_sequence;
  END IF;
END $$;

-- One round. Each level first takes what ended less than 2 minutes ago, then at most old_max older buckets, newest first, so
-- that an hour of arrears never starves the minute that has just ended. Times are compared with at, the round's clock.
--
-- A bucket is closed when coverage of its market passed its end by 1 s (the second :59 arrives at about :60.007), or when 30 s
-- went by. A minute appears when it is closed; longer buckets also while they form, each time a minute in them was folded, so
-- once a minute: until then a reader folds at most some 60 seconds to them itself, and a refresh with each second would write
-- sixty times as many row versions. A bucket waits while one below it is dirty and closed.
--
-- Of arrears of more dirty rows than a round takes, as after an hour without pg_cron:
--
--   the minute that has just ended is folded though its dirty rows lie behind all others
--   a round takes the rows before a place, in the order of the table: by a list of places (ctid = ANY) each row was held against
--     each place where the plan was made while the queue was short, and a round of 100,000 took minutes
--
-- folded: buckets folded; more: whether older ones remain that were not waiting.
CREATE OR REPLACE FUNCTION rollup_round(at timestamptz, old_max integer, OUT folded integer, OUT more boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET synchronize_seqscans = off AS $$
DECLARE
  dirty_max CONSTANT integer := 100000;
  -- Buckets in one row of the outbox, hence in one message of the relay's.
  batch_max CONSTANT integer := 1000;
  -- The first dirty row that this round leaves to the next; null when it takes all.
  behind_   tid;
  -- Markets with coverage, and up to when their buckets are closed.
  covered_  text[];
  passed_   timestamptz[];
  -- Where there is none: 30 s after their end.
  latest_   timestamptz := at - interval '30 s';
  -- What was seen of each market; looked up when there is something to fold.
  seen_     record;
  -- What this round has folded, level by level: the longer buckets around it follow. In memory, since to write it down in
  -- rollup_todo and to cross it out again made 8,000 row versions a minute. Of level n it is the slice
  -- [firsts_[n], lasts_[n]].
  markets_  text[] := '{}';
  starts_   timestamptz[] := '{}';
  firsts_   integer[] := '{}';
  lasts_    integer[] := '{}';
  own       record;
  first_    integer;
  last_     integer;
  -- Levels with closed buckets that are still listed, and those of them that are below: only they can make a bucket wait.
  pending_  smallint[] := '{}';
  blocking_ smallint[];
  oldest_   timestamptz;
  -- Since when a bucket of the level counts as fresh.
  recent_   timestamptz;
  picked    record;
BEGIN
  folded := 0;
  more := false;

  SELECT d.ctid INTO behind_ FROM candle_dirty d OFFSET dirty_max LIMIT 1;
  WITH gone AS (
    DELETE FROM candle_dirty WHERE ctid < coalesce(behind_, '(4294967295,0)')
    RETURNING CASE interval WHEN '1s' THEN '1m' ELSE interval END AS interval, market, starts_at
  ), dirty AS MATERIALIZED (
    SELECT DISTINCT l.level, l.interval, g.market, bucket_start(l.interval, g.starts_at) AS starts_at
    FROM gone g JOIN rollup_level l ON l.interval = g.interval
  ), listed AS (
    -- not DO UPDATE: that writes a row's lock even where there is nothing to change
    INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
    SELECT d.starts_at, bucket_end(d.interval, d.starts_at), d.level, true, d.market FROM dirty d
    ON CONFLICT (level, starts_at, market) DO NOTHING
  ), touched AS (
    UPDATE rollup_todo t SET touched = true FROM dirty d
    WHERE d.level > 1 AND t.level = d.level AND t.starts_at = d.starts_at AND t.market = d.market AND NOT t.touched
  )
  SELECT count(*) INTO first_ FROM gone;
  PERFORM rollup_coverage(at);

  SELECT array_agg(c.market), array_agg(greatest(c.passed, latest_)) INTO covered_, passed_
  FROM (
    SELECT m.market, max(s.until) - interval '1 s' AS passed
    FROM coverage_session s CROSS JOIN unnest(s.markets) AS m(market)
    WHERE s.until > at - interval '30 s' GROUP BY m.market
  ) c;

  -- An hour without a round leaves a million dirty rows, the newest behind all others. What has just ended is listed unasked:
  -- where nothing traded, the fold finds nothing.
  IF behind_ IS NOT NULL THEN
    INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
    SELECT b.starts_at, b.starts_at + interval '1 minute', 1, true, c.market
    FROM unnest(covered_) AS c(market)
    CROSS JOIN (
      SELECT bucket_start('1m', at) - n * interval '1 minute' AS starts_at FROM generate_series(1, 2) n
    ) b
    ON CONFLICT (level, starts_at, market) DO NOTHING;
  END IF;

  FOR own IN
    SELECT l.level, l.interval, l.below, bucket_width(l.interval) AS width FROM rollup_level l ORDER BY l.level
  LOOP
    firsts_[own.level] := cardinality(markets_) + 1;
    lasts_[own.level] := cardinality(markets_);
    -- With dirty rows left over, nobody knows yet which minutes below are whole.
    IF own.level > 1 AND behind_ IS NOT NULL THEN
      more := true;
      INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
      SELECT DISTINCT b.starts_at, bucket_end(l.interval, b.starts_at), l.level, true, f.market
      FROM unnest(markets_, starts_) AS f(market, starts_at) JOIN rollup_level l ON l.folded_from = '1m'
      CROSS JOIN LATERAL (SELECT bucket_start(l.interval, f.starts_at) AS starts_at) b
      ON CONFLICT (level, starts_at, market) DO UPDATE SET touched = true WHERE NOT rollup_todo.touched;
      EXIT;
    END IF;

    IF own.level = 1 OR lasts_[own.below[1]] < firsts_[own.below[1]] THEN
      -- within a level, buckets end in the order of their starts
      SELECT t.ends_at INTO oldest_ FROM rollup_todo t WHERE t.level = own.level ORDER BY t.level, t.starts_at LIMIT 1;
      CONTINUE WHEN (oldest_ IS NULL OR oldest_ > at)
        AND NOT EXISTS (SELECT FROM rollup_todo t WHERE t.touched AND t.level > 1 AND t.level = own.level);
    END IF;

    blocking_ := ARRAY(SELECT unnest(pending_) INTERSECT SELECT unnest(own.below));
    recent_ := bucket_start(own.interval, at - interval '2 minutes');
    first_ := firsts_[own.below[1]];
    last_ := lasts_[own.below[1]];
    WITH passed AS (
      SELECT p.market, p.passed FROM unnest(covered_, passed_) AS p(market, passed)
    ), around AS MATERIALIZED (
      SELECT DISTINCT f.market, CASE WHEN own.width IS NULL THEN bucket_start('1mo', f.starts_at)
        ELSE date_bin(own.width, f.starts_at, '1970-01-05 00:00:00+00') END AS starts_at
      FROM unnest(markets_[first_:last_], starts_[first_:last_]) AS f(market, starts_at)
      WHERE own.level > 1
    ), listed AS (
      SELECT t.market, t.starts_at, t.ends_at, t.touched FROM rollup_todo t
      WHERE t.level = own.level AND t.starts_at >= recent_
    ), fresh AS (
      SELECT market, starts_at, a.market IS NOT NULL AS around, l.market IS NOT NULL AS listed,
        coalesce(l.touched, false) AS touched, coalesce(p.passed, latest_) AS passed,
        coalesce(l.ends_at, CASE WHEN own.width IS NULL THEN bucket_end('1mo', starts_at) ELSE starts_at + own.width END)
          AS ends_at
      FROM around a FULL JOIN listed l USING (market, starts_at) LEFT JOIN passed p USING (market)
    ), judged AS MATERIALIZED (
      SELECT f.*, f.ends_at <= f.passed AS closed, blocking_ <> '{}' AND EXISTS (
          SELECT FROM rollup_todo b
          WHERE b.market = f.market AND b.ends_at > f.starts_at AND b.ends_at <= least(f.ends_at, f.passed)
            AND b.level = ANY (blocking_)
        ) AS waits
      FROM fresh f WHERE f.around OR f.touched AND own.level > 1 OR f.ends_at <= f.passed
    ), old AS (
      SELECT t.market, t.starts_at, t.ends_at FROM rollup_todo t
      WHERE t.level = own.level AND t.starts_at < recent_
        AND NOT EXISTS (SELECT FROM around a WHERE a.market = t.market AND a.starts_at = t.starts_at)
        AND NOT EXISTS (
          SELECT FROM rollup_todo b
          WHERE b.market = t.market AND b.ends_at > t.starts_at AND b.ends_at <= t.ends_at AND b.level = ANY (blocking_))
      ORDER BY t.starts_at DESC LIMIT old_max
    ), waiting AS (
      INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
      SELECT j.starts_at, j.ends_at, own.level, true, j.market FROM judged j WHERE j.waits AND NOT j.touched
      ON CONFLICT (level, starts_at, market) DO UPDATE SET touched = true WHERE NOT rollup_todo.touched
    ), pick AS (
      SELECT j.market, j.starts_at, j.ends_at, j.closed, j.listed, j.touched, false AS old FROM judged j WHERE NOT j.waits
      UNION ALL
      SELECT o.market, o.starts_at, o.ends_at, true, true, true, true FROM old o
    )
    SELECT array_agg(p.market) AS markets, array_agg(p.starts_at) AS starts, array_agg(p.ends_at) AS ends,
      array_agg(p.closed) AS closed, count(*) FILTER (WHERE p.old) AS old, bool_or(p.closed) AS any_closed,
      -- A bucket that forms stays listed: at its end it has to be closed even if nothing more trades in it.
      array_agg(p.market) FILTER (WHERE NOT p.closed AND NOT p.listed) AS new_markets,
      array_agg(p.starts_at) FILTER (WHERE NOT p.closed AND NOT p.listed) AS new_starts,
      array_agg(p.ends_at) FILTER (WHERE NOT p.closed AND NOT p.listed) AS new_ends,
      array_agg(p.market) FILTER (WHERE NOT p.closed AND p.touched) AS touched_markets,
      array_agg(p.starts_at) FILTER (WHERE NOT p.closed AND p.touched) AS touched_starts
    INTO picked FROM pick p;
    IF picked.markets IS NULL THEN
      IF (SELECT t.ends_at FROM rollup_todo t WHERE t.level = own.level ORDER BY t.level, t.starts_at LIMIT 1) <= at THEN
        pending_ := pending_ || own.level;
      END IF;
      CONTINUE;
    END IF;

    IF folded = 0 THEN
      SELECT s.markets_ AS markets, s.seen_ AS covered INTO seen_ FROM rollup_seen(at) s;
    END IF;
    FOR first_ IN 1 .. cardinality(picked.markets) BY batch_max LOOP
      last_ := first_ + batch_max - 1;
      PERFORM rollup_store(own.level, picked.markets[first_:last_], picked.starts[first_:last_], picked.ends[first_:last_],
        picked.closed[first_:last_], seen_.markets, seen_.covered);
    END LOOP;
    folded := folded + cardinality(picked.markets);
    more := more OR picked.old = old_max;
    markets_ := markets_ || picked.markets;
    starts_ := starts_ || picked.starts;
    lasts_[own.level] := cardinality(markets_);

    IF picked.any_closed THEN
      DELETE FROM rollup_todo t USING unnest(picked.markets, picked.starts, picked.closed) AS p(market, starts_at, closed)
      WHERE p.closed AND t.level = own.level AND t.starts_at = p.starts_at AND t.market = p.market;
    END IF;
    IF picked.new_markets IS NOT NULL THEN
      INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
      SELECT p.starts_at, p.ends_at, own.level, false, p.market
      FROM unnest(picked.new_markets, picked.new_starts, picked.new_ends) AS p(market, starts_at, ends_at);
    END IF;
    IF picked.touched_markets IS NOT NULL THEN
      UPDATE rollup_todo t SET touched = false
      FROM unnest(picked.touched_markets, picked.touched_starts) AS p(market, starts_at)
      WHERE t.level = own.level AND t.starts_at = p.starts_at AND t.market = p.market;
    END IF;
    IF (SELECT t.ends_at FROM rollup_todo t WHERE t.level = own.level ORDER BY t.level, t.starts_at LIMIT 1) <= at THEN
      pending_ := pending_ || own.level;
    END IF;
  END LOOP;
END $$;


-- Housekeeping ---------------------------------------------------------------------------------------------------------

-- Deletes roll-ups that retention has passed, at most rows_max of each table, and moves the table's kept_since there. What is
-- made of them is never folded again from below (rollup_store). Deletes what the relay has sent; while it is away, batches whose
-- every bucket was changed again are of no use, so that the outbox is bounded by the buckets that changed meanwhile.
CREATE OR REPLACE FUNCTION rollup_keep_house(at timestamptz, rows_max integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
  batches_max CONSTANT integer := 2000;
  own      record;
  deleted_ integer;
  total_   integer := 0;
BEGIN
  FOR own IN
    SELECT l.interval, l.level, r.relation, bucket_start('1d', at - r.kept_days * interval '24 hours') AS since
    FROM rollup_level l JOIN retention r ON r.relation = 'market_candle_' || l.interval WHERE r.kept_days IS NOT NULL
  LOOP
    UPDATE retention SET kept_since = own.since WHERE relation = own.relation AND kept_since < own.since;
    DELETE FROM rollup_todo t WHERE t.level = own.level AND t.starts_at < own.since;
    -- by market, through the primary key: no index has starts_at in front
    DELETE FROM market_candle c USING (
      SELECT r.market, r.starts_at FROM market m
      CROSS JOIN LATERAL (
        SELECT c.market, c.starts_at FROM market_candle c
        WHERE c.interval = own.interval AND c.market = m.market AND c.starts_at < own.since
        ORDER BY c.starts_at LIMIT rows_max
      ) r LIMIT rows_max
    ) gone
    WHERE c.interval = own.interval AND c.market = gone.market AND c.starts_at = gone.starts_at;
    GET DIAGNOSTICS deleted_ = ROW_COUNT;
    total_ := total_ + deleted_;
  END LOOP;

  DELETE FROM rollup_outbox o USING relay_cursor r WHERE (o.timeline, o.last_sequence) <= (r.timeline, r.sequence);
  IF (SELECT count(*) FROM (SELECT FROM rollup_outbox LIMIT batches_max) o) = batches_max THEN
    -- some of them each minute: a round writes eleven
    DELETE FROM rollup_outbox o
    WHERE (o.timeline, o.last_sequence) IN (SELECT s.timeline, s.last_sequence FROM rollup_outbox s ORDER BY random() LIMIT 100)
      AND NOT EXISTS (
        SELECT FROM unnest(o.markets, o.starts_at) AS u(market, starts_at)
        CROSS JOIN LATERAL (
          SELECT s.timeline, s.sequence FROM market_candle s
          WHERE s.interval = o.interval AND s.market = u.market AND s.starts_at = u.starts_at LIMIT 1
        ) m
        WHERE m.timeline = o.timeline AND m.sequence BETWEEN o.first_sequence AND o.last_sequence);
  END IF;

  -- of sessions that persist has forgotten
  DELETE FROM coverage_seen k
  WHERE NOT EXISTS (SELECT FROM coverage_session s WHERE s.session = k.session AND s.partition = k.partition);
  RETURN total_;
END $$;
