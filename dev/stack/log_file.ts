import {
  closeSync,
  copyFileSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from "node:fs";

const TAIL_BYTES_MAX = 64 * 1024;

/** The last non-empty lines of a log, each cut at 400 characters; none when there is no log. */
export function lastLines(path: string, linesMax: number): string[] {
  let text: string;
  try {
    const file = openSync(path, "r");
    try {
      const { size } = fstatSync(file);
      const bytes = new Uint8Array(Math.min(size, TAIL_BYTES_MAX));
      const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
      text = new TextDecoder().decode(bytes.subarray(0, read));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return text.split("\n").filter((line) => line.trim() !== "").slice(-linesMax)
    .map((line) => line.length <= 400 ? line : `${line.slice(0, 400)}…`);
}

/**
 * Bounds a log that its writer appends to: past the limit it becomes `<path>.1` and starts anew, so two limits are the most
 * a part's log takes. Copy and truncate, since the writer holds the file open; lines written in between may be lost.
 */
export function rotateLog(path: string, bytesMax: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= bytesMax) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
}
