import { useSignal } from "@preact/signals";
import { compareCounts, type ComparePage, compareShare, DIFFERING } from "#core/compare_page.ts";
import type { App } from "../state/app.ts";
import { BothRows } from "./both_rows.tsx";

/** Shown at a time; the others are one touch away, and all are in the CSV. */
const PAGE_ROWS = 50;

/** What differs, newest first, with both rows and all their digits. */
export function Differences({ app, page }: { readonly app: App; readonly page: ComparePage }) {
  const { t } = app.preferences;
  const rows = useSignal(PAGE_ROWS);
  const differing = page.buckets.filter(({ verdict }) => DIFFERING.includes(verdict)).reverse();
  return (
    <section class="differences" aria-label={t("compareDifferences")}>
      <h2>
        {t("compareDifferences")} <span class="count">{differing.length.toLocaleString("en")}</span>
      </h2>
      {differing.length === 0 && (
        <p class="compare-point">
          {t(
            compareShare(compareCounts(page.buckets)) === null
              ? "compareNothing"
              : "compareNoDifference",
          )}
        </p>
      )}
      {differing.slice(0, rows.value).map((bucket) => (
        <BothRows key={bucket.startsAtMs} app={app} interval={page.interval} bucket={bucket} />
      ))}
      {differing.length > rows.value && (
        <button
          type="button"
          class="compare-button"
          onClick={() => rows.value += PAGE_ROWS}
        >
          {t("compareMore", differing.length - rows.value)}
        </button>
      )}
    </section>
  );
}
