/** A timer that comes this much too late says that the machine or the tab slept. */
const SLEPT_MS_MIN = 4_000;
const TICK_MS = 1_000;

/** Dispatches `wake` whenever what was known before may be old: after a sleep, a freeze, a return to the tab or the network. */
export function watchWakes(signal: AbortSignal): EventTarget {
  const wakes = new EventTarget();
  const wake = (): void => {
    wakes.dispatchEvent(new Event("wake"));
  };
  const options = { signal };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") wake();
  }, options);
  document.addEventListener("resume", wake, options);
  addEventListener("pageshow", (event) => {
    if (event.persisted) wake();
  }, options);
  addEventListener("online", wake, options);
  let tickedAtMs = Date.now();
  const timer = setInterval(() => {
    const lateMs = Date.now() - tickedAtMs - TICK_MS;
    tickedAtMs = Date.now();
    if (Math.abs(lateMs) > SLEPT_MS_MIN) wake();
  }, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return wakes;
}
