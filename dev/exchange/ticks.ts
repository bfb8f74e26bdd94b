/** Fixed point: prices and volumes are whole numbers of 10⁻⁸, turnovers of 10⁻¹⁶. */
export const scale = 100_000_000n;

const krwSteps: readonly (readonly [floor: number, tick: number])[] = [
  [1_000_000, 1000],
  [500_000, 500],
  [100_000, 100],
  [50_000, 50],
  [10_000, 10],
  [5_000, 5],
  [100, 1],
];

/**
 * The smallest step of a price, in 10⁻⁸ of the quote currency. KRW: docs.upbit.com/kr/docs/krw-market-info (from 2025-07-31):
 * steps above, and below 100 a thousandth to a hundredth of the price, down to 10⁻⁸. A step of a higher price is a multiple of
 * the step of each lower one, so a price on the coarser grid is on the finer too.
 *
 * @param price in the quote currency, a float: only its magnitude counts
 */
export function tickUnits(market: string, price: number): bigint {
  if (market.startsWith("BTC-")) return 1n;
  if (market.startsWith("USDT-")) return decade(price, 10, 1_000_000n);
  if (price >= 1_000 && price < 10_000 && (market === "KRW-USDT" || market === "KRW-USDC")) {
    return scale / 2n;
  }
  for (const [floor, tick] of krwSteps) {
    if (price >= floor) return BigInt(tick) * scale;
  }
  return decade(price, 10, scale / 10n);
}

/** The tick at and above the floor, a tenth for each decade below, never under 10⁻⁸. */
function decade(price: number, floor: number, tick: bigint): bigint {
  while (price < floor && tick > 1n) {
    floor /= 10;
    tick /= 10n;
  }
  return tick;
}
