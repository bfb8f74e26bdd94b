/** The two times ingest needs. */
export interface Clock {
  /**
   * ms since the epoch, whole, never less than before. When the machine's clock is set back, it stands still until that
   * has caught up: marks then claim nothing new, instead of claiming a time twice.
   */
  nowMs(): number;
  /** ms of a clock that nobody sets: for how long something takes or has been silent. */
  steadyMs(): number;
}

export function clock(wallMs: () => number, steadyMs: () => number): Clock {
  let latestMs = 0;
  return {
    nowMs: () => latestMs = Math.max(latestMs, Math.floor(wallMs())),
    steadyMs,
  };
}
