import type { Gap } from "#core/gap.ts";
import { clockText, momentText, type Zone } from "../format/time.ts";
import type { WordKey } from "./ko.ts";

type Words = (key: WordKey, n?: string | number) => string;

/** Why it is missing, in a few words: for the band. */
export function gapName({ cause, provisional }: Gap, t: Words): string {
  return cause === "unknown" && provisional ? t("unknownShort") : t(`gap_${cause}`);
}

/** `link lost · 09:00:05–09:00:20 · 15 s`, and whether it stays. */
export function gapText(gap: Gap, zone: Zone, t: Words): string {
  const { sinceMs, untilMs, permanent, provisional } = gap;
  const sameDay = momentText(sinceMs, zone).slice(0, 5) === momentText(untilMs, zone).slice(0, 5);
  const text = sameDay ? clockText : momentText;
  return [
    gapName(gap, t),
    `${momentText(sinceMs, zone)}–${provisional ? "" : text(untilMs, zone)}`,
    t("gapSeconds", (untilMs - sinceMs) / 1_000),
    ...(permanent ? [t("gapPermanent")] : []),
  ].join(" · ");
}
