-- One round of the drain: what is dirty is folded, level by level. Who calls it, and when, is in 0004.
--
-- Everything here runs in one READ COMMITTED transaction under the drain's lock, and each statement of a volatile function
-- takes a new snapshot. That is what makes deleting the dirty rows first and reading the seconds afterwards safe: a second
-- that was not committed when its dirty row was looked for brings a dirty row that the next round finds. One statement that
-- deletes and sums would lose it through its old snapshot.

-- Marks the stored roll-ups of a stretch to be folded again because what covers them changed: after a gain those that are
-- incomplete, after a loss those that are complete. An answer of an interval says nothing about shorter ones.
CREATE FUNCTION rollup_touch(
  markets text[], intervals text[], sinces timestamptz[], untils timestamptz[], gains boolean[]
) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
  SELECT DISTINCT c.starts_at, bucket_end(l.interval, c.starts_at), l.level, true, c.market
  FROM unnest(markets, intervals, sinces, untils, gains) AS s(market, interval, since, until, gain)
  JOIN rollup_level l ON s.interval IN ('1s', l.interval)
    OR l.below @> ARRAY(SELECT level FROM rollup_level WHERE interval = s.interval)
      AND EXISTS (SELECT FROM rollup_level WHERE interval = s.interval)
  CROSS JOIN LATERAL (
    SELECT r.market, r.starts_at FROM market_candle r
    WHERE r.market = s.market AND r.interval = l.interval AND r.complete <> s.gain
      AND r.starts_at >= bucket_start(l.interval, s.since) AND r.starts_at < s.until
  ) AS c
  ON CONFLICT (level, starts_at, market) DO UPDATE SET touched = true WHERE NOT rollup_todo.touched
$$;

