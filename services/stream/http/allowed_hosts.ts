import { Failure, shown } from "#core/failure.ts";

/** Names a browser on this machine may call us by. */
export const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"] as const;

/**
 * Whether the `Host` header is a name we answer to. A page of a foreign site can point its own name at this address
 * (DNS rebinding); then the browser takes us for that site and lets it read our answers.
 *
 * @throws Failure `host_not_allowed`
 */
export function assertHost(header: string | undefined, allowed: ReadonlySet<string>): void {
  if (allowed.has("*")) return;
  const name = (header ?? "").toLowerCase().replace(/:\d{1,5}$/, "");
  if (allowed.has(name)) return;
  throw new Failure(
    "host_not_allowed",
    `${shown(header ?? "")} is not a host this server answers to; add it to HTTP_ALLOWED_HOSTS`,
  );
}
