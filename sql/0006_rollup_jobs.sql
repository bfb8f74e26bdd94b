-- The jobs, where pg_cron is in this database already. Where it comes later, or is in another one: SELECT rollup_schedule().
SELECT rollup_schedule();
