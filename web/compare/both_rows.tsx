import { COMPARE_FIELDS, type CompareBucket } from "#core/compare_page.ts";
import type { Interval } from "#core/interval.ts";
import { bucketTime } from "../format/bucket_time.ts";
import { grouped } from "../format/number.ts";
import { momentText } from "../format/time.ts";
import type { App } from "../state/app.ts";
import { differingDigits, type Digits } from "../format/differing_digits.ts";

/** A bucket's two rows, one above the other, with the digits marked that differ. */
export function BothRows({ app, interval, bucket }: {
  readonly app: App;
  readonly interval: Interval;
  readonly bucket: CompareBucket;
}) {
  const { t, zone } = app.preferences;
  const { startsAtMs, verdict, state, reason, fetchedAtMs, ours, theirs } = bucket;
  const time = bucketTime(interval, startsAtMs, zone.value);
  return (
    <article class="both-rows" data-verdict={verdict}>
      <header>
        <time dateTime={new Date(startsAtMs).toISOString()}>{time.rest} {time.name}</time>
        <span class="verdict" title={t(`verdictHint_${verdict}`)}>{t(`verdict_${verdict}`)}</span>
        {state !== null && <span class="ledger-state">{t(`ledger_${state}`)}</span>}
        {fetchedAtMs !== null && (
          <span class="asked-at">
            {t("compareAsked", `${momentText(fetchedAtMs, zone.value)} ${zone.value}`)}
          </span>
        )}
      </header>
      <dl>
        {COMPARE_FIELDS.map((field) => {
          const [a, b] = [theirs?.[field] ?? null, ours?.[field] ?? null];
          const [their, our] = a === null || b === null
            ? [plain(a), plain(b)]
            : differingDigits(a, b);
          return (
            <div key={field} data-differs={a !== null && b !== null && a !== b}>
              <dt>{t(field)}</dt>
              <dd data-side="theirs">
                <abbr title={t("upbit")}>U</abbr>
                <Number digits={their} />
              </dd>
              <dd data-side="ours">
                <abbr title="Stofka">S</abbr>
                <Number digits={our} />
              </dd>
            </div>
          );
        })}
      </dl>
      {theirs === null && verdict === "match" && <p>{t("compareNotKept")}</p>}
      {reason !== null && <p lang="en">{reason}</p>}
    </article>
  );
}

function Number({ digits }: { readonly digits: Digits }) {
  return (
    <span>
      {digits.same}
      {digits.other !== "" && <mark>{digits.other}</mark>}
    </span>
  );
}

function plain(value: string | null): Digits {
  return { same: value === null ? "–" : grouped(value), other: "" };
}
