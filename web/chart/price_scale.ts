/** Shares of the plot's height, from the top: prices, a margin, then volumes down to the bottom. */
export const VOLUME_SHARE = 0.18;
export const PRICE_BOTTOM_SHARE = 0.25;
const PRICE_TOP_SHARE = 0.06;

export interface Span {
  readonly min: number;
  readonly max: number;
}

/**
 * The price scale of the whole plot, so that [low, high] lies between the top margin and the volume area. A market that
 * does not move gets a few ticks of air, not an endless zoom into nothing.
 */
export function priceSpan(low: number, high: number, tick: number): Span {
  const middle = (low + high) / 2;
  const spread = Math.max(high - low, tick * 8, middle * 1e-5);
  const from = middle - spread / 2;
  const share = 1 - PRICE_TOP_SHARE - PRICE_BOTTOM_SHARE;
  const whole = spread / share;
  const min = from - whole * PRICE_BOTTOM_SHARE;
  return { min, max: min + whole };
}

/** Volumes stand on the bottom and reach at most {@link VOLUME_SHARE} of the height. */
export function volumeSpan(volumeMax: number): Span {
  return { min: 0, max: (volumeMax > 0 ? volumeMax : 1) / VOLUME_SHARE };
}

/** Round prices from `fromPrice` to `toPrice`, never finer than the market's last digit. */
export function priceSplits(
  fromPrice: number,
  toPrice: number,
  countMax: number,
  fractionDigits: number,
): number[] {
  const step = priceStep((toPrice - fromPrice) / Math.max(1, countMax), fractionDigits);
  const splits: number[] = [];
  for (let n = Math.ceil(fromPrice / step); n * step <= toPrice; n++) {
    // rounded, so that 3 × 0.1 is not labelled 0.30000000000000004
    splits.push(Number((n * step).toFixed(Math.min(20, fractionDigits + 2))));
  }
  return splits;
}

function priceStep(stepMin: number, fractionDigits: number): number {
  const finest = 10 ** -fractionDigits;
  const wanted = Math.max(stepMin, finest);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= wanted * 0.999999)!;
}
