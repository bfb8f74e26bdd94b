-- Who folds, and when.

-- Deletes roll-ups that retention has passed, at most rows_max of each table, and moves the table's kept_since there. What is
-- made of them is never folded again from below (rollup_store).
CREATE FUNCTION rollup_keep_house(at timestamptz, rows_max integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
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
  -- of sessions that persist has forgotten
  DELETE FROM coverage_seen k
  WHERE NOT EXISTS (SELECT FROM coverage_session s WHERE s.session = k.session AND s.partition = k.partition);
  RETURN total_;
END $$;

-- Folds until second 58 of this minute, in rounds of 250 ms: pg_cron 1.4 starts nothing more often than once a minute. Two
-- equal jobs call it. One holds the lock, the other tries again each round and takes over when the first is gone, however it
-- went: the lock is the session's, since a transaction's would be gone with the first COMMIT, and a loser that ended at once
-- would lose its minute.
--
-- A round that fails is rolled back as a whole, is named in rollup_state, and is tried again a second later.
CREATE PROCEDURE rollup_drain(
  ends_at timestamptz DEFAULT date_bin('1 minute', clock_timestamp(), 'epoch') + interval '58 s',
  old_max integer DEFAULT 2000
)
LANGUAGE plpgsql AS $$
DECLARE
  lock_      bigint := hashtext('rollup_drain');
  held_      boolean := false;
  began_at   timestamptz;
  more_      boolean;
  failed_    boolean;
BEGIN
  LOOP
    began_at := clock_timestamp();
    more_ := false;
    failed_ := false;
    held_ := held_ OR pg_try_advisory_lock(lock_);
    IF held_ THEN
      BEGIN
        SELECT r.more INTO more_ FROM rollup_round(began_at, old_max) r;
        UPDATE rollup_state SET last_round_at = began_at;
        IF NOT EXISTS (SELECT FROM rollup_state WHERE kept_house_at > began_at - interval '1 minute') THEN
          PERFORM rollup_keep_house(began_at, 1000);
          UPDATE rollup_state SET kept_house_at = began_at;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        failed_ := true;
        UPDATE rollup_state SET failed_at = began_at, failure = SQLSTATE || ' ' || SQLERRM;
        RAISE WARNING 'roll-up round failed: % %', SQLSTATE, SQLERRM;
      END;
    END IF;
    COMMIT;
    EXIT WHEN clock_timestamp() >= ends_at;
    IF failed_ THEN
      PERFORM pg_sleep(1);
    ELSIF NOT more_ THEN
      PERFORM pg_sleep(greatest(0, 0.25 - extract(epoch FROM clock_timestamp() - began_at)));
    END IF;
  END LOOP;
  IF held_ THEN
    PERFORM pg_advisory_unlock(lock_);
  END IF;
END $$;

-- Makes the jobs of this database. Harmless to repeat. Returns what is missing, or null.
CREATE FUNCTION rollup_schedule() RETURNS text
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
  RETURN NULL;
END $$;
