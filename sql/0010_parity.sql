-- Parity: what we received and folded ourselves, compared with what the exchange's REST interface says of it, bucket by bucket.
--
-- parity_compare() tells the verdicts of answers, parity_note() keeps them; persist calls both in the statement that stores the
-- answers, so that a verdict is about what stood there before. A verdict is told only where our own coverage contains the bucket
-- and it ended at least 10 s before the exchange was asked.
--
-- What the exchange itself gave us proves nothing: a longer candle that agrees, and that was folded from seconds of which its
-- REST interface gave us some or all, agrees with itself. Such candles are counted apart, as /compare does, by one rule.


-- The ledger -----------------------------------------------------------------------------------------------------------

CREATE TYPE parity_verdict AS ENUM ('match', 'match_rounded', 'differ', 'missing_here', 'missing_there');

-- open       differs; the exchange is asked again
-- confirmed  two equal answers of the exchange differ from our roll-up; what it is made of is compared
-- corrected  two equal answers of the exchange differed from our second; the second of them is stored
-- agreed     a later answer equals what we have: theirs or ours has changed
CREATE TYPE parity_state AS ENUM ('open', 'confirmed', 'corrected', 'agreed');

-- Which buckets have a verdict. One row per market and interval, as many ranges as our coverage has holes.
CREATE TABLE parity_compared (
  market   text COLLATE "C" NOT NULL,
  interval text COLLATE "C" NOT NULL,
  compared tstzmultirange NOT NULL,
  PRIMARY KEY (market, interval)
) WITH (fillfactor = 50);

-- How many candles matched, by the hour that they start in. A bucket counts once, however often it is compared.
CREATE TABLE parity_hour (
  hour     timestamptz NOT NULL,
  matched  integer NOT NULL,
  -- Equal but for the turnover, which the exchange states as a float64.
  rounded  integer NOT NULL,
  market   text COLLATE "C" NOT NULL,
  interval text COLLATE "C" NOT NULL,
  -- Equal, but partly the exchange's own: in no share.
  taken    integer NOT NULL DEFAULT 0,
  PRIMARY KEY (hour, interval, market)
) WITH (fillfactor = 70);

-- Each bucket that ever differed, with both sides. Rows are objects of decimal texts, null where there is none:
-- {"open": "1", "high": "2", "low": "1", "close": "2", "volume": "0.5", "turnover": "0.75", "last_tick_at_ms": 1773240058227}
CREATE TABLE parity_difference (
  starts_at    timestamptz NOT NULL,
  -- When the exchange was asked: first and newest.
  found_at     timestamptz NOT NULL,
  fetched_at   timestamptz NOT NULL,
  corrected_at timestamptz,
  state        parity_state NOT NULL,
  -- Of the first answer.
  verdict      parity_verdict NOT NULL,
  market       text COLLATE "C" NOT NULL,
  interval     text COLLATE "C" NOT NULL,
  ours         jsonb,
  theirs       jsonb,
  -- Why it stands as it does, in a sentence.
  reason       text NOT NULL,
  -- Every answer, oldest first: fetched_at, verdict, ours, theirs. Of more than 8 the middle ones give way.
  history      jsonb NOT NULL,
  -- As bucket_is_own() at the newest answer.
  own          boolean NOT NULL DEFAULT true,
  PRIMARY KEY (market, interval, starts_at)
);
CREATE INDEX parity_difference_unsettled ON parity_difference (market, fetched_at) WHERE state IN ('open', 'confirmed');
CREATE INDEX parity_difference_starts ON parity_difference (starts_at);

