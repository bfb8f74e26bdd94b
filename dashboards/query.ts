import { type Target, target } from "./panel.ts";

/** The label that the scrape gives every series: which Stofka it is, where one Prometheus watches several. */
export const ENVIRONMENT = "environment";

/** Labels that a scrape adds to what the services say of themselves. */
export const SCRAPE_LABELS: readonly string[] = ["job", "instance", ENVIRONMENT];

/** Label of every metric of a service, by its own registry. */
export const SERVICE_LABEL = "service";

/** A metric of the chosen environment, with further matchers such as `kind="candle"`. */
export function of(metric: string, matchers = ""): string {
  const all = [`${ENVIRONMENT}=~"$environment"`, ...(matchers === "" ? [] : [matchers])];
  return `${metric}{${all.join(",")}}`;
}

/** Per second, over whatever Grafana finds right for the width of the panel. */
export function rate(metric: string, matchers = ""): string {
  return `rate(${of(metric, matchers)}[$__rate_interval])`;
}

export function sumRate(metric: string, by: string, matchers = ""): string {
  return `sum by (${by}) (${rate(metric, matchers)})`;
}

/** p50 and p99 of a histogram, in its unit. */
export function quantiles(
  metric: string,
  { by = "", matchers = "", mayBeEmpty }: {
    readonly by?: string;
    readonly matchers?: string;
    readonly mayBeEmpty?: string;
  } = {},
): readonly Target[] {
  const grouped = by === "" ? "le" : `le, ${by}`;
  const name = by === "" ? "" : ` {{${by}}}`;
  return [0.5, 0.99].map((quantile) =>
    target(
      `histogram_quantile(${quantile}, ${sumRate(`${metric}_bucket`, grouped, matchers)})`,
      `p${quantile * 100}${name}`,
      mayBeEmpty,
    )
  );
}
