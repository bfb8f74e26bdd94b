/** One-dimensional arrays of built-in types, as PostgreSQL writes them: `{"a","b\"c",NULL}`. */
export type ArrayItem = string | number | boolean | null;

export function encodeArray(items: readonly ArrayItem[]): string {
  const texts = items.map((item) =>
    item === null ? "NULL" : `"${String(item).replace(/["\\]/g, "\\$&")}"`
  );
  return `{${texts.join(",")}}`;
}

export function decodeArray(text: string): (string | null)[] {
  const items: (string | null)[] = [];
  for (const match of text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs)) {
    const [, quoted, plain] = match;
    if (quoted !== undefined) items.push(quoted.replace(/\\(.)/gs, "$1"));
    else items.push(plain === "NULL" ? null : plain!);
  }
  return items;
}

/**
 * Types of parameters and columns by their fixed object ids (`pg_type.dat`): bool, int2, int4, text, int8, float8,
 * timestamptz, numeric arrays. Items are read as text.
 *
 * The client would ask the server for them at each connect, which has two faults: when the backend dies in that very query,
 * its promise is rejected with nobody to catch it, which ends the process; and it knows only what existed at the connect.
 */
const ARRAY_IDS = [1000, 1005, 1007, 1009, 1016, 1022, 1185, 1231];

export const ARRAY_TYPES = {
  array: { to: ARRAY_IDS[3]!, from: ARRAY_IDS, serialize: encodeArray, parse: decodeArray },
  ...Object.fromEntries(
    ARRAY_IDS.map((
      id,
    ) => [`array${id}`, { to: id, from: [], serialize: encodeArray, parse: decodeArray }]),
  ),
};
