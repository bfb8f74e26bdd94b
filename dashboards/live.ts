import type { Alert } from "./alerts/alert.ts";
import type { Dashboard } from "./dashboard.ts";

/** A question as Prometheus can be asked it, without Grafana's variables. */
export interface Question {
  readonly where: string;
  readonly expression: string;
  /** Why it may have no answer; absent: it must have one. */
  readonly mayBeEmpty: string | undefined;
}

/** Every query of every panel, and every alert's: an alert has no answer while all is well. */
export function questions(
  dashboards: readonly Dashboard[],
  alerts: readonly Alert[],
): readonly Question[] {
  return [
    ...dashboards.flatMap(({ title, rows }) =>
      rows.flatMap(({ panels }) =>
        panels.flatMap((panel) =>
          panel.targets.map(({ expression, mayBeEmpty }) => ({
            where: `${title}: ${panel.title}`,
            expression: expression.replaceAll("$environment", ".*")
              .replaceAll("$__rate_interval", "1m"),
            mayBeEmpty,
          }))
        )
      )
    ),
    ...alerts.map(({ name, expression }) => ({
      where: `alert ${name}`,
      expression,
      mayBeEmpty: "all is well",
    })),
  ];
}

export interface Answered {
  readonly question: Question;
  /** Series with a number; absent: Prometheus refused the question. */
  readonly series?: number;
  /** Series whose value is no number, such as a quantile of nothing. */
  readonly nan?: number;
  readonly error?: string;
}

/** Asks Prometheus's API. @param address `http://host:port` */
export async function ask(address: string, question: Question): Promise<Answered> {
  const response = await fetch(`${address}/api/v1/query`, {
    method: "POST",
    body: new URLSearchParams({ query: question.expression }),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = await response.json() as {
    readonly status: string;
    readonly error?: string;
    readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
  };
  if (answer.status !== "success") return { question, error: answer.error ?? "no reason given" };
  const values = answer.data!.result.map(({ value }) => value[1]);
  const nan = values.filter((value) => value === "NaN").length;
  return { question, series: values.length - nan, nan };
}

/** What is wrong with the answers, as sentences. */
export function complaints(answers: readonly Answered[]): readonly string[] {
  return answers.flatMap(({ question: { where, expression, mayBeEmpty }, series, error }) => {
    if (error !== undefined) return [`${where}: ${error}\n    ${expression}`];
    return series === 0 && mayBeEmpty === undefined
      ? [`${where}: no answer\n    ${expression}`]
      : [];
  });
}
