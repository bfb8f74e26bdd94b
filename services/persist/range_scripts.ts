import { NEWER } from "./newer_script.ts";

/**
 * Ranges are lists as core/range_set.ts describes them. No number of a candle is parsed, and a count of revisions is raised
 * digit by digit.
 */
const COMPARE = `${NEWER}
-- order of the first n bytes: -1, 0, 1
local function order(a, b, n)
  for i = 1, n do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y and -1 or 1 end
  end
  return 0
end`;

/**
 * KEYS: a range and its lease, a range and its lease, … ARGV: version of what is written, most rows of a range, `s` where
 * revisions are counted, then for each range the number of its rows and the rows, ascending by start.
 *
 * Deletes each lease, since whoever fills may have read before this update. A range that is not there stays away. A row older
 * than ${"`complete_from`"} is none of the range's; one that belongs further back than the newest 64 ends the range: to insert it
 * would mean to search, and the next reader fills again.
 */
export const UPDATE_RANGES = `${COMPARE}
local function raised(count)
  if count == '32767' then return count end
  for i = #count, 1, -1 do
    local digit = string.byte(count, i)
    if digit < 57 then
      return string.sub(count, 1, i - 1) .. string.char(digit + 1) .. string.rep('0', #count - i)
    end
  end
  return '1' .. string.rep('0', #count)
end
local function counted(row, held)
  local space = string.find(row, ' ', 1, true)
  return string.sub(row, 1, space) .. raised(string.match(held, ' (%d+),')) .. string.match(row, ',.*', space)
end
-- 'kept', 'written' or 'ended'
local function place(key, row)
  local at = -1
  while true do
    if at < -64 then
      redis.call('DEL', key)
      return 'ended'
    end
    local held = redis.call('LINDEX', key, at)
    local head = string.byte(held, 10) == 43 or string.byte(held, 10) == 46
    local way = head and 1 or order(row, held, 9)
    if way == 0 then
      if not newer(row, held) then return 'kept' end
      redis.call('LSET', key, at, ARGV[3] == 's' and counted(row, held) or row)
      return 'written'
    elseif way == 1 then
      if at == -1 then redis.call('RPUSH', key, row)
      else redis.call('LINSERT', key, 'AFTER', held, row) end
      return 'written'
    end
    at = at - 1
  end
end
local updated = 0
local at = 4
for k = 1, #KEYS, 2 do
  local key = KEYS[k]
  local last = at + tonumber(ARGV[at])
  redis.call('DEL', KEYS[k + 1])
  local head = redis.call('LINDEX', key, 0)
  if head then
    local changed = false
    for i = at + 1, last do
      if order(ARGV[i], head, 9) >= 0 then
        local outcome = place(key, ARGV[i])
        if outcome == 'ended' then
          changed = false
          break
        end
        changed = changed or outcome == 'written'
      end
    end
    if changed then
      local begin = string.sub(head, 1, 10)
      local excess = redis.call('LLEN', key) - 1 - tonumber(ARGV[2])
      redis.call('LPOP', key)
      if excess > 0 then
        redis.call('LPOP', key, excess)
        begin = string.sub(redis.call('LINDEX', key, 0), 1, 9) .. '+'
      end
      local epoch = string.match(head, ' [^ ]+')
      redis.call('LPUSH', key, begin .. epoch .. ' ' .. ARGV[1])
      updated = updated + 1
    end
  end
  at = last + 1
end
return updated`;

/**
 * KEYS: a range and its lease, … ARGV: for each range a start. Ends ranges that reach back to it, and whatever fill is under
 * way.
 */
export const END_RANGES = `${COMPARE}
for k = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[k + 1])
  local head = redis.call('LINDEX', KEYS[k], 0)
  if head and order(ARGV[(k + 1) / 2], head, 9) >= 0 then redis.call('DEL', KEYS[k]) end
end`;

/** KEYS: hash. ARGV: field, value, … Writes what begins with a later text. */
export const MOVE_FEED = `${NEWER}
for i = 1, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  if not held or newer(ARGV[i + 1], held) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end`;

/**
 * KEYS: `relayed`. ARGV: the revision behind which the batch begins, a new epoch. Where Redis has not got as far, rows in
 * between were not written here: a new epoch ends every range. Returns whether it did.
 */
export const CHECK_RELAYED = `${NEWER}
local held = redis.call('GET', KEYS[1])
if held and not newer(ARGV[1] .. ' ', held) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
return 1`;

/** KEYS: `relayed`. ARGV: the revision up to which all is written. Never goes back. */
export const MOVE_RELAYED = `${NEWER}
local held = redis.call('GET', KEYS[1])
if held and newer(ARGV[1] .. ' ', held) then
  redis.call('SET', KEYS[1], ARGV[1] .. string.match(held, ' .*'))
end`;
