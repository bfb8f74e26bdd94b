/** The whole number of a text of at most so many digits, and nothing else; NaN for any other text. Up to 15 digits are exact. */
export function wholeNumber(text: unknown, digitsMax: number): number {
  if (typeof text !== "string" || text.length === 0 || text.length > digitsMax) return NaN;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return value;
}
