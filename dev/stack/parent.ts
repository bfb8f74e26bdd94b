const EVERY_MS = 1_000;

/**
 * Calls `gone` when the process that started this one is no more: a terminal's window closed hard, a CI job killed. Otherwise
 * everything would go on unseen.
 */
export function watchParent(gone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, EVERY_MS);
  timer.unref();
}
