-- Gaps: the seconds that nobody can vouch for, with the reason.
--
-- A gap is the complement of coverage, in whole seconds: a second that is not covered as a whole is missing. Sessions count
-- 5 s less at each end, but the end of one that runs: as much as repair asks for, so that what stands here is what is being
-- fetched. What lies behind a running session's newest mark is no gap: it is not known yet.

-- Answers by their end: those within a day, of a market with a year of them, without reading the year.
CREATE INDEX coverage_answer_until ON coverage_answer (market, interval, until);

-- A mark younger than this tells of now. An older one tells nothing: ingest is gone, or we are behind.
CREATE FUNCTION gap_mark_age() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT interval '10 s' $$;

-- From here on the exchange still gives seconds, and we still keep them (repair_missing() asks up to the same wall); what was
-- missed before is missed for ever.
CREATE FUNCTION gap_wall(at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT date_trunc('second', greatest(at - interval '89 days',
    (SELECT kept_since FROM public.retention WHERE relation = 'market_candle_1s')))
$$;

-- The end of the second that a time lies in, unless it is a second's begin.
CREATE FUNCTION second_ceil(at timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT date_trunc('second', at AT TIME ZONE 'UTC' + interval '999999 us') AT TIME ZONE 'UTC'
$$;

-- What is missing of markets within [since_, until_), newest first, at most limit_ gaps. Of an interval longer than a second,
-- the exchange's rows of it and of those it is folded from cover too.
--
-- Only what we claim to have collected can be missing: of a market, from its first session on and until it was delisted.
--
--   cause        why (core/gap.ts): how the last session before it ended; where that never said so (kill -9, a lost machine),
--                why the next one began
--   permanent    older than gap_wall(): nobody can give it any more
--   provisional  it reaches up to now: its end, and perhaps its cause, are still to come
--   markets      what it is missing of; equal gaps are one
--
-- A link that the exchange itself ended, or that it kept open and silent, and that it did not take again for a minute, is its
-- maintenance. A link that was silent without an answer may as well be our own network: it is never called so.
--
-- Markets with the same sessions are one class, of which there are little more than partitions: a day with 300 sessions is
-- 3,600 rows to look at and not 87,000. Only markets with answers or holes of their own are looked at one by one.
CREATE FUNCTION gaps(
  at timestamptz, since_ timestamptz, until_ timestamptz, markets_ text[] DEFAULT NULL, interval_ text DEFAULT '1s',
  limit_ integer DEFAULT 500
) RETURNS TABLE (
  since timestamptz, until timestamptz, cause text, permanent boolean, provisional boolean, markets text[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
  less_        CONSTANT interval := interval '5 s';
  -- Sessions before and behind the stretch, of all partitions: the cause of a gap that begins or ends outside it.
  beside_max   CONSTANT integer := 120;
  -- How far back a market is looked for that is in none of them. One that is not found is new.
  history_max  CONSTANT integer := 5000;
  -- So long must the exchange refuse us, 5 s at each end included.
  maintenance_ CONSTANT interval := interval '70 s';
  fresh_since_ timestamptz := at - gap_mark_age();
  from_        timestamptz := date_trunc('second', since_);
  to_          timestamptz := second_ceil(until_);
  wall_        timestamptz := gap_wall(at);
  -- The intervals whose answers cover.
  intervals_   text[] := ARRAY(
    SELECT b.interval FROM rollup_level l JOIN rollup_level b ON b.level = l.level OR b.level = ANY (l.below)
    WHERE l.interval = interval_) || '1s'::text;
BEGIN
  RETURN QUERY
  WITH session AS MATERIALIZED (
    -- one number instead of two dozen texts to group and join by
    SELECT hash_array_extended(s.markets, s.partition) AS key, s.partition, s.markets, s.since, s.until, s.ended, s.ended_by, s.cause,
      NOT s.ended AND s.written_at >= fresh_since_ AS running, s.since + less_ AS seen_since,
      s.until - CASE WHEN NOT s.ended AND s.written_at >= fresh_since_ THEN interval '0' ELSE less_ END AS seen_until
    FROM (
      SELECT * FROM coverage_session s WHERE s.since < to_ AND s.until > from_
      UNION ALL
      (SELECT * FROM coverage_session s WHERE s.since < to_ AND s.until <= from_ ORDER BY s.since DESC LIMIT beside_max)
      UNION ALL
      (SELECT * FROM coverage_session s WHERE s.since >= to_ ORDER BY s.since LIMIT beside_max)
    ) s
    WHERE markets_ IS NULL OR s.markets && markets_
  ), variant AS MATERIALIZED (
    SELECT DISTINCT ON (s.key) s.key, s.partition, s.markets, s.seen_since < least(s.seen_until, from_) AS before
    FROM session s ORDER BY s.key, s.seen_since < least(s.seen_until, from_) DESC
  ), member AS (
    SELECT u.market, min(v.partition) AS partition, array_agg(v.key ORDER BY v.key) AS variants,
      bool_or(v.before) AS before
    FROM variant v CROSS JOIN unnest(v.markets) AS u(market)
    WHERE markets_ IS NULL OR u.market = ANY (markets_)
    GROUP BY u.market
    UNION ALL
    -- listed, but in no session near: perhaps collected once
    SELECT m.market, NULL, '{}', false FROM market m
    WHERE (m.delisted_at IS NULL OR m.delisted_at > from_) AND (markets_ IS NULL OR m.market = ANY (markets_))
      AND NOT EXISTS (SELECT FROM variant v WHERE v.markets @> ARRAY[m.market])
  ), class AS MATERIALIZED (
    SELECT (row_number() OVER ())::integer AS class, c.* FROM (
      SELECT m.partition, m.variants, m.before OR p.found AS before, CASE WHEN l.delisted_at < to_ THEN l.delisted_at END AS ends,
        array_agg(m.market) AS markets
      FROM member m LEFT JOIN market l ON l.market = m.market
      CROSS JOIN LATERAL (
        SELECT NOT m.before AND EXISTS (
          SELECT FROM (
            SELECT s.markets, s.since, s.until FROM coverage_session s
            WHERE s.since < from_ - less_ ORDER BY s.since DESC LIMIT history_max
          ) s WHERE s.markets @> ARRAY[m.market] AND s.until - s.since > 2 * less_
        ) AS found
      ) p
      WHERE l.delisted_at IS NULL OR l.delisted_at > from_
      GROUP BY m.partition, m.variants, m.before OR p.found, CASE WHEN l.delisted_at < to_ THEN l.delisted_at END
    ) c
  ), own AS MATERIALIZED (
    SELECT c.class, s.* FROM class c CROSS JOIN unnest(c.variants) AS v(key) JOIN session s ON s.key = v.key
  ), horizon AS MATERIALIZED (
    -- up to where is known what was covered and what was not
    SELECT c.class, coalesce(r.until, f.until, fresh_since_) AS until, CASE WHEN r.until IS NULL THEN f.cause END AS cause
    FROM class c
    LEFT JOIN (SELECT o.class, max(o.until) AS until FROM own o WHERE o.running GROUP BY o.class) r ON r.class = c.class
    LEFT JOIN LATERAL (
      SELECT min(f.written_at) AS until, min(f.cause) FILTER (WHERE f.link = 'down') AS cause
      FROM feed f WHERE f.written_at >= fresh_since_ AND f.partition = coalesce(c.partition, f.partition)
    ) f ON true
  ), line AS (
    SELECT o.class, false AS open, o.seen_since, o.seen_until, o.seen_since < o.seen_until AS covers, o.cause FROM own o
    UNION ALL
    SELECT h.class, true, h.until, NULL, true, h.cause FROM horizon h
  ), walked AS (
    SELECT l.*,
      max(l.seen_until) FILTER (WHERE l.covers) OVER before_it AS reach,
      count(*) FILTER (WHERE l.covers) OVER before_it AS turn
    FROM line l
    WINDOW before_it AS (
      PARTITION BY l.class ORDER BY l.open, l.seen_since, l.seen_until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ), told AS (
    -- sessions too short to cover anything still tell why they began
    SELECT w.*, first_value(w.cause) OVER (PARTITION BY w.class, w.turn ORDER BY w.open, w.seen_since) AS next_cause
    FROM walked w
  ), break AS (
    SELECT t.class, least(date_trunc('second', h.until), date_trunc('second', c.ends)) AS ends,
      t.open AND coalesce(c.ends > h.until, true) AS open, t.reach, t.seen_since, t.next_cause,
      CASE WHEN p.ended THEN p.ended_by ELSE t.next_cause END AS why
    FROM told t JOIN class c ON c.class = t.class JOIN horizon h ON h.class = t.class
    LEFT JOIN (
      SELECT o.class, o.seen_until, bool_and(o.ended) AS ended, max(o.ended_by) AS ended_by
      FROM own o WHERE o.seen_since < o.seen_until GROUP BY o.class, o.seen_until
    ) p ON p.class = t.class AND p.seen_until = t.reach
    WHERE t.covers AND CASE WHEN t.reach IS NULL THEN c.before ELSE t.seen_since > t.reach END
  ), whole AS (
    SELECT b.class, b.open, b.reach, date_trunc('second', b.reach) AS since, least(second_ceil(b.seen_since), b.ends) AS until,
      CASE
        WHEN b.why IN ('closed', 'rejected', 'quiet') AND b.next_cause = b.why AND b.seen_since - b.reach >= maintenance_
          THEN 'maintenance'
        WHEN b.why IN ('started', 'stopped') THEN 'restart'
        WHEN b.why IN ('closed', 'rejected') THEN 'link_lost'
        WHEN b.why IN ('silent', 'quiet') THEN 'silent_link'
        WHEN b.why = 'error' THEN 'unreadable'
        WHEN b.why IN ('kafka_away', 'markets_changed') THEN b.why
        ELSE 'unknown'
      END AS cause
    FROM break b
  ), gap AS MATERIALIZED (
    SELECT (row_number() OVER (PARTITION BY g.class ORDER BY g.since))::integer AS n, g.* FROM (
      SELECT w.class, w.cause, w.open AND w.until <= to_ AS provisional,
        greatest(w.since, from_, lag(w.until) OVER (PARTITION BY w.class ORDER BY w.reach NULLS FIRST)) AS since,
        least(w.until, to_) AS until
      FROM whole w
    ) g WHERE g.since < g.until
  ), lost AS MATERIALIZED (
    SELECT c.class, c.markets, coalesce(range_agg(tstzrange(g.since, g.until)) FILTER (WHERE g.n IS NOT NULL), '{}') AS ranges,
      array_agg(g.since ORDER BY g.n) AS sinces
    FROM class c LEFT JOIN gap g ON g.class = c.class GROUP BY c.class, c.markets
  ), touched AS MATERIALIZED (
    SELECT l.class, m.market, l.sinces, l.ranges - coalesce(a.ranges, '{}') AS missing,
      coalesce(h.ranges, '{}') * tstzmultirange(tstzrange(from_, to_)) - l.ranges - coalesce(a.ranges, '{}') AS refused
    FROM lost l CROSS JOIN unnest(l.markets) AS m(market)
    LEFT JOIN LATERAL (
      SELECT range_agg(whole_buckets(a.interval, a.since, a.until)) AS ranges FROM coverage_answer a
      WHERE a.market = m.market AND a.interval = ANY (intervals_) AND a.until > from_ AND a.since < to_
    ) a ON true
    LEFT JOIN (
      SELECT h.market, range_agg(tstzrange(date_trunc('second', h.since), second_ceil(h.until))) AS ranges
      FROM coverage_hole h WHERE h.since < to_ AND h.until > from_ GROUP BY h.market
    ) h ON h.market = m.market
    WHERE a.ranges IS NOT NULL OR h.ranges IS NOT NULL
  ), untouched AS (
    SELECT l.class, array_agg(m.market) AS markets FROM lost l CROSS JOIN unnest(l.markets) AS m(market)
    WHERE NOT isempty(l.ranges) AND NOT EXISTS (SELECT FROM touched t WHERE t.market = m.market)
    GROUP BY l.class
  ), alike AS MATERIALIZED (
    -- sets of markets that miss the same
    SELECT (row_number() OVER ())::integer AS alike, a.* FROM (
      SELECT u.class, u.markets, NULL::tstzmultirange AS missing, NULL::tstzmultirange AS refused, NULL::timestamptz[] AS sinces
      FROM untouched u
      UNION ALL
      SELECT t.class, array_agg(t.market), t.missing, t.refused, t.sinces FROM touched t
      WHERE NOT isempty(t.missing) OR NOT isempty(t.refused)
      GROUP BY t.class, t.missing, t.refused, t.sinces
    ) a
  ), piece AS (
    SELECT a.alike, g.since, g.until, g.cause, g.provisional FROM alike a JOIN gap g ON g.class = a.class WHERE a.missing IS NULL
    UNION ALL
    SELECT a.alike, greatest(g.since, lower(m.range)), least(g.until, upper(m.range)), g.cause,
      g.provisional AND g.until <= upper(m.range)
    FROM alike a CROSS JOIN unnest(a.missing) AS m(range)
    -- neighbours with different causes are one range in missing
    CROSS JOIN generate_series(width_bucket(lower(m.range), a.sinces),
      width_bucket(upper(m.range) - interval '1 us', a.sinces)) AS n
    JOIN gap g ON g.class = a.class AND g.n = n.n
    UNION ALL
    SELECT a.alike, lower(r.range), upper(r.range), 'not_stored', false FROM alike a CROSS JOIN unnest(a.refused) AS r(range)
  ), cut AS (
    SELECT p.alike, c.since, c.until, p.cause, c.permanent, p.provisional AND NOT c.permanent AS provisional FROM piece p
    CROSS JOIN LATERAL (
      SELECT p.since, least(p.until, wall_), true WHERE p.since < wall_
      UNION ALL
      SELECT greatest(p.since, wall_), p.until, false WHERE p.until > wall_
    ) AS c(since, until, permanent)
  ), found AS MATERIALIZED (
    SELECT c.since, c.until, c.cause, c.permanent, c.provisional, array_agg(c.alike ORDER BY c.alike) AS sets
    FROM cut c GROUP BY c.since, c.until, c.cause, c.permanent, c.provisional
    ORDER BY c.until DESC, c.since DESC, c.cause, min(c.alike) LIMIT limit_
  ), named AS MATERIALIZED (
    SELECT s.sets, (
        SELECT array_agg(m.market ORDER BY m.market)
        FROM alike a CROSS JOIN unnest(a.markets) AS m(market) WHERE a.alike = ANY (s.sets)
      ) AS markets
    FROM (SELECT DISTINCT f.sets FROM found f) s
  )
  SELECT f.since, f.until, f.cause, f.permanent, f.provisional, n.markets FROM found f JOIN named n ON n.sets = f.sets
  ORDER BY f.until DESC, f.since DESC, f.cause, n.markets;
END $$;

-- Up to when is known what is missing and what is not; what came later is not known yet.
CREATE FUNCTION gaps_known_until(at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT date_trunc('second', min(CASE
    WHEN f.written_at < at - public.gap_mark_age() THEN at - public.gap_mark_age()
    WHEN f.link = 'up' AND f.until IS NOT NULL THEN f.until
    ELSE f.written_at END))
  FROM public.feed f
$$;

GRANT EXECUTE ON FUNCTION gaps(timestamptz, timestamptz, timestamptz, text[], text, integer), gaps_known_until(timestamptz)
  TO stofka_persist, stofka_stream, stofka_repair;