-- Takes in what became known, or stopped being known, about coverage.
--
-- A running session covers up to 1 s before its newest mark (the lateness allowance). One that is over counts 5 s less at
-- each end, since a revision may have been due after the cut; one without a mark for 10 s counts as over: whoever wrote it is
-- gone, or we are behind. Buckets that were folded under another assumption are folded again.
CREATE FUNCTION rollup_coverage(at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  markets_   text[];
  intervals_ text[];
  sinces_    timestamptz[];
  untils_    timestamptz[];
  gains_     boolean[];
BEGIN
  WITH came AS (
    DELETE FROM coverage_inbox RETURNING market, interval, since, until
  ), united AS (
    INSERT INTO coverage_known AS known (market, interval, covered)
    SELECT market, interval, range_agg(whole_buckets(interval, since, until))
    FROM came WHERE interval <> 'hole' GROUP BY market, interval
    ON CONFLICT (market, interval) DO UPDATE SET covered = known.covered + excluded.covered
  )
  SELECT array_agg(market), array_agg(CASE interval WHEN 'hole' THEN '1s' ELSE interval END),
    array_agg(since), array_agg(until), array_agg(interval <> 'hole')
  INTO markets_, intervals_, sinces_, untils_, gains_ FROM came;
  IF markets_ IS NOT NULL THEN
    PERFORM rollup_touch(markets_, intervals_, sinces_, untils_, gains_);
  END IF;

  WITH news AS (
    SELECT s.session, s.partition, s.markets, s.since, s.until,
      s.ended OR s.until < at - interval '10 s' AS over, k.until AS seen_until, coalesce(k.over, false) AS seen_over
    FROM coverage_session s LEFT JOIN coverage_seen k USING (session, partition)
    WHERE k.until IS DISTINCT FROM s.until OR k.over <> (s.ended OR s.until < at - interval '10 s')
  ), remembered AS (
    INSERT INTO coverage_seen AS seen (session, partition, until, over)
    SELECT session, partition, until, over FROM news
    ON CONFLICT (session, partition) DO UPDATE SET until = excluded.until, over = excluded.over
  ), united AS (
    INSERT INTO coverage_known AS known (market, interval, covered)
    SELECT m.market, 'live', range_agg(tstzrange(since + interval '5 s', until - interval '5 s'))
    FROM news CROSS JOIN unnest(news.markets) AS m(market)
    WHERE over AND since + interval '5 s' < until - interval '5 s'
    GROUP BY m.market
    ON CONFLICT (market, interval) DO UPDATE SET covered = known.covered + excluded.covered
  ), stretch AS (
    -- Known late: some bucket in it may have been closed without it (30 s after its end; 5 s to spare).
    SELECT markets, coalesce(seen_until - interval '6 s', since) AS since, until, true AS gain FROM news
    WHERE coalesce(seen_until - interval '6 s', since) < at - interval '25 s'
    UNION ALL
    SELECT markets, since, since + interval '5 s', false FROM news WHERE over AND NOT seen_over
    UNION ALL
    SELECT markets, until - interval '6 s', until, false FROM news WHERE over AND NOT seen_over
    UNION ALL
    SELECT markets, since, since + interval '5 s', true FROM news WHERE seen_over AND NOT over
  )
  SELECT array_agg(m.market), array_agg('1s'::text), array_agg(since), array_agg(until), array_agg(gain)
  INTO markets_, intervals_, sinces_, untils_, gains_
  FROM stretch CROSS JOIN unnest(stretch.markets) AS m(market);
  IF markets_ IS NOT NULL THEN
    PERFORM rollup_touch(markets_, intervals_, sinces_, untils_, gains_);
  END IF;
END $$;

-- Minutes from their seconds. Two ordered array_agg cost more than the two primary key look-ups for open and close.
-- since_ and until_ enclose the buckets: as constants of the plan they leave out every other day's partition.
CREATE FUNCTION fold_seconds(markets_ text[], starts_ timestamptz[], ends_ timestamptz[], closed_ boolean[])
RETURNS TABLE (
  market text, starts_at timestamptz, ends_at timestamptz, closed boolean, until timestamptz, last_tick_at timestamptz,
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  since_ timestamptz := (SELECT min(s) FROM unnest(starts_) s);
  until_ timestamptz := (SELECT max(e) FROM unnest(ends_) e);
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
  CROSS JOIN LATERAL (
    SELECT min(s.starts_at) AS first_at, max(s.starts_at) AS last_at, max(s.high) AS high, min(s.low) AS low,
      sum(s.volume) AS volume, sum(s.turnover) AS turnover, max(s.last_tick_at) AS last_tick_at
    FROM market_candle_1s s
    WHERE s.market = b.market AND s.starts_at >= b.starts_at AND s.starts_at < b.ends_at
      AND s.starts_at >= since_ AND s.starts_at < until_ AND NOT s.deleted
  ) AS f;
END $$;

-- Longer buckets from the level below. Until, of a forming one: what lies below an absent row was empty or is dirty.
CREATE FUNCTION fold_rollups(
  below_ text, markets_ text[], starts_ timestamptz[], ends_ timestamptz[], closed_ boolean[])
RETURNS TABLE (
  market text, starts_at timestamptz, ends_at timestamptz, closed boolean, until timestamptz, last_tick_at timestamptz,
  open numeric, high numeric, low numeric, close numeric, volume numeric, turnover numeric
)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN QUERY
  SELECT b.market, b.starts_at, b.ends_at, b.closed,
    CASE WHEN b.closed THEN b.ends_at ELSE coalesce(f.until, b.starts_at) END, f.last_tick_at,
    f.open[1], f.high, f.low, f.close[1], trim_scale(f.volume), trim_scale(f.turnover)
  FROM unnest(markets_, starts_, ends_, closed_) AS b(market, starts_at, ends_at, closed)
  CROSS JOIN LATERAL (
    SELECT max(r.until) AS until,
      array_agg(r.open ORDER BY r.starts_at) FILTER (WHERE NOT r.deleted) AS open,
      array_agg(r.close ORDER BY r.starts_at DESC) FILTER (WHERE NOT r.deleted) AS close,
      max(r.high) FILTER (WHERE NOT r.deleted) AS high, min(r.low) FILTER (WHERE NOT r.deleted) AS low,
      sum(r.volume) FILTER (WHERE NOT r.deleted) AS volume, sum(r.turnover) FILTER (WHERE NOT r.deleted) AS turnover,
      max(r.last_tick_at) FILTER (WHERE NOT r.deleted) AS last_tick_at
    FROM market_candle r
    WHERE r.interval = below_ AND r.market = b.market AND r.starts_at >= b.starts_at AND r.starts_at < b.ends_at
  ) AS f;
END $$;

-- Folds picked buckets of one level and stores what changed. Returns how many rows that were. Plans are generic: planned for
-- each level anew they cost more than their work.
--
-- Of three it takes the first there is: the fold whose every second is covered, the exchange's row fetched after the end,
-- the incomplete fold. Where retention has passed what lies below, only the exchange's row can replace what is stored: a late
-- second would turn a minute of volume 60 into 1.
CREATE FUNCTION rollup_store(
  at timestamptz, level_ smallint, markets_ text[], starts_ timestamptz[], ends_ timestamptz[], closed_ boolean[]
) RETURNS integer
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  interval_ text;
  below_    text;
  -- What covers the level below and everything that is made of.
  answers_  text[];
  kept_     timestamptz;
  -- Not from pg_control_checkpoint(), which tells the old timeline until the first checkpoint after a promotion.
  timeline_ integer := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer;
  stored_   integer;
BEGIN
  SELECT l.interval, l.folded_from, r.kept_since,
    ARRAY(SELECT b.interval FROM rollup_level b WHERE b.level = ANY (l.below)) || '1s'::text
  INTO STRICT interval_, below_, kept_, answers_
  FROM rollup_level l JOIN retention r ON r.relation = 'market_candle_' || l.folded_from
  WHERE l.level = level_;

  WITH chosen AS (
    SELECT DISTINCT c.market FROM unnest(markets_) AS c(market)
  ), running AS (
    SELECT m.market, range_agg(tstzrange(s.since, s.until - interval '1 s')) AS covered
    FROM coverage_session s CROSS JOIN unnest(s.markets) AS m(market)
    WHERE NOT s.ended AND s.until >= at - interval '10 s' AND s.since < s.until - interval '1 s'
    GROUP BY m.market
  ), known AS (
    SELECT k.market,
      range_agg(k.covered) FILTER (WHERE k.interval = 'live') AS live,
      range_agg(k.covered) FILTER (WHERE k.interval = ANY (answers_)) AS answers,
      range_agg(k.covered) FILTER (WHERE k.interval = interval_) AS own
    FROM coverage_known k JOIN chosen USING (market)
    WHERE k.interval = ANY (answers_ || ARRAY['live', interval_])
    GROUP BY k.market
  ), hole AS (
    SELECT h.market, range_agg(tstzrange(h.since, h.until)) AS covered
    FROM coverage_hole h JOIN chosen USING (market) GROUP BY h.market
  ), coverage AS MATERIALIZED (
    SELECT chosen.market,
      coalesce(k.live, '{}') + coalesce(r.covered, '{}') - coalesce(h.covered, '{}') + coalesce(k.answers, '{}') AS below,
      coalesce(k.own, '{}') AS own
    FROM chosen
    LEFT JOIN known k ON k.market = chosen.market
    LEFT JOIN running r ON r.market = chosen.market
    LEFT JOIN hole h ON h.market = chosen.market
  ), folded AS MATERIALIZED (
    SELECT s.* FROM fold_seconds(markets_, starts_, ends_, closed_) s WHERE level_ = 1
    UNION ALL
    SELECT r.* FROM fold_rollups(below_, markets_, starts_, ends_, closed_) r WHERE level_ > 1
  ), measured AS (
    SELECT f.*, f.starts_at >= kept_ AS foldable,
      f.starts_at >= kept_ AND c.below @> tstzrange(f.starts_at, f.until) AS whole,
      c.own @> tstzrange(f.starts_at, f.ends_at) AS answered
    FROM folded f JOIN coverage c ON c.market = f.market
  ), wanted AS (
    SELECT m.market, m.starts_at, m.until, v.source, v.complete, v.open IS NULL AS deleted, r.market IS NULL AS new,
      coalesce(v.last_tick_at, r.last_tick_at) AS last_tick_at, coalesce(v.open, r.open) AS open,
      coalesce(v.high, r.high) AS high, coalesce(v.low, r.low) AS low, coalesce(v.close, r.close) AS close,
      coalesce(v.volume, r.volume) AS volume, coalesce(v.turnover, r.turnover) AS turnover,
      r AS stored
    FROM measured m
    LEFT JOIN LATERAL (
      SELECT c.* FROM market_candle c
      WHERE c.interval = interval_ AND c.market = m.market AND c.starts_at = m.starts_at
    ) r ON true
    LEFT JOIN exchange_candle e ON e.interval = interval_ AND e.market = m.market AND e.starts_at = m.starts_at
      AND m.closed AND e.fetched_at >= m.ends_at
      AND NOT m.whole AND (m.foldable OR NOT coalesce(r.complete AND r.source = 'folded', false))
    CROSS JOIN LATERAL (
      SELECT 'exchange'::rollup_source, m.answered, e.last_tick_at, e.open, e.high, e.low, e.close, e.volume, e.turnover
      WHERE e.market IS NOT NULL
      UNION ALL
      SELECT 'folded', m.whole, m.last_tick_at, m.open, m.high, m.low, m.close, m.volume, m.turnover
      WHERE e.market IS NULL AND m.foldable
    ) AS v(source, complete, last_tick_at, open, high, low, close, volume, turnover)
    WHERE v.open IS NOT NULL OR r.market IS NOT NULL
  ), changed AS (
    SELECT w.* FROM wanted w
    WHERE w.new OR
      (w.until, w.source, w.complete, w.deleted, w.last_tick_at, w.open, w.high, w.low, w.close, w.volume, w.turnover)
        IS DISTINCT FROM
      ((w.stored).until, (w.stored).source, (w.stored).complete, (w.stored).deleted, (w.stored).last_tick_at,
        (w.stored).open, (w.stored).high, (w.stored).low, (w.stored).close, (w.stored).volume, (w.stored).turnover)
    ORDER BY w.market, w.starts_at
  ), written AS (
    INSERT INTO market_candle AS c
      (starts_at, last_tick_at, until, sequence, timeline, source, complete, deleted, interval, market,
       open, high, low, close, volume, turnover)
    SELECT w.starts_at, w.last_tick_at, w.until, nextval('rollup_sequence'), timeline_, w.source, w.complete, w.deleted,
      interval_, w.market, w.open, w.high, w.low, w.close, w.volume, w.turnover
    FROM changed w
    ON CONFLICT (market, starts_at, interval) DO UPDATE SET
      last_tick_at = excluded.last_tick_at, until = excluded.until, sequence = excluded.sequence,
      timeline = excluded.timeline, source = excluded.source, complete = excluded.complete, deleted = excluded.deleted,
      open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
      volume = excluded.volume, turnover = excluded.turnover
    RETURNING 1
  )
  SELECT count(*) INTO stored_ FROM written;
  RETURN stored_;
END $$;

-- One round. Each level first takes what ended less than 2 minutes ago, then at most old_max older buckets, newest first, so
-- that an hour of arrears never starves the minute that has just ended. Times are compared with at, the round's clock.
--
-- A bucket is closed when coverage of its market passed its end by 1 s (the second :59 arrives at about :60.007), or when 30 s
-- went by. A minute appears when it is closed; longer buckets also while they form, each time a minute in them was folded, so
-- once a minute: until then a reader folds at most some 60 seconds to them itself, and a refresh with each second would write
-- sixty times as many row versions. A bucket waits while one below it is dirty and closed.
--
-- folded: buckets folded; more: whether older ones remain that were not waiting.
CREATE FUNCTION rollup_round(at timestamptz, old_max integer, OUT folded integer, OUT more boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  dirty_max CONSTANT integer := 100000;
  moved_    integer;
  -- Markets with coverage, and up to when their buckets are closed.
  covered_  text[];
  passed_   timestamptz[];
  -- What this round has folded: the longer buckets around it follow. In memory, since to write it down in rollup_todo and to
  -- cross it out again made 8,000 row versions a minute.
  levels_   smallint[] := '{}';
  markets_  text[] := '{}';
  starts_   timestamptz[] := '{}';
  own       rollup_level;
  picked    record;
BEGIN
  folded := 0;
  more := false;

  WITH gone AS (
    DELETE FROM candle_dirty WHERE ctid = ANY (ARRAY(SELECT ctid FROM candle_dirty LIMIT dirty_max))
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
  SELECT count(*) INTO moved_ FROM gone;
  PERFORM rollup_coverage(at);

  SELECT array_agg(c.market), array_agg(c.passed) INTO covered_, passed_
  FROM (
    SELECT m.market, max(s.until) - interval '1 s' AS passed
    FROM coverage_session s CROSS JOIN unnest(s.markets) AS m(market)
    WHERE s.until > at - interval '30 s' GROUP BY m.market
  ) c;

  FOR own IN SELECT l.* FROM rollup_level l ORDER BY l.level LOOP
    -- With dirty rows left over, nobody knows yet which minutes below are whole.
    IF own.level > 1 AND moved_ = dirty_max THEN
      more := true;
      INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
      SELECT DISTINCT b.starts_at, bucket_end(l.interval, b.starts_at), l.level, true, f.market
      FROM unnest(markets_, starts_) AS f(market, starts_at) JOIN rollup_level l ON l.folded_from = '1m'
      CROSS JOIN LATERAL (SELECT bucket_start(l.interval, f.starts_at) AS starts_at) b
      ON CONFLICT (level, starts_at, market) DO UPDATE SET touched = true WHERE NOT rollup_todo.touched;
      EXIT;
    END IF;

    WITH passed AS (
      SELECT p.market, greatest(p.passed, at - interval '30 s') AS passed FROM unnest(covered_, passed_) AS p(market, passed)
    ), around AS MATERIALIZED (
      SELECT DISTINCT f.market, bucket_start(own.interval, f.starts_at) AS starts_at
      FROM unnest(levels_, markets_, starts_) AS f(level, market, starts_at)
      WHERE f.level = own.below[1]
    ), fresh AS (
      SELECT t.market, t.starts_at, t.ends_at, coalesce(p.passed, at - interval '30 s') AS passed
      FROM rollup_todo t LEFT JOIN passed p ON p.market = t.market
      WHERE t.level = own.level AND t.starts_at >= bucket_start(own.interval, at - interval '2 minutes')
        AND (t.touched AND own.level > 1 OR t.ends_at <= coalesce(p.passed, at - interval '30 s'))
        AND NOT EXISTS (SELECT FROM around a WHERE a.market = t.market AND a.starts_at = t.starts_at)
      UNION ALL
      SELECT a.market, a.starts_at, bucket_end(own.interval, a.starts_at), coalesce(p.passed, at - interval '30 s')
      FROM around a LEFT JOIN passed p ON p.market = a.market
    ), judged AS MATERIALIZED (
      SELECT f.market, f.starts_at, f.ends_at, f.ends_at <= f.passed AS closed, EXISTS (
          SELECT FROM rollup_todo b
          WHERE b.market = f.market AND b.level = ANY (own.below)
            AND b.starts_at >= f.starts_at AND b.starts_at < f.ends_at AND b.ends_at <= f.passed
        ) AS waits
      FROM fresh f
    ), old AS (
      SELECT t.market, t.starts_at, t.ends_at FROM rollup_todo t
      WHERE t.level = own.level AND t.starts_at < bucket_start(own.interval, at - interval '2 minutes')
        AND NOT EXISTS (SELECT FROM around a WHERE a.market = t.market AND a.starts_at = t.starts_at)
        AND NOT EXISTS (
          SELECT FROM rollup_todo b
          WHERE b.market = t.market AND b.level = ANY (own.below) AND b.starts_at >= t.starts_at AND b.starts_at < t.ends_at)
      ORDER BY t.starts_at DESC LIMIT old_max
    ), waiting AS (
      INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
      SELECT j.starts_at, j.ends_at, own.level, true, j.market FROM judged j WHERE j.waits
      ON CONFLICT (level, starts_at, market) DO UPDATE SET touched = true WHERE NOT rollup_todo.touched
    ), pick AS (
      SELECT j.market, j.starts_at, j.ends_at, j.closed, false AS old FROM judged j WHERE NOT j.waits
      UNION ALL
      SELECT o.market, o.starts_at, o.ends_at, true, true FROM old o
    )
    SELECT array_agg(p.market) AS markets, array_agg(p.starts_at) AS starts, array_agg(p.ends_at) AS ends,
      array_agg(p.closed) AS closed, count(*) FILTER (WHERE p.old) AS old
    INTO picked FROM pick p;
    CONTINUE WHEN picked.markets IS NULL;

    PERFORM rollup_store(at, own.level, picked.markets, picked.starts, picked.ends, picked.closed);
    folded := folded + cardinality(picked.markets);
    more := more OR picked.old = old_max;
    levels_ := levels_ || array_fill(own.level, ARRAY[cardinality(picked.markets)]);
    markets_ := markets_ || picked.markets;
    starts_ := starts_ || picked.starts;

    DELETE FROM rollup_todo t USING unnest(picked.markets, picked.starts, picked.closed) AS p(market, starts_at, closed)
    WHERE p.closed AND t.level = own.level AND t.starts_at = p.starts_at AND t.market = p.market;
    -- A bucket that forms stays listed: at its end it has to be closed even if nothing more trades in it.
    INSERT INTO rollup_todo (starts_at, ends_at, level, touched, market)
    SELECT p.starts_at, p.ends_at, own.level, false, p.market
    FROM unnest(picked.markets, picked.starts, picked.ends, picked.closed) AS p(market, starts_at, ends_at, closed)
    WHERE NOT p.closed
    ON CONFLICT (level, starts_at, market) DO NOTHING;
    UPDATE rollup_todo t SET touched = false
    FROM unnest(picked.markets, picked.starts, picked.closed) AS p(market, starts_at, closed)
    WHERE NOT p.closed AND t.level = own.level AND t.starts_at = p.starts_at AND t.market = p.market AND t.touched;
  END LOOP;
END $$;
