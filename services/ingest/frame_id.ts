/**
 * Ids of frames: `3f9c1a-1`, `3f9c1a-2`, …: the process's tag, then a count in base 36. Short, since each record carries
 * one, and told apart from those of an ingest before or beside.
 */
export function frameIds(tag: string): () => string {
  let count = 0;
  return () => `${tag}-${(++count).toString(36)}`;
}
