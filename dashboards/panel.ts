/** One curve or number of a panel. */
export interface Target {
  /** PromQL; `$environment` and `$__rate_interval` are Grafana's to fill in. */
  readonly expression: string;
  /** How a curve is named: text with `{{label}}`. */
  readonly legend: string;
  /** Why there may be no answer though all is well; absent: an empty answer is a fault of the dashboard. */
  readonly mayBeEmpty?: string;
}

/** Grafana's names of units. */
export type Unit =
  | "s"
  | "bytes"
  | "Bps"
  | "short"
  | "percentunit"
  | "ops"
  | "up";

/** Colour from a value on; the first begins at the bottom. */
export interface Step {
  readonly from: number | null;
  readonly colour: "green" | "yellow" | "red" | "blue";
}

export interface Panel {
  readonly kind: "stat" | "timeseries";
  readonly title: string;
  /** What it shows and when to worry, for whoever looks at three in the morning. */
  readonly description: string;
  readonly unit: Unit;
  readonly targets: readonly Target[];
  readonly steps?: readonly Step[];
  readonly stacked?: boolean;
}

/** A number now. */
export function stat(
  title: string,
  description: string,
  unit: Unit,
  target: Target,
  steps: readonly Step[] = [{ from: null, colour: "blue" }],
): Panel {
  return { kind: "stat", title, description, unit, targets: [target], steps };
}

/** Curves over time. */
export function curves(
  title: string,
  description: string,
  unit: Unit,
  ...targets: readonly Target[]
): Panel {
  return { kind: "timeseries", title, description, unit, targets };
}

export function stacked(panel: Panel): Panel {
  return { ...panel, stacked: true };
}

export function target(expression: string, legend = "", mayBeEmpty?: string): Target {
  return mayBeEmpty === undefined ? { expression, legend } : { expression, legend, mayBeEmpty };
}

/** Green below the first limit, yellow from it on, red from the second on. */
export function lowIsGood(yellow: number, red: number): readonly Step[] {
  return [
    { from: null, colour: "green" },
    { from: yellow, colour: "yellow" },
    { from: red, colour: "red" },
  ];
}

/** 1 is green, 0 red. */
export const UP_IS_GOOD: readonly Step[] = [
  { from: null, colour: "red" },
  { from: 1, colour: "green" },
];
