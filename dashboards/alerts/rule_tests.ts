import type { Alert } from "./alert.ts";
import { ruleFile, RUNBOOKS } from "./alert.ts";
import type { Proof } from "./proofs.ts";

/** The proofs as `promtool test rules` reads them: each alert fires when it should, with its words, and clears. */
export function ruleTests(
  proofs: readonly Proof[],
  alerts: readonly Alert[],
  rulesFile: string,
): unknown {
  const groups = ruleFile(alerts, RUNBOOKS) as {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly alert: string;
        readonly labels: Readonly<Record<string, string>>;
        readonly annotations: Readonly<Record<string, string>>;
      }[];
    }[];
  };
  const rules = new Map(
    groups.groups.flatMap(({ rules }) => rules).map((rule) => [rule.alert, rule]),
  );
  return {
    rule_files: [rulesFile],
    evaluation_interval: "15s",
    tests: proofs.map(({ alert, series, firesAt, labels, quietAt }) => {
      const rule = rules.get(alert)!;
      const filled = (text: string): string =>
        text.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? "");
      return {
        name: alert,
        interval: "15s",
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [
          ...quietAt.map((time) => ({ eval_time: time, alertname: alert, exp_alerts: [] })),
          {
            eval_time: firesAt,
            alertname: alert,
            exp_alerts: [{
              exp_labels: { ...rule.labels, ...labels },
              exp_annotations: Object.fromEntries(
                Object.entries(rule.annotations).map(([name, text]) => [name, filled(text)]),
              ),
            }],
          },
        ],
      };
    }),
  };
}
