/** A timer that comes this much too late says that the machine or the tab slept. */
const SLEPT_MS_MIN = 4_000;
const TICK_MS = 1_000;

/**
 * Dispatches `slept` when what happened meanwhile may be missing here: after a sleep, a freeze, or a while in the
 * background, where browsers slow timers and may drop events. Dispatches `wake` when only the connection is in doubt.
 */
export function watchWakes(signal: AbortSignal): EventTarget {
  const wakes = new EventTarget();
  const tell = (name: "slept" | "wake"): void => {
    wakes.dispatchEvent(new Event(name));
  };
  const options = { signal };
  let hiddenAtMs = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hiddenAtMs = Date.now();
    else tell(Date.now() - hiddenAtMs > SLEPT_MS_MIN ? "slept" : "wake");
  }, options);
  document.addEventListener("resume", () => tell("slept"), options);
  addEventListener("pageshow", (event) => {
    if (event.persisted) tell("slept");
  }, options);
  addEventListener("online", () => tell("wake"), options);
  let tickedAtMs = Date.now();
  const timer = setInterval(() => {
    const lateMs = Date.now() - tickedAtMs - TICK_MS;
    tickedAtMs = Date.now();
    // in the background timers are late by design
    if (Math.abs(lateMs) > SLEPT_MS_MIN && document.visibilityState === "visible") tell("slept");
  }, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return wakes;
}
