import { NEWER } from "./newer_script.ts";

/** KEYS: one hash. ARGV: field, value, field, value, … Writes what is newer; returns how many. */
export const PUT_NEWEST = `${NEWER}
local written = 0
for i = 1, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  if not held or newer(ARGV[i + 1], held) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    written = written + 1
  end
end
return written`;

/**
 * KEYS: sorted sets. ARGV: most members of a set, seconds until an untouched set expires, then for each set the number of
 * its members followed by score, member, score, member, … One member a score, the newest; the lowest scores give way.
 * Returns how many were written.
 */
export const PUT_SECONDS = `${NEWER}
local written = 0
local at = 3
for k = 1, #KEYS do
  local key = KEYS[k]
  local last = at + 2 * tonumber(ARGV[at])
  for i = at + 1, last, 2 do
    local score, member = ARGV[i], ARGV[i + 1]
    local held = redis.call('ZRANGEBYSCORE', key, score, score)
    if #held == 0 then
      redis.call('ZADD', key, score, member)
      written = written + 1
    elseif newer(member, held[1]) then
      redis.call('ZREM', key, unpack(held))
      redis.call('ZADD', key, score, member)
      written = written + 1
    end
  end
  at = last + 1
  local excess = redis.call('ZCARD', key) - tonumber(ARGV[1])
  if excess > 0 then redis.call('ZREMRANGEBYRANK', key, 0, excess - 1) end
  redis.call('EXPIRE', key, ARGV[2])
end
return written`;
