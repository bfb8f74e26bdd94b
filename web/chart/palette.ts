/** The chart's colours, from the style sheet: one place decides what dark and light look like. */
export interface Palette {
  readonly ground: string;
  readonly grid: string;
  readonly text: string;
  readonly strong: string;
  readonly up: string;
  readonly down: string;
  readonly even: string;
  readonly onColor: string;
  /** Of what is missing. */
  readonly warn: string;
  readonly font: string;
}

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    ground: color("--panel"),
    grid: color("--grid"),
    text: color("--muted"),
    strong: color("--text"),
    up: color("--up"),
    down: color("--down"),
    even: color("--even"),
    onColor: color("--on-color"),
    warn: color("--warn"),
    font: style.fontFamily,
  };
}
