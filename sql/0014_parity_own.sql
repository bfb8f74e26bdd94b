-- What the exchange itself gave us proves nothing: a longer candle that agrees, and that was folded from seconds of which its REST
-- interface gave us some or all, agrees with itself. The ledger counts such candles apart, as /compare does, by one rule.

-- Whether all of a bucket is what our own socket saw. One that is not says something only where it differs.
CREATE FUNCTION bucket_is_own(seen tstzmultirange, interval_ text, starts_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT seen @> tstzrange(starts_at, public.bucket_end(interval_, starts_at))
$$;

ALTER TYPE parity_bucket ADD ATTRIBUTE own boolean;

-- Equal, but partly the exchange's own; in no share.
ALTER TABLE parity_hour ADD COLUMN taken integer NOT NULL DEFAULT 0;
-- As bucket_is_own() at the newest answer.
ALTER TABLE parity_difference ADD COLUMN own boolean NOT NULL DEFAULT true;

-- What was counted before did not tell the two apart: longer candles are compared anew.
DELETE FROM parity_hour WHERE interval <> '1s';
DELETE FROM parity_compared WHERE interval <> '1s';
UPDATE parity_difference d SET own = bucket_is_own(s.seen, d.interval, d.starts_at)
FROM parity_seen(clock_timestamp(), ARRAY(SELECT DISTINCT market FROM parity_difference WHERE interval <> '1s')) s
WHERE d.interval <> '1s' AND s.market = d.market;


-- As in 0010, with whether each bucket is our own.
CREATE OR REPLACE FUNCTION parity_compare(
  at timestamptz, market_ text, interval_ text, since_ timestamptz, until_ timestamptz, fetched_ timestamptz,
  starts_ timestamptz[], ticks_ timestamptz[], opens_ numeric[], highs_ numeric[], lows_ numeric[], closes_ numeric[],
  volumes_ numeric[], turnovers_ numeric[]
) RETURNS SETOF parity_bucket
LANGUAGE plpgsql STABLE ROWS 200 SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  -- by our own socket
  seen_     tstzmultirange;
  whole_    tstzmultirange;
  busy_     tstzmultirange;
  compared_ tstzmultirange;
  own       record;
  steps_max integer := CASE interval_ WHEN '1s' THEN 0 ELSE 2 END;
BEGIN
  SELECT coalesce((SELECT s.seen FROM parity_seen(at, ARRAY[market_]) s), '{}') INTO seen_;
  whole_ := seen_;
  IF interval_ <> '1s' THEN
    SELECT l.level, l.below, r.kept_since INTO STRICT own
    FROM rollup_level l JOIN retention r ON r.relation = 'market_candle_' || l.folded_from WHERE l.interval = interval_;
    SELECT (whole_ + coalesce(range_agg(k.covered), '{}')) * tstzmultirange(tstzrange(own.kept_since, NULL)) INTO whole_
    FROM coverage_known k WHERE k.market = market_
      AND (k.interval = '1s' OR k.interval IN (SELECT b.interval FROM rollup_level b WHERE b.level = ANY (own.below)));
  ELSE
    whole_ := whole_ * tstzmultirange(tstzrange((SELECT kept_since FROM retention WHERE relation = 'market_candle_1s'), NULL));
  END IF;
  whole_ := whole_ * whole_buckets(interval_, since_, least(until_, fetched_ - interval '10 s'));
  IF isempty(whole_) THEN
    RETURN;
  END IF;
  -- whole buckets of each stretch
  SELECT coalesce(range_agg(w.range), '{}') INTO whole_
  FROM unnest(whole_) AS s(range) CROSS JOIN LATERAL unnest(whole_buckets(interval_, lower(s.range), upper(s.range))) AS w(range);

  IF interval_ <> '1s' THEN
    SELECT range_agg(tstzrange(b.starts_at, bucket_end(interval_, b.starts_at))) INTO busy_
    FROM (
      SELECT bucket_start(interval_, d.starts_at) AS starts_at FROM candle_dirty d
      WHERE d.market = market_ AND d.starts_at >= lower(whole_) AND d.starts_at < upper(whole_)
      UNION
      SELECT bucket_start(interval_, t.starts_at) FROM rollup_todo t
      WHERE t.market = market_ AND t.ends_at > lower(whole_) AND t.ends_at <= upper(whole_) AND t.level <= own.level
      UNION
      SELECT c.starts_at FROM market_candle c
      WHERE c.interval = interval_ AND c.market = market_ AND c.starts_at >= lower(whole_) AND c.starts_at < upper(whole_)
        AND (c.until <> bucket_end(interval_, c.starts_at) OR NOT c.complete OR c.source <> 'folded')
    ) b;
    whole_ := whole_ - coalesce(busy_, '{}');
  END IF;
  IF isempty(whole_) THEN
    RETURN;
  END IF;
  SELECT coalesce((SELECT c.compared FROM parity_compared c WHERE c.market = market_ AND c.interval = interval_), '{}')
  INTO compared_;

  RETURN NEXT (market_, interval_, NULL, fetched_, NULL, NULL, NULL, NULL, whole_, NULL)::parity_bucket;
  RETURN QUERY
  WITH ours AS MATERIALIZED (
    SELECT c.starts_at, c.last_tick_at, c.deleted, c.origin = 'rest' AND c.correction_ms = 0 AS from_rest,
      c.open, c.high, c.low, c.close, c.volume, c.turnover
    FROM market_candle_1s c
    WHERE interval_ = '1s' AND c.market = market_ AND c.starts_at >= lower(whole_) AND c.starts_at < upper(whole_)
    UNION ALL
    SELECT c.starts_at, c.last_tick_at, c.deleted, false, c.open, c.high, c.low, c.close, c.volume, c.turnover
    FROM market_candle c
    WHERE c.interval = interval_ AND c.market = market_ AND c.starts_at >= lower(whole_) AND c.starts_at < upper(whole_)
  ), theirs AS MATERIALIZED (
    SELECT t.*
    FROM unnest(starts_, ticks_, opens_, highs_, lows_, closes_, volumes_, turnovers_)
      AS t(starts_at, last_tick_at, open, high, low, close, volume, turnover)
  ), verdict AS (
    SELECT coalesce(o.starts_at, t.starts_at) AS starts_at,
      (CASE
        WHEN o.starts_at IS NULL THEN 'missing_here'
        WHEN t.starts_at IS NULL THEN 'missing_there'
        WHEN (o.open, o.high, o.low, o.close, o.volume) <> (t.open, t.high, t.low, t.close, t.volume) THEN 'differ'
        WHEN o.turnover = t.turnover THEN 'match'
        WHEN float_steps(o.turnover, t.turnover) <= steps_max THEN 'match_rounded'
        ELSE 'differ'
      END)::parity_verdict AS verdict,
      parity_row(o.open, o.high, o.low, o.close, o.volume, o.turnover, o.last_tick_at) AS ours,
      parity_row(t.open, t.high, t.low, t.close, t.volume, t.turnover, t.last_tick_at) AS theirs
    FROM (SELECT * FROM ours WHERE NOT deleted AND NOT from_rest) o FULL JOIN theirs t ON t.starts_at = o.starts_at
    WHERE whole_ @> coalesce(o.starts_at, t.starts_at)
      AND NOT EXISTS (SELECT FROM ours r WHERE r.from_rest AND r.starts_at = t.starts_at)
    UNION ALL
    -- Neither has it: that is none, unless they differed before.
    SELECT d.starts_at, 'match', NULL, NULL FROM parity_difference d
    WHERE d.market = market_ AND d.interval = interval_ AND d.starts_at >= lower(whole_) AND d.starts_at < upper(whole_)
      AND whole_ @> d.starts_at AND d.state IN ('open', 'confirmed')
      AND d.starts_at NOT IN (SELECT o.starts_at FROM ours o WHERE NOT o.deleted)
      AND d.starts_at NOT IN (SELECT t.starts_at FROM theirs t)
  )
  SELECT market_, interval_, v.starts_at, fetched_, v.verdict,
    NOT compared_ @> v.starts_at AND (v.ours IS NOT NULL OR v.theirs IS NOT NULL), v.ours, v.theirs, NULL::tstzmultirange,
    bucket_is_own(seen_, interval_, v.starts_at)
  FROM verdict v;
END $$;

-- As in 0010, but what agrees and is not all our own is counted apart.
CREATE OR REPLACE FUNCTION parity_note(buckets_ parity_bucket[])
RETURNS TABLE (
  market text, starts_at timestamptz, last_tick_at timestamptz, correction_ms bigint, deleted boolean,
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  again_after CONSTANT interval := interval '10 s';
BEGIN
  IF coalesce(cardinality(buckets_), 0) = 0 THEN
    RETURN;
  END IF;

  INSERT INTO parity_compared AS stored (market, interval, compared)
  SELECT b.market, b.interval, range_agg(b.looked_at) FROM unnest(buckets_) b WHERE b.looked_at IS NOT NULL
  GROUP BY b.market, b.interval ORDER BY b.market, b.interval
  ON CONFLICT (market, interval) DO UPDATE SET compared = stored.compared + excluded.compared
  WHERE NOT stored.compared @> excluded.compared;

  -- what was compared before and differs only now matched then
  INSERT INTO parity_hour AS stored (hour, interval, market, matched, rounded, taken)
  SELECT date_trunc('hour', b.starts_at, 'UTC'), b.interval, b.market,
    count(*) FILTER (WHERE b.fresh AND b.own AND b.verdict = 'match')
      - count(*) FILTER (WHERE NOT b.fresh AND b.own AND b.verdict NOT IN ('match', 'match_rounded') AND b.ours IS NOT NULL),
    count(*) FILTER (WHERE b.fresh AND b.own AND b.verdict = 'match_rounded'),
    count(*) FILTER (WHERE b.fresh AND NOT b.own AND b.verdict IN ('match', 'match_rounded'))
      - count(*) FILTER (WHERE NOT b.fresh AND NOT b.own AND b.verdict NOT IN ('match', 'match_rounded') AND b.ours IS NOT NULL)
  FROM unnest(buckets_) b
  LEFT JOIN parity_difference d ON d.market = b.market AND d.interval = b.interval AND d.starts_at = b.starts_at
  -- what ever differed is counted there
  WHERE b.verdict IS NOT NULL AND d.market IS NULL AND (b.fresh OR b.verdict NOT IN ('match', 'match_rounded'))
  GROUP BY 1, 2, 3
  ON CONFLICT (hour, interval, market) DO UPDATE SET
    matched = greatest(0, stored.matched + excluded.matched), rounded = stored.rounded + excluded.rounded,
    taken = greatest(0, stored.taken + excluded.taken);

  RETURN QUERY
  WITH bucket AS MATERIALIZED (
    SELECT b.market, b.interval, b.starts_at, b.fetched_at, b.verdict, b.own, b.ours, b.theirs,
      b.verdict IN ('match', 'match_rounded') AS equal,
      jsonb_build_array(jsonb_build_object('fetched_at', iso_text(b.fetched_at),
        'verdict', b.verdict, 'ours', b.ours, 'theirs', b.theirs)) AS entry
    FROM unnest(buckets_) b WHERE b.verdict IS NOT NULL
  ), known AS MATERIALIZED (
    -- each newer answer about what differed before
    SELECT b.*, d.state AS was, d.history AS former,
      CASE
        WHEN b.equal THEN 'agreed'
        WHEN d.state IN ('open', 'confirmed') AND b.theirs IS NOT DISTINCT FROM d.theirs
          THEN CASE b.interval WHEN '1s' THEN 'corrected' ELSE 'confirmed' END
        ELSE 'open'
      END::parity_state AS state, d.fetched_at AS fetched_before, d.ours AS ours_before, d.theirs AS theirs_before
    FROM bucket b JOIN parity_difference d ON d.market = b.market AND d.interval = b.interval AND d.starts_at = b.starts_at
    WHERE b.fetched_at >= d.fetched_at + again_after AND (NOT b.equal OR d.state IN ('open', 'confirmed'))
  ), found AS (
    INSERT INTO parity_difference
      (starts_at, found_at, fetched_at, state, verdict, own, market, interval, ours, theirs, reason, history)
    SELECT b.starts_at, b.fetched_at, b.fetched_at, 'open', b.verdict, b.own, b.market, b.interval, b.ours, b.theirs,
      'differs from one answer of the exchange; it is asked again', b.entry
    FROM bucket b WHERE NOT b.equal
    ORDER BY b.market, b.interval, b.starts_at
    ON CONFLICT (market, interval, starts_at) DO NOTHING
  ), settled AS (
    UPDATE parity_difference d SET fetched_at = k.fetched_at, state = k.state, own = k.own,
      corrected_at = CASE WHEN k.state = 'corrected' THEN k.fetched_at ELSE d.corrected_at END,
      ours = k.ours, theirs = k.theirs,
      reason = CASE k.state
        WHEN 'corrected' THEN format('two equal answers of the exchange, asked at %s and %s, differ from ours',
          iso_text(k.fetched_before), iso_text(k.fetched_at))
        WHEN 'confirmed' THEN CASE WHEN d.state = 'confirmed' THEN d.reason
          ELSE format('two equal answers of the exchange differ from our fold; its %s are compared', parity_below(k.interval)) END
        WHEN 'agreed' THEN CASE
          WHEN k.theirs IS DISTINCT FROM k.theirs_before AND k.ours IS NOT DISTINCT FROM k.ours_before
            THEN 'the exchange''s later answer equals ours'
          WHEN k.interval = '1s' THEN 'the socket revised ours after the first answer'
          ELSE 'what it is folded from was revised or corrected' END
        ELSE 'the exchange''s answers differ from each other; it is asked again' END,
      history = CASE WHEN jsonb_array_length(k.former) < 8 THEN k.former
        ELSE k.former - 1 END || k.entry
    FROM known k
    WHERE d.market = k.market AND d.interval = k.interval AND d.starts_at = k.starts_at
    RETURNING 1
  ), below AS (
    -- seconds that are no longer kept or given tell nothing more
    INSERT INTO parity_again (since, until, asked_at, market, interval)
    SELECT k.starts_at, bucket_end(k.interval, k.starts_at), k.fetched_at, k.market, parity_below(k.interval)
    FROM known k JOIN retention r ON r.relation = 'market_candle_' || parity_below(k.interval)
    WHERE k.state = 'confirmed' AND k.was = 'open' AND k.starts_at >= r.kept_since
      AND (parity_below(k.interval) <> '1s' OR k.starts_at >= k.fetched_at - interval '89 days')
    ON CONFLICT (market, interval, since) DO UPDATE SET until = greatest(parity_again.until, excluded.until)
  ), corrected AS (
    INSERT INTO market_candle_1s AS stored (
      market, starts_at, last_tick_at, received_at, correction_ms, origin, revisions, deleted,
      open, high, low, close, volume, turnover)
    SELECT k.market, k.starts_at, to_timestamp((r.row ->> 'last_tick_at_ms')::numeric / 1000), k.fetched_at,
      round(extract(epoch FROM k.fetched_at) * 1000)::bigint, 'rest', 0, k.theirs IS NULL,
      (r.row ->> 'open')::numeric, (r.row ->> 'high')::numeric, (r.row ->> 'low')::numeric, (r.row ->> 'close')::numeric,
      trim_scale((r.row ->> 'volume')::numeric), trim_scale(CASE
        WHEN (k.ours ->> 'volume')::numeric = (k.theirs ->> 'volume')::numeric
          AND float_steps((k.ours ->> 'turnover')::numeric, (k.theirs ->> 'turnover')::numeric) = 0
        THEN (k.ours ->> 'turnover')::numeric ELSE (r.row ->> 'turnover')::numeric END)
    FROM known k CROSS JOIN LATERAL (SELECT coalesce(k.theirs, k.ours) AS row) r
    WHERE k.state = 'corrected'
    ORDER BY k.market, k.starts_at
    ON CONFLICT (market, starts_at) DO UPDATE SET
      last_tick_at = excluded.last_tick_at, received_at = excluded.received_at,
      correction_ms = excluded.correction_ms, origin = excluded.origin,
      revisions = least(stored.revisions + 1, 32767), deleted = excluded.deleted,
      open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
      volume = excluded.volume, turnover = excluded.turnover
    WHERE excluded.correction_ms > stored.correction_ms
    RETURNING stored.*
  ), dirtied AS (
    INSERT INTO candle_dirty (interval, market, starts_at)
    SELECT DISTINCT '1m', c.market, date_bin('1 minute', c.starts_at, 'epoch') FROM corrected c
  )
  SELECT c.market, c.starts_at, c.last_tick_at, c.correction_ms, c.deleted, c.open, c.high, c.low, c.close, c.volume, c.turnover
  FROM corrected c;

  -- what these answers looked at need not be asked for again
  UPDATE parity_again a SET until = greatest(a.since + interval '1 us', lower(b.looked_at))
  FROM unnest(buckets_) b
  WHERE b.looked_at IS NOT NULL AND a.market = b.market AND a.interval = b.interval AND b.fetched_at > a.asked_at
    AND b.looked_at @> a.until - interval '1 us' AND lower(b.looked_at) < a.until;
  DELETE FROM parity_again a USING unnest(buckets_) b
  WHERE a.market = b.market AND a.interval = b.interval AND a.until <= a.since + interval '1 us';

  -- roll-ups around corrected seconds are asked for again; until they are folded anew they are pending
  UPDATE parity_difference d SET state = 'open'
  FROM unnest(buckets_) b JOIN parity_difference s
    ON s.market = b.market AND s.interval = '1s' AND s.starts_at = b.starts_at AND s.corrected_at = b.fetched_at
  WHERE b.interval = '1s' AND d.market = b.market AND d.state = 'confirmed' AND d.interval <> '1s'
    AND d.starts_at <= b.starts_at AND bucket_end(d.interval, d.starts_at) > b.starts_at;
END $$;

-- Candles with a verdict, by market and interval, of the hours within [since_, until_). What differed and then agreed counts as
-- agreeing; what was corrected does not. `taken` is what agrees and is partly the exchange's own: no evidence.
DROP FUNCTION parity_counts(timestamptz, timestamptz);
CREATE FUNCTION parity_counts(since_ timestamptz, until_ timestamptz)
RETURNS TABLE (market text, "interval" text, matched bigint, rounded bigint, agreed bigint, differing bigint, taken bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT u.market, u.interval, sum(u.matched)::bigint, sum(u.rounded)::bigint, sum(u.agreed)::bigint, sum(u.differing)::bigint,
    sum(u.taken)::bigint
  FROM (
    SELECT h.market, h.interval, h.matched, h.rounded, 0 AS agreed, 0 AS differing, h.taken
    FROM public.parity_hour h WHERE h.hour >= since_ AND h.hour < until_
    UNION ALL
    SELECT d.market, d.interval, 0, 0, (d.state = 'agreed' AND d.own)::integer, (d.state <> 'agreed')::integer,
      (d.state = 'agreed' AND NOT d.own)::integer
    FROM public.parity_difference d WHERE d.starts_at >= since_ AND d.starts_at < until_
  ) u
  GROUP BY u.market, u.interval
$$;

-- As in 0011, by the same rule.
CREATE OR REPLACE FUNCTION compare_buckets(at timestamptz, market_ text, interval_ text, since_ timestamptz, until_ timestamptz)
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
