/**
 * Exact numbers of the tests' own: nothing of the product's decimal code, so that a mistake there cannot hide itself.
 */

/** JSON with every number as the text it was written in, by the runtime's own parser. */
export function exactJson(text: string): unknown {
  return JSON.parse(
    text,
    (_key, value: unknown, context?: { source?: string }) =>
      typeof value === "number" ? context!.source! : value,
  );
}

/** One spelling for each number: no exponent, no needless zeros. */
export function plain(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) throw new Error(`${text} is no decimal`);
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  let digits = whole! + fraction;
  let scale = fraction.length - Number(exponent);
  if (scale < 0) {
    digits += "0".repeat(-scale);
    scale = 0;
  }
  digits = digits.padStart(scale + 1, "0");
  const left = digits.slice(0, digits.length - scale).replace(/^0+(?=\d)/, "");
  const right = digits.slice(digits.length - scale).replace(/0+$/, "");
  const value = right === "" ? left : `${left}.${right}`;
  return value === "0" ? "0" : sign + value;
}

/** In units of 10⁻ᵈⁱᵍⁱᵗˢ. @throws Error when it is finer */
export function scaled(text: string, digits: number): bigint {
  const [whole, fraction = ""] = plain(text).split(".");
  if (fraction.length > digits) throw new Error(`${text} is finer than ${digits} digits`);
  return BigInt(whole! + fraction.padEnd(digits, "0"));
}

/** Back from units of 10⁻ᵈⁱᵍⁱᵗˢ. */
export function unscaled(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, "0");
  return plain(`${text.slice(0, -digits)}.${text.slice(-digits)}`);
}
