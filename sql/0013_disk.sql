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
