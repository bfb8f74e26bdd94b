import { Failure, shown } from "#core/failure.ts";

interface Headers {
  header(name: string): string | undefined;
}

/**
 * Whether a request that changes something comes of a page of ours. A browser says of which site a POST comes, and a foreign
 * page cannot make it say otherwise; a client that says nothing is no browser and acts for nobody else.
 *
 * @throws Failure `origin_not_allowed`
 */
export function assertSameOrigin({ header }: Headers): void {
  const site = header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin") throw notAllowed(site);
  const origin = header("origin");
  if (origin === undefined) return;
  const host = URL.canParse(origin) ? new URL(origin).host : null;
  if (host === null || host !== header("host")?.toLowerCase()) throw notAllowed(origin);
}

/** Nothing here reads a body, and none is waited for. @throws Failure `body_unexpected` */
export function assertNoBody({ header }: Headers): void {
  const length = header("content-length");
  if (header("transfer-encoding") === undefined && (length === undefined || length === "0")) return;
  throw new Failure("body_unexpected", "no body is read here; put the parameters in the address");
}

function notAllowed(from: string): Failure {
  return new Failure(
    "origin_not_allowed",
    `${
      shown(from)
    } may not ask for this; use a page of this server, or a client that is no browser`,
  );
}
