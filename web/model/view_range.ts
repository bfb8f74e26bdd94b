/**
 * The part of time a chart shows. A value: zooming, panning and the market's progress each make a new one, so that a bar
 * that arrives can never reset what the reader zoomed to.
 */
export interface ViewRange {
  readonly fromMs: number;
  readonly toMs: number;
  /** Whether the right edge stays at the market's head. */
  readonly follows: boolean;
}

export interface ViewLimits {
  /** Shortest and longest visible time, ms. */
  readonly spanMsMin: number;
  readonly spanMsMax: number;
  /** Newest time there is to see, ms, and the room kept free right of it as a share of the span. */
  readonly headMs: number;
  readonly roomShare: number;
}

/** How far right of the head one may pan, as a share of the span. */
const OVERSHOOT_SHARE = 0.5;

/** The newest part, following. */
export function viewAtHead(spanMs: number, limits: ViewLimits): ViewRange {
  const span = clamp(spanMs, limits.spanMsMin, limits.spanMsMax);
  const toMs = limits.headMs + span * limits.roomShare;
  return { fromMs: toMs - span, toMs, follows: true };
}

/** What the market's progress makes of the view: moves it when it follows, leaves it alone otherwise. */
export function advanced(view: ViewRange, limits: ViewLimits): ViewRange {
  return view.follows ? viewAtHead(view.toMs - view.fromMs, limits) : view;
}

/** Moves by a time; towards the past with a negative one. Reaching the head again follows again. */
export function panned(view: ViewRange, byMs: number, limits: ViewLimits): ViewRange {
  const span = view.toMs - view.fromMs;
  const toMs = Math.min(view.toMs + byMs, limits.headMs + span * OVERSHOOT_SHARE);
  const atHeadMs = limits.headMs + span * limits.roomShare;
  const reached = byMs > 0 && view.toMs < atHeadMs && toMs >= atHeadMs;
  return reached ? viewAtHead(span, limits) : { fromMs: toMs - span, toMs, follows: false };
}

/**
 * Shows `factor` times as much time (below 1 zooms in), the time at `anchorMs` staying where it is. While the view follows
 * the head, the right edge is the anchor.
 */
export function zoomed(
  view: ViewRange,
  factor: number,
  anchorMs: number,
  limits: ViewLimits,
): ViewRange {
  const span = view.toMs - view.fromMs;
  const next = clamp(span * factor, limits.spanMsMin, limits.spanMsMax);
  if (view.follows) return viewAtHead(next, limits);
  const share = (anchorMs - view.fromMs) / span;
  const toMs = Math.min(
    anchorMs + next * (1 - share),
    limits.headMs + next * OVERSHOOT_SHARE,
  );
  return { fromMs: toMs - next, toMs, follows: false };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
