/** A share as percent, never rounded up: only what agrees wholly is 100%. */
export function shareText(share: number | null): string {
  if (share === null) return "–";
  if (share === 1) return "100%";
  const digits = share >= 0.99 ? 3 : 1;
  const scale = 10 ** digits;
  return `${(Math.floor(share * 100 * scale) / scale).toFixed(digits)}%`;
}
