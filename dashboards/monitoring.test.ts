import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BREAK_CAUSES } from "#core/mark.ts";
import { registries } from "../dev/metrics.ts";
import { RESULTS } from "../services/ingest/repair/rest.ts";
import { ruleFile } from "./alerts/alert.ts";
import { alertmanagerConfig } from "./alerts/alertmanager.ts";
import { ALERTS } from "./alerts/alerts.ts";
import { DASHBOARDS } from "./boards/all.ts";
import { dashboardJson } from "./dashboard.ts";
import { monitoringFiles } from "./files.ts";
import { readPromql } from "./testing/promql.ts";
import { knownMetrics, unknownNames } from "./testing/known_metrics.ts";

/** Dashboards and alerts against what the services really measure, without a Prometheus. */

const root = new URL("..", import.meta.url);
const known = knownMetrics(Object.values(registries()));

const panels = DASHBOARDS.flatMap(({ title, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => ({ board: title, panel })))
);

describe("names", () => {
  test("the services' own metrics are known, a histogram as its series", () => {
    expect(known.get("stofka_ingest_frames_total")).toContain("kind");
    expect(known.get("stofka_stream_request_seconds_bucket")).toEqual(
      expect.arrayContaining(["route", "le", "service", "environment"]),
    );
    expect(known.has("stofka_stream_request_seconds")).toBe(false);
  });

  test("an unknown metric, label, grouping or legend would be seen", () => {
    expect(unknownNames("sum by (knd) (rate(stofka_ingest_frames_total[1m]))", known)).toEqual([
      "knd",
    ]);
    expect(unknownNames("stofka_ingest_frame_total", known)).toEqual(["stofka_ingest_frame_total"]);
    expect(unknownNames(`stofka_ingest_link_up{kind="x"}`, known)).toEqual([
      "stofka_ingest_link_up{kind}",
    ]);
    expect(unknownNames("stofka_ingest_link_up", known, "{{instance}} {{ $labels.code }}"))
      .toEqual(["code"]);
  });

  test.each(panels.map(({ board, panel }) => [`${board}: ${panel.title}`, panel] as const))(
    "%s",
    (_, panel) => {
      expect(panel.targets).not.toEqual([]);
      for (const { expression, legend } of panel.targets) {
        expect(unknownNames(expression, known, legend)).toEqual([]);
        expect(expression).toMatch(/environment=~"\$environment"|^vector/);
      }
    },
  );

  test.each(ALERTS.map((alert) => [alert.name, alert] as const))("%s", (_, alert) => {
    const texts = `${alert.summary} ${alert.description}`;
    expect(unknownNames(alert.expression, known, texts)).toEqual([]);
    // Grafana's variables mean nothing to Prometheus
    expect(alert.expression).not.toContain("$");
  });

  test("every metric of the services is shown or alerts", () => {
    const base = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, "");
    const used = new Set(
      [
        ...panels.flatMap(({ panel }) => panel.targets.map(({ expression }) => expression)),
        ...ALERTS.map(({ expression }) => expression),
      ].flatMap((expression) => [...readPromql(expression).metrics.keys()].map(base)),
    );
    const names = new Set([...known.keys()].map(base));
    expect([...names].filter((name) => !used.has(name))).toEqual([]);
  });

  test("values of labels are those that the services use", () => {
    const { expression } = ALERTS.find(({ name }) => name === "StofkaReconnecting")!;
    // and words that call somebody are words of the services
    const limits = ALERTS.find(({ name }) => name === "StofkaExchangeLimits")!.expression;
    const words = /result=~"([^"]+)"/.exec(limits)![1]!.split("|");
    expect(words.filter((word) => !Object.values(RESULTS).includes(word))).toEqual([]);
    const quiet = /cause!~"([^"]+)"/.exec(expression)![1]!.split("|");
    expect(quiet.filter((cause) => !(BREAK_CAUSES as readonly string[]).includes(cause))).toEqual(
      [],
    );
    expect(quiet.length).toBeLessThan(BREAK_CAUSES.length);
  });
});