-- What is to be compared though it was compared before: what a roll-up that differs is made of.
CREATE TABLE parity_again (
  since    timestamptz NOT NULL,
  until    timestamptz NOT NULL,
  asked_at timestamptz NOT NULL,
  market   text COLLATE "C" NOT NULL,
  interval text COLLATE "C" NOT NULL,
  PRIMARY KEY (market, interval, since),
  CHECK (since < until)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON parity_compared, parity_hour, parity_difference, parity_again TO stofka_persist;
GRANT SELECT ON parity_compared, parity_hour, parity_difference, parity_again TO stofka_stream, stofka_repair;
GRANT SELECT ON coverage_seen, coverage_inbox TO stofka_persist;

INSERT INTO retention (relation, kept_since, kept_days) VALUES ('parity_hour', '-infinity', 35), ('parity_difference', '-infinity', 400);


-- Comparing ------------------------------------------------------------------------------------------------------------

-- How many float64 lie between two numbers that are not negative. The bits of such floats are in the order of their values.
CREATE FUNCTION float_steps(a numeric, b numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT abs(('x' || encode(float8send(a::float8), 'hex'))::bit(64)::bigint
           - ('x' || encode(float8send(b::float8), 'hex'))::bit(64)::bigint)
$$;

-- What of a market the socket brings: `seen` is stored, `expected` are seconds that will be and the exchange's answers leave
-- alone. Each session counts 5 s less at its begin, and at its end when it is over.
CREATE FUNCTION parity_seen(at timestamptz, markets_ text[])
RETURNS TABLE (market text, seen tstzmultirange, expected tstzmultirange)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT l.market, l.covered, l.covered + coalesce((
      SELECT range_agg(tstzrange(s.until, NULL)) FROM public.coverage_session s
      WHERE NOT s.ended AND s.until >= at - interval '10 s' AND s.until >= s.since + interval '5 s'
        AND s.markets @> ARRAY[l.market COLLATE "C"]
    ), '{}')
  FROM public.repair_live(at, markets_) l
$$;

-- Whether all of a bucket is what our own socket saw. One that is not says something only where it differs.
CREATE FUNCTION bucket_is_own(seen tstzmultirange, interval_ text, starts_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT seen @> tstzrange(starts_at, public.bucket_end(interval_, starts_at))
$$;

-- One bucket of an answer; or, without a verdict, which buckets of an answer were looked at.
CREATE TYPE parity_bucket AS (
  market text, "interval" text, starts_at timestamptz, fetched_at timestamptz, verdict parity_verdict,
  -- Whether it was never compared before.
  fresh boolean,
  -- Null also where nobody will ask for them.
  ours jsonb, theirs jsonb, looked_at tstzmultirange,
  -- As bucket_is_own().
  own boolean
);

CREATE FUNCTION parity_row(
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric, last_tick_at timestamptz
) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN open IS NOT NULL THEN jsonb_build_object('open', open::text, 'high', high::text, 'low', low::text,
    'close', close::text, 'volume', volume::text, 'turnover', turnover::text,
    'last_tick_at_ms', round(extract(epoch FROM last_tick_at) * 1000)::bigint) END
$$;

-- Verdicts of one answer, [since_, until_). STABLE, so it sees what stood there before the statement that stores the answer.
--
-- Ours is: of seconds what the socket brought or a correction made, within what it saw; of longer ones a complete fold. What we
-- have from the exchange's REST interface itself gets no verdict. A bucket with something still to be folded is pending: it gets
-- none either, and is asked for again.
CREATE FUNCTION parity_compare(
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


-- Keeping --------------------------------------------------------------------------------------------------------------

-- What a roll-up that differs is compared by next: three steps from a month to its seconds.
CREATE FUNCTION parity_below(interval_ text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN interval_ IN ('1w', '1mo') THEN '1d' WHEN interval_ = '1d' THEN '1h'
    WHEN interval_ = '1m' THEN '1s' WHEN interval_ <> '1s' THEN '1m' END
$$;

-- Keeps what parity_compare() told; each bucket once. A second that two equal answers, at least 10 s apart, tell otherwise is
-- corrected: the second answer is stored as a revision that outranks the socket's, as a tombstone where the exchange has none.
-- Where only the turnover's rounding agrees, our exact one stays. What it was and what was answered stays in the history.
--
-- Returns the corrected seconds.
CREATE FUNCTION parity_note(buckets_ parity_bucket[])
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


-- What is to be compared -----------------------------------------------------------------------------------------------

-- The exchange's own words about an interval: answers, and what was compared, since comparing leaves no coverage behind where our
-- own is whole.
CREATE FUNCTION wish_answers(interval_ text, market_ text) RETURNS tstzmultirange
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce((SELECT a.covered FROM public.repair_answers(interval_, ARRAY[market_]) a), '{}')
    + coalesce((SELECT p.compared FROM public.parity_compared p WHERE p.market = market_ AND p.interval = interval_), '{}')
$$;

-- Most urgent first: what differed, at least 10 s after the last answer; what a differing roll-up is made of, and what somebody
-- waits to be compared (a wish of reason parity or compare, which else would come after everything); and then, three to
-- one, the seconds of every market, oldest first, three minutes at a time, which is about an answer of a busy market, and the
-- roll-ups of the ten most traded markets and of a sixteenth of the others each hour.
--
-- markets_ in the order of their turnover.
CREATE FUNCTION parity_wanted(at timestamptz, limit_ integer, markets_ text[])
RETURNS TABLE (market text, "interval" text, since timestamptz, until timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  WITH chosen AS (
    SELECT m.market, m.place FROM unnest(markets_) WITH ORDINALITY AS m(market, place)
  ), bound AS (
    SELECT date_trunc('second', at) - interval '30 s' AS settled, at - interval '30 days' AS oldest
  ), again AS (
    SELECT 0 AS rank, d.market, d.interval, d.starts_at AS since, public.bucket_end(d.interval, d.starts_at) AS until,
      d.fetched_at AS waits_since
    FROM public.parity_difference d JOIN chosen c ON c.market = d.market CROSS JOIN bound b
    WHERE d.state = 'open' AND d.fetched_at <= at - interval '10 s' AND d.starts_at > b.oldest
    UNION ALL
    SELECT 1, a.market, a.interval, a.since, a.until, a.asked_at
    FROM public.parity_again a JOIN chosen c ON c.market = a.market
    UNION ALL
    SELECT 1, w.market, w.interval, lower(r.range), upper(r.range), w.wished_at
    FROM public.exchange_wish w JOIN chosen c ON c.market = w.market CROSS JOIN bound b
    JOIN public.retention k ON k.relation = 'market_candle_' || w.interval
    CROSS JOIN LATERAL unnest(
      public.whole_buckets(w.interval, greatest(w.since, k.kept_since, CASE w.interval WHEN '1s' THEN at - interval '89 days' END),
        least(w.until, b.settled))
      -- an answer that came before it was folded told no verdict
      - CASE w.reason WHEN 'parity'
          THEN coalesce((SELECT p.compared FROM public.parity_compared p WHERE p.market = w.market AND p.interval = w.interval), '{}')
          ELSE public.wish_answers(w.interval, w.market) END
    ) AS r(range)
    WHERE w.reason IN ('parity', 'compare')
  ), rollup AS (
    SELECT 2 AS rank, c.market, l.interval, r.since, r.until, r.until AS waits_since
    FROM chosen c CROSS JOIN public.rollup_level l CROSS JOIN bound b
    LEFT JOIN public.parity_compared p ON p.market = c.market AND p.interval = l.interval
    CROSS JOIN LATERAL (
      SELECT public.bucket_start(l.interval, b.settled) AS until, public.bucket_seconds(l.interval) * interval '1 second' AS width
    ) e
    CROSS JOIN LATERAL (
      SELECT min(k.starts_at) AS since, public.bucket_end(l.interval, max(k.starts_at)) AS until
      FROM public.market_candle k
      WHERE k.interval = l.interval AND k.market = c.market
        AND k.starts_at < e.until AND k.starts_at >= greatest(e.until - 200 * e.width, b.oldest)
        AND k.complete AND k.source = 'folded' AND k.until = public.bucket_end(l.interval, k.starts_at)
        AND p.compared @> k.starts_at IS NOT TRUE
    ) r
    -- a quarter of an hour of them at once, or one that is as long
    WHERE (c.place <= 10 OR abs(hashtext(c.market || l.interval || date_trunc('hour', at, 'UTC')::text)) % 16 = 0)
      AND r.until - r.since >= interval '15 minutes'
  ), second AS (
    SELECT 3 AS rank, s.market, '1s' AS interval, p.since, p.until, p.since AS waits_since
    FROM public.parity_seen(at, markets_) s CROSS JOIN bound b
    JOIN public.retention r ON r.relation = 'market_candle_1s'
    LEFT JOIN public.parity_compared k ON k.market = s.market AND k.interval = '1s'
    CROSS JOIN LATERAL unnest(
      s.seen * tstzmultirange(tstzrange(least(greatest(r.kept_since, b.oldest), b.settled), b.settled)) - coalesce(k.compared, '{}')
    ) AS u(range)
    CROSS JOIN LATERAL (
      SELECT date_trunc('second', lower(u.range) + interval '999999 us') AS since, date_trunc('second', upper(u.range)) AS until
    ) p
    WHERE p.since < p.until AND (p.until - p.since >= interval '3 minutes' OR p.until < b.settled - interval '1 minute')
  )
  SELECT w.market, w.interval, w.since, w.until
  FROM (
    SELECT u.*, row_number() OVER (PARTITION BY u.rank ORDER BY u.waits_since, u.market, u.interval) AS turn
    FROM (SELECT * FROM again UNION ALL SELECT * FROM rollup UNION ALL SELECT * FROM second) u
  ) w
  ORDER BY least(w.rank, 2), w.turn * CASE w.rank WHEN 2 THEN 3 ELSE 1 END, w.rank DESC LIMIT limit_
$$;


-- Reading --------------------------------------------------------------------------------------------------------------

-- A time as the services write it: UTC, milliseconds only where there are some.
CREATE FUNCTION iso_text(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT replace(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '.000Z', 'Z')
$$;

-- Candles with a verdict, by market and interval, of the hours within [since_, until_). What differed and then agreed counts as
-- agreeing; what was corrected does not. `taken` is what agrees and is partly the exchange's own: no evidence.
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

-- Forgets what retention has passed, and the oldest differences above differences_max. Returns how many rows.
CREATE FUNCTION parity_keep_house(at timestamptz, differences_max integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  since_ timestamptz;
  gone_  integer;
  total_ integer := 0;
BEGIN
  UPDATE retention SET kept_since = bucket_start('1d', at - kept_days * interval '24 hours')
  WHERE relation IN ('parity_hour', 'parity_difference') AND kept_since < bucket_start('1d', at - kept_days * interval '24 hours');
  SELECT kept_since INTO STRICT since_ FROM retention WHERE relation = 'parity_hour';
  DELETE FROM parity_hour WHERE hour < since_;
  GET DIAGNOSTICS gone_ = ROW_COUNT;
  total_ := total_ + gone_;
  UPDATE parity_compared SET compared = compared - tstzmultirange(tstzrange(NULL, since_))
  WHERE compared && tstzrange(NULL, since_);
  DELETE FROM parity_again WHERE asked_at < at - interval '1 day';
  -- whoever waited for them has gone
  DELETE FROM exchange_wish WHERE reason IN ('parity', 'compare') AND wished_at < at - interval '1 day';
  -- and what was fulfilled a week ago has been seen to be
  DELETE FROM exchange_wish w USING wish_progress p
  WHERE p.wish = w.wish AND w.wished_at < at - interval '7 days' AND p.given_until = w.until
    AND p.given_seconds >= extract(epoch FROM p.given_until - p.given_since);
  SELECT kept_since INTO STRICT since_ FROM retention WHERE relation = 'parity_difference';
  DELETE FROM parity_difference WHERE starts_at < since_ OR starts_at <= (
    SELECT d.starts_at FROM parity_difference d ORDER BY d.starts_at DESC OFFSET differences_max LIMIT 1);
  GET DIAGNOSTICS gone_ = ROW_COUNT;
  RETURN total_ + gone_;
END $$;


REVOKE ALL ON FUNCTION parity_keep_house(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parity_keep_house(timestamptz, integer) TO stofka_persist;


-- Wishes ---------------------------------------------------------------------------------------------------------------

-- What is missing, without the wishes that comparing has fulfilled.
CREATE FUNCTION repair_stretches(at timestamptz, markets_ text[] DEFAULT NULL)
RETURNS TABLE (
  urgency integer, kind text, market text, "interval" text, since timestamptz, until timestamptz, requests integer,
  place integer, level integer
)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.urgency, m.kind, m.market, m.interval, lower(r.range), upper(r.range), m.requests, m.place, m.level
  FROM public.repair_missing(at, markets_) m
  LEFT JOIN public.parity_compared p ON m.kind = 'wish' AND p.market = m.market AND p.interval = m.interval
  CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(m.since, m.until)) - coalesce(p.compared, '{}')) AS r(range)
$$;

-- Most urgent first: then the most traded market, then the longest interval, then the newest.
CREATE FUNCTION repair_wanted(at timestamptz, limit_ integer, markets_ text[] DEFAULT NULL)
RETURNS TABLE (
  urgency integer, kind text, market text, "interval" text, since timestamptz, until timestamptz, requests integer
)
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT m.urgency, m.kind, m.market, m.interval, m.since, m.until, m.requests
  FROM public.repair_stretches(at, markets_) m
  ORDER BY m.urgency, m.place, m.level DESC, m.until DESC LIMIT limit_
$$;

-- How far the repair is: by kind, how many markets miss something, in how many stretches, and the most requests it can take.
CREATE VIEW repair_progress AS
  SELECT k.kind, count(DISTINCT m.market)::integer AS markets, count(m.market)::integer AS stretches,
    coalesce(sum(m.requests), 0)::bigint AS requests,
    coalesce(sum(extract(epoch FROM m.until - m.since)) FILTER (WHERE m.interval = '1s'), 0)::bigint AS seconds
  FROM (VALUES ('gap'), ('bucket'), ('fill'), ('wish')) AS k(kind)
  LEFT JOIN repair_stretches(clock_timestamp()) m ON m.kind = k.kind
  GROUP BY k.kind;

-- How much of each wish is fulfilled, 0 to 1, by time. What can be given is [given_since, given_until): of seconds the exchange
-- keeps three months, what retention has passed is not stored, and what has not ended cannot be given yet.
CREATE VIEW wish_progress AS
  SELECT w.wish, w.market, w.interval, w.since, w.until, w.reason, w.wished_at, (
      SELECT coalesce(sum(extract(epoch FROM upper(r.range) - lower(r.range))), 0)
      FROM unnest(wish_answers(w.interval, w.market) * tstzmultirange(tstzrange(w.since, w.until))) AS r(range)
    ) / extract(epoch FROM w.until - w.since) AS done,
    least(g.since, w.until) AS given_since, greatest(least(g.until, w.until), least(g.since, w.until)) AS given_until, (
      SELECT coalesce(sum(extract(epoch FROM upper(r.range) - lower(r.range))), 0)
      FROM unnest(wish_answers(w.interval, w.market)
        * tstzmultirange(tstzrange(least(g.since, w.until), greatest(least(g.until, w.until), least(g.since, w.until))))) AS r(range)
    ) AS given_seconds
  FROM exchange_wish w
  JOIN retention k ON k.relation = 'market_candle_' || w.interval
  CROSS JOIN LATERAL (
    SELECT greatest(bucket_start(w.interval, w.since), k.kept_since,
        CASE w.interval WHEN '1s' THEN date_trunc('second', clock_timestamp()) - interval '89 days' END) AS since,
      bucket_start(w.interval, clock_timestamp() - interval '30 s') AS until
  ) g;
GRANT SELECT ON repair_progress, wish_progress TO stofka_persist, stofka_stream, stofka_repair;
