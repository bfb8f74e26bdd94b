-- The index of a day of seconds, made anew once the day is over.
--
-- Its key begins with the market, so each market's part grows at its own end, in the middle of the index, where a full page is
-- split in halves of which the left one never fills: 55 bytes a second. (PostgreSQL splits such pages at the end where a key has
-- at most 16 bytes: markets of at most seven characters.) Made anew it has 38; rows take 128.

-- What is known of the index of each day that is over.
CREATE TABLE seconds_index (
  name        text COLLATE "C" PRIMARY KEY,
  -- REINDEX puts another one in its place, with the same name.
  index       oid NOT NULL,
  -- When it was last looked at, and when it was first looked at after it had been made anew; null before.
  bytes       bigint NOT NULL,
  bytes_tight bigint
);
COMMENT ON TABLE seconds_index IS 'Which indexes of ended days of market_candle_1s are still as loose as they grew; see seconds_index_next().';
GRANT SELECT ON seconds_index TO stofka_persist, stofka_stream, stofka_repair;

-- The index to be made anew next, null when there is none: of days that ended an hour ago the newest that did not grow since
-- the last look, so that nobody is writing much there, and that was never made anew or has grown by a tenth since, as by a
-- back-fill. Small ones are left alone. An attempt that failed is simply the next one again.
CREATE FUNCTION seconds_index_next(at timestamptz) RETURNS text
LANGUAGE sql AS $$
  WITH seen AS MATERIALIZED (
    SELECT c.relname AS name, c.oid AS index, pg_relation_size(c.oid) AS bytes
    FROM pg_inherits i JOIN pg_class t ON t.oid = i.inhrelid
    JOIN pg_index x ON x.indrelid = t.oid AND x.indisprimary JOIN pg_class c ON c.oid = x.indexrelid
    WHERE i.inhparent = 'market_candle_1s'::regclass
      AND t.relname < 'market_candle_1s_' || to_char((at - interval '1 hour') AT TIME ZONE 'UTC', 'YYYYMMDD')
  ), dropped AS (
    DELETE FROM seconds_index k WHERE NOT EXISTS (SELECT FROM seen s WHERE s.name = k.name)
  ), noted AS (
    INSERT INTO seconds_index AS k (name, index, bytes) SELECT s.name, s.index, s.bytes FROM seen s
    ON CONFLICT (name) DO UPDATE SET index = excluded.index, bytes = excluded.bytes,
      bytes_tight = CASE WHEN k.index = excluded.index THEN k.bytes_tight ELSE excluded.bytes END
    WHERE (k.index, k.bytes) <> (excluded.index, excluded.bytes)
  )
  -- as they were noted at the look before
  SELECT s.name FROM seen s JOIN seconds_index k ON (k.name, k.index, k.bytes) = (s.name, s.index, s.bytes)
  WHERE s.bytes >= 1024 * 1024 AND (k.bytes_tight IS NULL OR s.bytes > k.bytes_tight * 1.1)
  ORDER BY s.name DESC LIMIT 1
$$;

-- Chooses what the job "seconds_index" does next, once an hour: one index, or there is no such job. REINDEX … CONCURRENTLY
-- holds up neither readers nor writers, but must be a statement of its own, so it is the job's whole command and carries a name.
CREATE FUNCTION seconds_index_schedule() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  name_ text;
BEGIN
  -- the last one is still at it
  IF EXISTS (
    SELECT FROM pg_stat_progress_create_index p JOIN pg_inherits i ON i.inhrelid = p.relid
    WHERE p.datname = current_database() AND i.inhparent = 'market_candle_1s'::regclass
  ) THEN
    RETURN;
  END IF;
  -- what a REINDEX leaves behind that was interrupted; DROP waits for the day's readers, and others wait behind it
  SET LOCAL lock_timeout = '2s';
  FOR name_ IN
    SELECT c.relname FROM pg_inherits i JOIN pg_index x ON x.indrelid = i.inhrelid JOIN pg_class c ON c.oid = x.indexrelid
    WHERE i.inhparent = 'market_candle_1s'::regclass AND NOT x.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  LOOP
    EXECUTE format('DROP INDEX %I', name_);
  END LOOP;

  name_ := seconds_index_next(clock_timestamp());
  IF name_ IS NOT NULL THEN
    PERFORM cron.schedule('seconds_index', '47 * * * *', format('REINDEX INDEX CONCURRENTLY public.%I', name_));
  ELSE
    PERFORM cron.unschedule(j.jobid) FROM cron.job j WHERE j.jobname = 'seconds_index' AND j.username = current_user;
  END IF;
END $$;

-- As in 0004, and the look at the indexes. In a database that pg_cron is not in, indexes stay as they grew.
CREATE OR REPLACE FUNCTION rollup_schedule() RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
    RETURN 'pg_cron is not in this database, so no roll-ups are made: in cron.database_name, as a superuser, '
      || format('SELECT cron.schedule_in_database(''rollup_1'', ''* * * * *'', ''CALL rollup_drain()'', %L, %L)',
                current_database(), current_user)
      || ', and the same as rollup_2';
  END IF;
  -- A job is one bare CALL: in "SET …; CALL …" both are one transaction, and the procedure could not COMMIT.
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = 0', current_user, current_database());
  PERFORM cron.schedule('rollup_1', '* * * * *', 'CALL rollup_drain()');
  PERFORM cron.schedule('rollup_2', '* * * * *', 'CALL rollup_drain()');
  PERFORM cron.schedule('rollup_run_details', '17 * * * *',
    $job$DELETE FROM cron.job_run_details WHERE start_time < clock_timestamp() - interval '1 day'$job$);
  PERFORM cron.schedule('seconds_index_look', '41 * * * *', 'SELECT seconds_index_schedule()');
  RETURN NULL;
END $$;
SELECT rollup_schedule();
