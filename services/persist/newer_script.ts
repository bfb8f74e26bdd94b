/**
 * Lua: whether the first of two values is of a later revision. Values begin with their revision and a space. Two revisions are
 * compared byte by byte: Lua's own `>` follows the server's locale (strcoll), and in Danish "aa" sorts after "z". No number is
 * parsed: two decimals of 20 digits can be one double.
 */
export const NEWER = `
local function newer(a, b)
  local i = 1
  while true do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x == 32 or x == nil then return false end
    if y == 32 or y == nil then return true end
    if x ~= y then return x > y end
    i = i + 1
  end
end`;
