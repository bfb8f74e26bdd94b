import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { Buffer } from "node:buffer";

/** What PostgreSQL itself uses; more would slow each new connection. */
const ITERATIONS = 4096;

/**
 * The verifier PostgreSQL stores for a password, made here so that the password itself never travels to the server, nor
 * into its log or `pg_stat_activity`.
 *
 * @param password ASCII (others would need SASLprep)
 * @param salt 16 random bytes
 * @see https://www.rfc-editor.org/rfc/rfc5803
 */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const hmac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
