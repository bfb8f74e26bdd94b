import { Failure, shown } from "#core/failure.ts";

const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

/** `24h` → ms. @throws Failure `usage` */
export function spanMs(name: string, text: string): number {
  const match = /^([1-9]\d{0,4})([smhd])$/.exec(text);
  if (match === null) {
    throw new Failure(
      "usage",
      `--${name} is ${shown(text)}, expected a number with s, m, h or d, such as 10m`,
    );
  }
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}
