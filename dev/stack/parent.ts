const EVERY_MS = 1_000;

/**
 * Calls `gone` when the process that started this one is no more: a terminal's window closed hard, a CI job killed. Otherwise
 * everything would go on unseen.
 *
 * @param parent its id as it said itself: by the time that we ask, it may be gone, and our parent another
 */
export function watchParent(parent: number, gone: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, EVERY_MS);
  timer.unref();
}
