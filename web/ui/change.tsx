import type { Decimal } from "#core/decimal.ts";
import { percent } from "../format/number.ts";

export type Direction = "up" | "down" | "even";

export function directionOf(change: Decimal | null): Direction {
  if (change === null || change === "0") return "even";
  return change.startsWith("-") ? "down" : "up";
}

/** Never by colour alone: the arrow and the sign say the same. */
export function Change({ rate }: { readonly rate: Decimal | null }) {
  if (rate === null) return <span class="even">–</span>;
  const direction = directionOf(rate);
  return (
    <span class={`change ${direction}`}>
      <i aria-hidden="true">{direction === "up" ? "▲" : direction === "down" ? "▼" : ""}</i>
      {percent(rate)}
    </span>
  );
}
