import type { Panel, Unit } from "./panel.ts";
import { ENVIRONMENT } from "./query.ts";

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Grafana's lasting name of it: in links and in the file's name. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
}

/** Grafana's grid. */
const COLUMNS = 24;
const HEIGHT = { stat: 4, timeseries: 8 } as const;
const WIDTH_MIN = { stat: 4, timeseries: 8 } as const;

const UNITS: Readonly<Record<Unit, string>> = {
  s: "s",
  bytes: "bytes",
  Bps: "Bps",
  short: "short",
  percentunit: "percentunit",
  ops: "ops",
  up: "bool_on_off",
};

/** The dashboard as Grafana 10 and later read it from a file. */
export function dashboardJson({ uid, title, description, rows }: Dashboard): unknown {
  let id = 0;
  let y = 0;
  const panels: unknown[] = [];
  for (const row of rows) {
    panels.push({
      id: ++id,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: COLUMNS, h: 1 },
      panels: [],
    });
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      const h = HEIGHT[panel.kind];
      const w = widthOf(panel, row.panels);
      if (x + w > COLUMNS || (x > 0 && h !== lineHeight)) {
        y += lineHeight;
        x = 0;
      }
      lineHeight = h;
      panels.push({ ...panelJson(panel), id: ++id, gridPos: { x, y, w, h } });
      x += w;
    }
    y += lineHeight;
  }
  return {
    uid,
    title,
    description,
    tags: [TAG],
    schemaVersion: 39,
    version: 1,
    editable: false,
    timezone: "browser",
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    graphTooltip: 1, // one cross-hair through all panels
    links: [{
      type: "dashboards",
      title: "Stofka",
      tags: [TAG],
      asDropdown: true,
      includeVars: true,
      keepTime: true,
      targetBlank: false,
    }],
    templating: { list: VARIABLES },
    annotations: { list: [] },
    panels,
  };
}

export const TAG = "stofka";

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

const VARIABLES: readonly unknown[] = [
  { name: "datasource", type: "datasource", label: "Prometheus", query: "prometheus", hide: 0 },
  {
    name: "environment",
    type: "query",
    label: "Environment",
    datasource: DATASOURCE,
    query: { query: `label_values(stofka_build_info, ${ENVIRONMENT})`, refId: "environment" },
    includeAll: true,
    allValue: ".*",
    multi: true,
    refresh: 2,
    sort: 1,
    current: { text: "All", value: "$__all" },
  },
];

/** All panels of a kind share the row, as far as each stays legible. */
function widthOf(panel: Panel, row: readonly Panel[]): number {
  const alike = row.filter(({ kind }) => kind === panel.kind).length;
  return Math.max(WIDTH_MIN[panel.kind], Math.floor(COLUMNS / alike));
}

function panelJson({ kind, title, description, unit, targets, steps, stacked }: Panel): object {
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: {
        unit: UNITS[unit],
        ...(unit === "percentunit" ? { min: 0 } : {}),
        ...(steps === undefined ? {} : {
          thresholds: {
            mode: "absolute",
            steps: steps.map(({ from, colour }) => ({ value: from, color: colour })),
          },
        }),
        ...(kind === "timeseries"
          ? {
            custom: {
              lineWidth: 1,
              fillOpacity: stacked === true ? 30 : 8,
              showPoints: "never",
              spanNulls: false, // a gap is shown as a gap
              stacking: { mode: stacked === true ? "normal" : "none", group: "A" },
            },
          }
          : {}),
      },
      overrides: [],
    },
    options: kind === "stat"
      ? {
        reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
        colorMode: "background",
        graphMode: "area",
        textMode: "auto",
      }
      : {
        legend: { displayMode: "list", placement: "bottom", showLegend: true },
        tooltip: { mode: "multi", sort: "desc" },
      },
    targets: targets.map(({ expression, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: DATASOURCE,
      editorMode: "code",
      expr: expression,
      legendFormat: legend === "" ? "__auto" : legend,
      range: kind === "timeseries",
      instant: kind === "stat",
    })),
  };
}
