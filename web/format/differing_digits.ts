import { grouped } from "./number.ts";

/** A number in two parts: what both have in common, and from where on they differ. */
export interface Digits {
  readonly same: string;
  readonly other: string;
}

/** Both numbers with all their digits, cut where they begin to differ; numbers of other lengths differ from the start. */
export function differingDigits(a: string, b: string): readonly [Digits, Digits] {
  const [one, two] = [grouped(a), grouped(b)];
  if (one === two) return [{ same: one, other: "" }, { same: two, other: "" }];
  const wholeLength = (text: string): number => text.split(".")[0]!.length;
  let at = 0;
  if (wholeLength(one) === wholeLength(two)) {
    while (at < one.length && one[at] === two[at]) at++;
  }
  return [{ same: one.slice(0, at), other: one.slice(at) }, {
    same: two.slice(0, at),
    other: two.slice(at),
  }];
}
