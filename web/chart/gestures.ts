/** What a reader may do to a chart by mouse, touch, pen, wheel and keys. Distances in CSS pixels. */
export interface GestureTarget {
  /** Moved right by so much. */
  pan(byPx: number): void;
  /** Show `factor` times as much time, anchored at x. */
  zoom(factor: number, atPx: number): void;
  hover(at: { readonly x: number; readonly y: number } | null): void;
  /** The crosshair, by buckets. */
  step(by: number): void;
  toHead(): void;
}

/** A finger that rests for so long asks for the crosshair instead of moving the chart. */
const LONG_PRESS_MS = 280;
const TAP_PX_MAX = 6;
const WHEEL_ZOOM = 0.0016;
const KEY_ZOOM = 1.25;

/** Listens until the signal aborts. Pointers on `surface` (the plot), keys on `focusable`. */
export function followGestures(
  surface: HTMLElement,
  focusable: HTMLElement,
  target: GestureTarget,
  signal: AbortSignal,
): void {
  const pointers = new Map<number, { x: number; y: number }>();
  /** What the one finger or button does. */
  let mode: "none" | "press" | "pan" | "crosshair" = "none";
  let pressTimer = 0;
  let movedPx = 0;

  const at = (event: PointerEvent | WheelEvent): { x: number; y: number } => {
    const box = surface.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const on = <Name extends keyof HTMLElementEventMap>(
    element: HTMLElement,
    name: Name,
    listener: (event: HTMLElementEventMap[Name]) => void,
  ): void => element.addEventListener(name, listener, { signal, passive: false });

  on(surface, "pointerdown", (event) => {
    if (event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    const point = at(event);
    pointers.set(event.pointerId, point);
    clearTimeout(pressTimer);
    if (pointers.size === 2) {
      mode = "none";
      target.hover(null);
    } else if (event.pointerType === "mouse") {
      mode = "pan";
    } else {
      mode = "press";
      movedPx = 0;
      pressTimer = setTimeout(() => {
        mode = "crosshair";
        target.hover(point);
      }, LONG_PRESS_MS) as unknown as number;
    }
  });

  on(surface, "pointermove", (event) => {
    const now = at(event);
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      if (event.pointerType === "mouse") target.hover(now);
      return;
    }
    pointers.set(event.pointerId, now);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other !== undefined) {
      const was = Math.max(20, Math.abs(before.x - other.x));
      const is = Math.max(20, Math.abs(now.x - other.x));
      target.zoom(was / is, (now.x + other.x) / 2);
      target.pan((now.x - before.x) / 2);
      return;
    }
    movedPx += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (mode === "press" && movedPx > TAP_PX_MAX) {
      clearTimeout(pressTimer);
      mode = "pan";
    }
    if (mode === "pan") target.pan(now.x - before.x);
    if (mode === "crosshair" || event.pointerType === "mouse") target.hover(now);
  });

  const lift = (event: PointerEvent): void => {
    clearTimeout(pressTimer);
    if (!pointers.delete(event.pointerId)) return;
    if (mode === "press" && event.type === "pointerup") target.hover(at(event));
    mode = "none";
  };
  on(surface, "pointerup", lift);
  on(surface, "pointercancel", lift);
  on(surface, "pointerleave", (event) => {
    if (event.pointerType === "mouse" && pointers.size === 0) target.hover(null);
  });

  on(surface, "wheel", (event) => {
    event.preventDefault();
    const { x } = at(event);
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) target.pan(-event.deltaX);
    else target.zoom(Math.exp(wheelPx(event) * WHEEL_ZOOM), x);
  });
  on(surface, "dblclick", () => target.toHead());

  on(focusable, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keyAction(event, surface.clientWidth, target);
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

function keyAction(
  event: KeyboardEvent,
  widthPx: number,
  target: GestureTarget,
): (() => void) | undefined {
  const by = event.shiftKey ? 10 : 1;
  switch (event.key) {
    case "ArrowLeft":
      return () => target.step(-by);
    case "ArrowRight":
      return () => target.step(by);
    case "PageUp":
      return () => target.pan(widthPx * 0.8);
    case "PageDown":
      return () => target.pan(-widthPx * 0.8);
    case "+":
    case "=":
      return () => target.zoom(1 / KEY_ZOOM, widthPx / 2);
    case "-":
      return () => target.zoom(KEY_ZOOM, widthPx / 2);
    case "End":
      return () => target.toHead();
    case "Escape":
      return () => target.hover(null);
    default:
      return undefined;
  }
}

/** Wheels count pixels, lines or pages; a single turn never zooms more than this. */
function wheelPx(event: WheelEvent): number {
  const px = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
  return Math.max(-240, Math.min(240, px));
}
