/**
 * The few variables of ours that a part may see. A shell is full of keys and tokens; a part that is broken into, or logs
 * its environment, has none of them to give away.
 */
const PASSED_ON: readonly string[] = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "JAVA_HOME",
  // A network that is only reached through a proxy, or that signs with a certificate of its own.
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
];

type Environment = Readonly<Record<string, string | undefined>>;

/** A part's whole environment: what is passed on of `ours`, then the part's own. UTC and UTF-8, whatever the shell says. */
export function childEnvironment(
  ours: Environment,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const result: Record<string, string> = { LANG: "C.UTF-8", LC_ALL: "C.UTF-8", TZ: "UTC" };
  for (const name of PASSED_ON) {
    const value = ours[name];
    if (value !== undefined) result[name] = value;
  }
  return { ...result, ...own };
}
