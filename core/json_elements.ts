import { assert } from "./assert.ts";

/**
 * The elements of a JSON array as they are written, byte for byte: `[{"a":1.0}, "x"]` → `{"a":1.0}` and `"x"`.
 * Encoding again would change numbers (`1.0` → `1`).
 *
 * @param text of an array that `JSON.parse` accepts; anything else is the caller's bug
 */
export function jsonElements(text: string): readonly string[] {
  const elements: string[] = [];
  let depth = 0;
  let startAt = -1;
  const finish = (at: number): void => {
    const element = startAt < 0 ? "" : text.slice(startAt, at).trim();
    if (element !== "") elements.push(element);
    startAt = at + 1;
  };
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '"':
        at = stringEnd(text, at);
        break;
      case "[":
      case "{":
        if (++depth === 1) startAt = at + 1;
        break;
      case "]":
      case "}":
        if (--depth === 0) finish(at);
        break;
      case ",":
        if (depth === 1) finish(at);
        break;
    }
  }
  assert(depth === 0 && text.trimStart().startsWith("["), "a JSON array", text.slice(0, 80));
  return elements;
}

/** Index of the closing quote. */
function stringEnd(text: string, openAt: number): number {
  for (let at = openAt + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
