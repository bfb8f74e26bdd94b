import { Failure, shown } from "#core/failure.ts";

/** Longest request target accepted: room for a thousand markets. */
export const URL_CHARS_MAX = 8_192;

export interface Target {
  /** As sent, not decoded: what is served has plain ASCII names. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** @throws Failure `url_too_long`, `url_invalid` */
export function target(url: string): Target {
  if (url.length > URL_CHARS_MAX) {
    throw new Failure(
      "url_too_long",
      `the address has ${url.length} characters, at most ${URL_CHARS_MAX} are read`,
    );
  }
  // an absolute address, which a proxy may send, is none of ours
  if (!url.startsWith("/")) throw new Failure("url_invalid", `${shown(url)} does not begin with /`);
  const at = url.indexOf("?");
  return at < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

/**
 * Refuses what a route does not read: a misspelt name would silently ask for something else.
 *
 * @throws Failure `parameter_unknown`, `parameter_repeated`
 */
export function assertParameters(query: URLSearchParams, known: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      throw new Failure(
        "parameter_unknown",
        `${shown(name)} is not a parameter here; ${
          known.length === 0 ? "there are none" : `use ${known.join(", ")}`
        }`,
      );
    }
    if (seen.has(name)) throw new Failure("parameter_repeated", `${name} is given more than once`);
    seen.add(name);
  }
}
