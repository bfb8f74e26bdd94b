-- The disk: what PostgreSQL takes of it, how fast that grows, and the oldest day of seconds, which goes first.

-- What all databases of the server take that the caller may connect to: a data folder has one for each namespace.
CREATE FUNCTION database_bytes() RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT sum(pg_database_size(d.oid))::bigint FROM pg_database d WHERE has_database_privilege(d.oid, 'CONNECT')
$$;

-- What stands in the way of dropping a day of seconds, null when nothing does: its roll-ups must hold all that was received
-- of it, since none can be folded again afterwards. Buckets that end after the day are folded from roll-ups.
CREATE FUNCTION seconds_day_waits_for(since timestamptz, until timestamptz) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE
    WHEN (SELECT min(f.written_at) FROM public.feed f) < until
      THEN 'what was received of it is not all stored'
    WHEN EXISTS (SELECT FROM public.candle_dirty d WHERE d.starts_at >= since AND d.starts_at < until)
      THEN 'seconds of it are still to be folded'
    WHEN EXISTS (SELECT FROM public.coverage_inbox i WHERE i.since < seconds_day_waits_for.until AND i.until > seconds_day_waits_for.since)
      THEN 'what covers it is still to be taken in'
    WHEN EXISTS (
      SELECT FROM public.rollup_level l WHERE EXISTS (
        SELECT FROM public.rollup_todo t
        WHERE t.level = l.level AND t.starts_at >= since AND t.starts_at < until AND t.ends_at <= until))
      THEN 'roll-ups of it are still to be folded'
  END
$$;

-- Drops the oldest day of seconds and moves retention behind it, when the day has ended and its roll-ups are complete. No row
-- when no day is stored; waits_for is null when the day is gone, and otherwise says why it stays.
--
-- Whoever is writing into the day ends first and is seen by the question behind the lock: without it, a second that came
-- between question and DROP would be in no candle. The parent is locked as DROP locks it, and before the partition, as readers
-- do. A caller sets lock_timeout: everybody waits behind us.
CREATE FUNCTION drop_oldest_seconds_day(at timestamptz) RETURNS TABLE (day date, bytes bigint, waits_for text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  since timestamptz;
  until timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('market_candle_1s'));
  SELECT to_date(right(c.relname, 8), 'YYYYMMDD'), pg_total_relation_size(c.oid) INTO day, bytes
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'public.market_candle_1s'::regclass
  ORDER BY c.relname LIMIT 1;
  IF day IS NULL THEN
    RETURN;
  END IF;
  since := day::timestamp AT TIME ZONE 'UTC';
  until := (day + 1)::timestamp AT TIME ZONE 'UTC';
  waits_for := CASE WHEN until > at THEN 'it has not ended' ELSE public.seconds_day_waits_for(since, until) END;
  IF waits_for IS NULL THEN
    LOCK TABLE ONLY public.market_candle_1s IN ACCESS EXCLUSIVE MODE;
    waits_for := public.seconds_day_waits_for(since, until);
    IF waits_for IS NULL THEN
      PERFORM public.drop_seconds_before(day + 1);
    END IF;
  END IF;
  RETURN NEXT;
END $$;

-- For `npm run status`: sizes in bytes, and how fast they grow.
--
--   seconds_bytes_a_day  by what today and the day before take, over the time since the first second in them, on average over
--                        the markets: some were filled further back; null below ten minutes of it
--   other_bytes_a_day    of all other tables of this database, over the time since it listed its first market, at least a day
--   seconds_since        of the oldest second that is stored: retention, or the first there is
--   candles_since        the same of the shortest roll-up
CREATE FUNCTION disk_use(at timestamptz) RETURNS TABLE (
  all_bytes bigint, seconds_bytes bigint, seconds_bytes_a_day float8, other_bytes_a_day float8,
  seconds_since timestamptz, candles_since timestamptz
)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH day AS (
    SELECT pg_total_relation_size(c.oid) AS bytes,
      to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS since
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.market_candle_1s'::regclass
  ), recent AS (
    SELECT sum(d.bytes) AS bytes, min(d.since) AS since FROM day d
    WHERE d.since <= at AND d.since >= at - interval '48 hours'
  ), first AS (
    -- by market, through the primary keys: no index has starts_at in front
    SELECT min(s.starts_at) AS second, avg(extract(epoch FROM at - n.starts_at))::float8 AS recent_s, min(c.starts_at) AS candle FROM public.market m
    LEFT JOIN LATERAL (
      SELECT k.starts_at FROM public.market_candle_1s k WHERE k.market = m.market ORDER BY k.starts_at LIMIT 1
    ) s ON true
    LEFT JOIN LATERAL (
      SELECT k.starts_at FROM public.market_candle_1s k
      WHERE k.market = m.market AND k.starts_at >= (SELECT since FROM recent) ORDER BY k.starts_at LIMIT 1
    ) n ON true
    LEFT JOIN LATERAL (
      SELECT k.starts_at FROM public.market_candle k
      WHERE k.interval = '1m' AND k.market = m.market ORDER BY k.starts_at LIMIT 1
    ) c ON true
  ), other AS (
    SELECT sum(pg_total_relation_size(c.oid)) AS bytes FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'market\_candle\_1s\_%'
  )
  SELECT public.database_bytes(), coalesce((SELECT sum(d.bytes) FROM day d), 0)::bigint,
    CASE WHEN f.recent_s >= 600 THEN r.bytes / f.recent_s * 86400 END,
    o.bytes / greatest(1, extract(epoch FROM at - (SELECT min(m.first_seen_at) FROM public.market m)) / 86400)::float8,
    greatest(f.second, (SELECT nullif(t.kept_since, '-infinity') FROM public.retention t WHERE t.relation = 'market_candle_1s')),
    f.candle
  FROM first f, recent r, other o
$$;

REVOKE ALL ON FUNCTION drop_oldest_seconds_day(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_oldest_seconds_day(timestamptz) TO stofka_persist;


-- Arrears --------------------------------------------------------------------------------------------------------------

-- The round of 0008 again, for arrears of more dirty rows than a round takes, as after an hour without pg_cron:
--
--   the minute that has just ended is folded though its dirty rows lie behind all others: it had to wait for as many rounds as
--     they took
--   a round takes the rows before a place, in the order of the table: by a list of places (ctid = ANY) each row was held against
--     each place where the plan was made while the queue was short, and a round of 100,000 took minutes
--
-- One round. Each level first takes what ended less than 2 minutes ago, then at most old_max older buckets, newest first, so
-- that an hour of arrears never starves the minute that has just ended. Times are compared with at, the round's clock.
--
-- A bucket is closed when coverage of its market passed its end by 1 s (the second :59 arrives at about :60.007), or when 30 s
-- went by. A minute appears when it is closed; longer buckets also while they form, each time a minute in them was folded, so
-- once a minute: until then a reader folds at most some 60 seconds to them itself, and a refresh with each second would write
-- sixty times as many row versions. A bucket waits while one below it is dirty and closed.
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
