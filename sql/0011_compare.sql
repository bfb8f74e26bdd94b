-- Upbit beside Stofka: both rows of each bucket, as they stand now.
--
-- The verdict of two rows is told by the reader (core/parity.ts); here stands whether there are two rows to speak of. What came
-- from the exchange's REST interface itself never counts as agreeing with it.

-- A time as programs count it.
CREATE FUNCTION epoch_ms(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT round(extract(epoch FROM at) * 1000)::bigint $$;

-- From when on the exchange can be asked: of seconds it keeps three months, and what retention has passed has nothing to be
-- compared with.
CREATE FUNCTION compare_given_since(at timestamptz, interval_ text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT greatest(r.kept_since, CASE interval_ WHEN '1s' THEN date_trunc('second', at) - interval '89 days' END)
  FROM public.retention r WHERE r.relation = 'market_candle_' || interval_
$$;

-- Up to when buckets are over and settled: what is younger is not asked for.
CREATE FUNCTION compare_settled(at timestamptz, interval_ text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT public.bucket_start(interval_, at - interval '30 s')
$$;

-- The stretches that somebody must still ask the exchange for, oldest first.
CREATE FUNCTION compare_not_fetched(at timestamptz, market_ text, interval_ text, since_ timestamptz, until_ timestamptz)
RETURNS TABLE (since timestamptz, until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT lower(r.range), upper(r.range)
  FROM unnest(public.whole_buckets(interval_, greatest(since_, public.compare_given_since(at, interval_)),
    least(until_, public.compare_settled(at, interval_))) - public.wish_answers(interval_, market_)) AS r(range)
$$;

-- Each bucket that either side has, and how it stands:
--
--   both         both are known: their verdict can be told. One side may be null, where it has no candle
--   partly       the same, but ours is folded from seconds of which the exchange's REST interface gave us some or all: only what
--                differs says something
--   same         compared by the ledger and equal; the exchange's row of a second is kept only where it differs
--   taken        our row is the exchange's own
--   incomplete   we did not see all of it, so nothing can be said for us
--   pending      not over, or not yet folded
--   not_fetched  the exchange was not asked for it
CREATE FUNCTION compare_buckets(at timestamptz, market_ text, interval_ text, since_ timestamptz, until_ timestamptz)
RETURNS TABLE (
  starts_at timestamptz, standing text, state parity_state, reason text, fetched_at timestamptz, ours jsonb, theirs jsonb
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
  settled_  timestamptz := compare_settled(at, interval_);
  known_    tstzmultirange := wish_answers(interval_, market_);
  compared_ tstzmultirange := coalesce(
    (SELECT p.compared FROM parity_compared p WHERE p.market = market_ AND p.interval = interval_), '{}');
  -- by our own socket
  seen_     tstzmultirange;
  whole_    tstzmultirange;
  busy_     tstzmultirange;
  own       record;
BEGIN
  IF interval_ = '1s' THEN
    RETURN QUERY
    SELECT coalesce(o.starts_at, d.starts_at),
      CASE
        WHEN d.state <> 'agreed' THEN 'both'
        WHEN o.from_rest THEN 'taken'
        WHEN d.state = 'agreed' OR compared_ @> o.starts_at THEN 'same'
        WHEN o.starts_at >= settled_ THEN 'pending'
        WHEN known_ @> o.starts_at THEN 'incomplete'
        ELSE 'not_fetched'
      END,
      d.state, d.reason, CASE WHEN o.from_rest THEN o.received_at ELSE d.fetched_at END,
      CASE WHEN d.state <> 'agreed' THEN d.ours ELSE o.ours END, CASE WHEN d.state <> 'agreed' THEN d.theirs END
    FROM (
      SELECT c.starts_at, c.received_at, c.origin = 'rest' AND c.correction_ms = 0 AS from_rest,
        parity_row(c.open, c.high, c.low, c.close, c.volume, c.turnover, c.last_tick_at) AS ours
      FROM market_candle_1s c
      WHERE c.market = market_ AND c.starts_at >= since_ AND c.starts_at < until_ AND NOT c.deleted
    ) o
    FULL JOIN (
      SELECT * FROM parity_difference d
      WHERE d.market = market_ AND d.interval = '1s' AND d.starts_at >= since_ AND d.starts_at < until_
    ) d ON d.starts_at = o.starts_at
    WHERE o.starts_at IS NOT NULL OR d.state <> 'agreed'
    ORDER BY 1;
    RETURN;
  END IF;

  SELECT l.level, l.below, r.kept_since INTO STRICT own
  FROM rollup_level l JOIN retention r ON r.relation = 'market_candle_' || l.folded_from WHERE l.interval = interval_;
  -- what we saw: a bucket without a row of ours had no trade only there
  seen_ := coalesce((SELECT s.seen FROM parity_seen(at, ARRAY[market_]) s), '{}');
  SELECT seen_ + coalesce((
      SELECT range_agg(k.covered) FROM coverage_known k WHERE k.market = market_
        AND (k.interval = '1s' OR k.interval IN (SELECT b.interval FROM rollup_level b WHERE b.level = ANY (own.below)))
    ), '{}')
  INTO whole_;
  whole_ := whole_ * tstzmultirange(tstzrange(own.kept_since, NULL));
  SELECT coalesce(range_agg(tstzrange(b.starts_at, bucket_end(interval_, b.starts_at))), '{}') INTO busy_
  FROM (
    SELECT bucket_start(interval_, d.starts_at) AS starts_at FROM candle_dirty d
    WHERE d.market = market_ AND d.starts_at >= since_ AND d.starts_at < until_
    UNION
    SELECT bucket_start(interval_, t.starts_at) FROM rollup_todo t
    WHERE t.market = market_ AND t.ends_at > since_ AND t.ends_at <= until_ AND t.level <= own.level
  ) b;

  RETURN QUERY
  SELECT b.starts_at,
    CASE
      WHEN b.ends_at > settled_ OR busy_ @> b.starts_at THEN 'pending'
      -- an answer that came before the candle was settled says nothing final
      WHEN (b.fetched_at >= b.ends_at + interval '10 s' OR known_ @> tstzrange(b.starts_at, b.ends_at)) IS NOT TRUE
        THEN 'not_fetched'
      WHEN b.source = 'exchange' THEN 'taken'
      WHEN b.complete AND b.until = b.ends_at
        THEN CASE WHEN bucket_is_own(seen_, interval_, b.starts_at) THEN 'both' ELSE 'partly' END
      WHEN b.source IS NULL AND whole_ @> tstzrange(b.starts_at, b.ends_at) THEN 'both'
      ELSE 'incomplete'
    END,
    d.state, d.reason, b.fetched_at, b.ours, b.theirs
  FROM (
    SELECT coalesce(o.starts_at, t.starts_at) AS starts_at, bucket_end(interval_, coalesce(o.starts_at, t.starts_at)) AS ends_at,
      o.source, o.complete, o.until, t.fetched_at,
      parity_row(o.open, o.high, o.low, o.close, o.volume, o.turnover, o.last_tick_at) AS ours,
      parity_row(t.open, t.high, t.low, t.close, t.volume, t.turnover, t.last_tick_at) AS theirs
    FROM (
      SELECT * FROM market_candle c
      WHERE c.interval = interval_ AND c.market = market_ AND c.starts_at >= since_ AND c.starts_at < until_ AND NOT c.deleted
    ) o
    FULL JOIN (
      SELECT * FROM exchange_candle c
      WHERE c.interval = interval_ AND c.market = market_ AND c.starts_at >= since_ AND c.starts_at < until_
    ) t ON t.starts_at = o.starts_at
  ) b
  LEFT JOIN parity_difference d ON d.market = market_ AND d.interval = interval_ AND d.starts_at = b.starts_at
  ORDER BY b.starts_at;
END $$;


-- Wishes ---------------------------------------------------------------------------------------------------------------

-- What a reader of /compare waits for, so that the exchange is asked: 'wished', 'known' where nothing is missing, 'waiting'
-- where it is wished for already, or 'full'.
--
-- Whoever serves readers may change no table, and a page must be able to ask. So stream gets this one door and no right to
-- INSERT: what passes is a listed market, a stretch of at most 2,000 buckets that the exchange can give, and at most 20 that
-- wait. A table of requests that persist copies would be a second queue, and a wish by Kafka a second way of writing.
CREATE FUNCTION wish_for_compare(market_ text, interval_ text, since_ timestamptz, until_ timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  buckets_max CONSTANT integer := 2000;
  wishes_max  CONSTANT integer := 20;
  at_         timestamptz := clock_timestamp();
  from_       timestamptz;
  to_         timestamptz;
BEGIN
  IF bucket_width(interval_) IS NULL AND interval_ IS DISTINCT FROM '1mo' OR (since_ < until_) IS NOT TRUE
    OR NOT isfinite(since_) OR NOT isfinite(until_)
    OR extract(epoch FROM until_ - since_) > buckets_max * bucket_seconds(interval_) THEN
    RAISE EXCEPTION 'no wish: % % from % until %', market_, interval_, since_, until_ USING ERRCODE = '22023';
  END IF;
  IF NOT EXISTS (SELECT FROM market m WHERE m.market = market_ AND m.delisted_at IS NULL) THEN
    RAISE EXCEPTION 'no wish: % is not listed', market_ USING ERRCODE = '22023';
  END IF;
  SELECT min(n.since), max(n.until) INTO from_, to_ FROM compare_not_fetched(at_, market_, interval_, since_, until_) n;
  IF from_ IS NULL THEN
    RETURN 'known';
  END IF;
  -- what is not settled yet belongs to it: else the newest seconds would be a new wish each second
  IF to_ >= compare_settled(at_, interval_) THEN
    to_ := greatest(to_, least(until_, bucket_end(interval_, bucket_start(interval_, at_))));
  END IF;
  -- one at a time: the limit is one of all
  PERFORM pg_advisory_xact_lock(hashtext('wish_for_compare'));
  IF EXISTS (SELECT FROM exchange_wish w WHERE w.market = market_ AND w.interval = interval_
      AND w.reason IN ('parity', 'compare') AND w.since <= from_ AND w.until >= to_) THEN
    RETURN 'waiting';
  END IF;
  DELETE FROM exchange_wish w WHERE w.reason = 'compare'
    AND NOT EXISTS (SELECT FROM compare_not_fetched(at_, w.market, w.interval, w.since, w.until));
  IF (SELECT count(*) FROM exchange_wish w WHERE w.reason = 'compare') >= wishes_max THEN
    RETURN 'full';
  END IF;
  INSERT INTO exchange_wish (market, interval, since, until, reason) VALUES (market_, interval_, from_, to_, 'compare')
  ON CONFLICT DO NOTHING;
  RETURN 'wished';
END $$;

REVOKE ALL ON FUNCTION wish_for_compare(text, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wish_for_compare(text, text, timestamptz, timestamptz) TO stofka_stream;