describe.each(DASHBOARDS.map((board) => [board.title, board] as const))("%s", (_, board) => {
  interface Grid {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  }
  const json = dashboardJson(board) as {
    readonly uid: string;
    readonly panels: readonly {
      readonly id: number;
      readonly type: string;
      readonly title: string;
      readonly description?: string;
      readonly gridPos: Grid;
      readonly targets?: readonly { readonly refId: string }[];
    }[];
  };

  test("panels have ids of their own, lie on the grid and cover nobody", () => {
    const ids = json.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Set<string>();
    for (const { title, gridPos: { x, y, w, h } } of json.panels) {
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          const cell = `${column} ${line}`;
          expect(taken.has(cell), `${title} covers another at ${cell}`).toBe(false);
          taken.add(cell);
        }
      }
    }
  });

  test("panels say what they show, and titles and queries are told apart", () => {
    const shown = json.panels.filter(({ type }) => type !== "row");
    for (const { title, description, targets } of shown) {
      expect(description, title).toMatch(/\w.*[.]$/);
      const ids = targets!.map(({ refId }) => refId);
      expect(new Set(ids).size).toBe(ids.length);
    }
    const titles = shown.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});

describe("alerts", () => {
  test("names, severities and times are spelled as Prometheus wants them", () => {
    const names = ALERTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, holds, summary, description } of ALERTS) {
      expect(name).toMatch(/^Stofka[A-Z][A-Za-z]+$/);
      expect(holds).toMatch(/^\d+[sm]$/);
      expect(`${summary}.${description}`, name).toMatch(/^[^.].*\w.*\.$/);
    }
  });

  test("each has its page, a dashboard that exists, and no page is left over", () => {
    const pages = readdirSync(new URL("docs/runbooks", root)).filter((file) =>
      file !== "README.md"
    );
    expect(pages.sort()).toEqual(ALERTS.map(({ runbook }) => `${runbook}.md`).sort());
    const boards = DASHBOARDS.map(({ uid }) => uid);
    for (const { name, dashboard, runbook } of ALERTS) {
      expect(boards, name).toContain(dashboard);
      const page = readFileSync(new URL(`docs/runbooks/${runbook}.md`, root), "utf8");
      expect(page, runbook).toContain(`# ${name}\n`);
      for (const part of ["## What it means", "## How to look", "## What to do"]) {
        expect(page, runbook).toContain(`${part}\n`);
      }
      for (const [, link] of page.matchAll(/\]\(([^)#]+)\)/g)) {
        expect(existsSync(new URL(`docs/runbooks/${link}`, root)), `${runbook}: ${link}`).toBe(
          true,
        );
      }
      for (const [metric] of page.matchAll(/\bstofka_(?!dev\b)[a-z]+_[a-z_]+\b/g)) {
        const spelled = [metric, `${metric}_bucket`].some((series) => known.has(series));
        expect(spelled || ROLES.includes(metric), `${runbook}: ${metric}`).toBe(true);
      }
    }
  });

  test("what is quieted is an alert", () => {
    const config = alertmanagerConfig({ criticalUrl: "http://a", warningUrl: "http://b" }) as {
      readonly inhibit_rules: readonly Record<string, readonly string[]>[];
    };
    const names = ALERTS.map(({ name }) => name);
    for (const { source_matchers, target_matchers } of config.inhibit_rules) {
      for (const matcher of [...source_matchers!, ...target_matchers!]) {
        for (const name of /"(.+)"/.exec(matcher)![1]!.split("|")) expect(names).toContain(name);
      }
    }
  });

  test("a rule file names its runbooks where they lie", () => {
    const text = JSON.stringify(ruleFile(ALERTS, "https://docs.example/runbooks"));
    expect(text).toContain(`"https://docs.example/runbooks/link_down.md"`);
  });
});

/** Names of the database's roles that a page may speak of. */
const ROLES = ["stofka_persist", "stofka_stream", "stofka_repair", "stofka_owner"];

test("every file is JSON and ends in a newline", () => {
  const files = monitoringFiles({
    receivers: { criticalUrl: "http://127.0.0.1:1", warningUrl: "http://127.0.0.1:1" },
  });
  expect(files.size).toBe(DASHBOARDS.length + 2);
  for (const [path, text] of files) {
    expect(path).toMatch(/^[a-z]+\/[a-z.-]+\.json$/);
    expect(JSON.parse(text)).toBeTypeOf("object");
    expect(text.endsWith("}\n")).toBe(true);
  }
});
