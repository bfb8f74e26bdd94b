/** All of it reads or copies texts; no number of a candle is parsed. */

/** Most seconds that are read behind a roll-up: some 60 while the drain runs. */
export const PARTS_MAX = 128;

/**
 * KEYS: range of roll-ups, range of seconds, feed, relayed. ARGV: partition, the heads the reader holds of the two ranges.
 * Returns feed, relayed, and of each range its head and its rows, joined by newlines: of seconds the newest
 * ${"`PARTS_MAX`"} and perhaps the head. Rows are nil where the reader's head is the range's.
 */
export const READ_ROLLUPS = `
local head = redis.call('LINDEX', KEYS[1], 0)
local rows = false
if head and head ~= ARGV[2] then rows = table.concat(redis.call('LRANGE', KEYS[1], 1, -1), '\\n') end
local second_head = redis.call('LINDEX', KEYS[2], 0)
local seconds = false
if second_head and second_head ~= ARGV[3] then
  seconds = table.concat(redis.call('LRANGE', KEYS[2], -${PARTS_MAX}, -1), '\\n')
end
return {redis.call('HGET', KEYS[3], ARGV[1]), redis.call('GET', KEYS[4]), head, rows, second_head, seconds}`;

/**
 * KEYS: range of seconds, feed. ARGV: partition, the head the reader holds, minus how many rows it wants. Returns feed, head,
 * rows (perhaps with the head before them).
 */
export const READ_SECONDS = `
local head = redis.call('LINDEX', KEYS[1], 0)
local rows = false
if head and head ~= ARGV[2] then rows = table.concat(redis.call('LRANGE', KEYS[1], ARGV[3], -1), '\\n') end
return {redis.call('HGET', KEYS[2], ARGV[1]), head, rows}`;

/** KEYS: feed, relayed, leases. ARGV: partition, token, ms until the leases expire. Returns feed and relayed. */
export const LEASE = `
for i = 3, #KEYS do redis.call('SET', KEYS[i], ARGV[2], 'PX', ARGV[3]) end
return {redis.call('HGET', KEYS[1], ARGV[1]), redis.call('GET', KEYS[2])}`;

/**
 * KEYS: range, lease. ARGV: token, ms until the range expires, head, rows. Does nothing where an update, another fill or a
 * flush has taken the lease. Returns whether it filled.
 */
export const FILL = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
for i = 3, #ARGV, 1000 do redis.call('RPUSH', KEYS[1], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;
