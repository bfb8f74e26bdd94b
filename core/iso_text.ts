/** A time as answers write it: ISO 8601, UTC, without milliseconds where there are none. As `iso_text()` of sql/. */
export function isoText(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
