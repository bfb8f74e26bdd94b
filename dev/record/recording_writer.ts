import { Buffer } from "node:buffer";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { encodeEntry, type Entry, type Header } from "./entry.ts";
import { RECORDING_SUFFIX } from "./recording_reader.ts";

export interface WriterOptions {
  readonly folder: string;
  /** Of the files' names, such as `upbit`. */
  readonly name: string;
  readonly exchange: string;
  /** All files of this name together; the oldest go first. */
  readonly bytesMax: number;
  /** Longest time that one file spans, ms. */
  readonly fileMsMax: number;
}

/** A file takes this share of all at most, so that what goes when the limit is reached is the oldest tenth, not the half. */
const FILE_SHARE = 0.1;
/** Lines wait for so many characters, or for the second's {@link RecordingWriter.flush}. */
const BLOCK_CHARS = 256 * 1024;

/**
 * Writes a recording into files that each can be read alone. Lines are packed block by block, each a whole gzip member: the
 * file is an ordinary .gz at any moment, and a crash costs at most the block that was not written yet, a second.
 */
export class RecordingWriter {
  readonly #options: WriterOptions;
  /** Lines of the newest state, which each file begins with. */
  readonly #state = new Map<"markets" | "sent", Entry>();
  #waiting = "";
  #file: { readonly descriptor: number; readonly path: string; readonly sinceMs: number } | null =
    null;
  #fileBytes = 0;
  #bytes = 0;
  #frames = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
  }

  /** Frames written, and bytes on the disk, by this writer. */
  get frames(): number {
    return this.#frames;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get path(): string | null {
    return this.#file?.path ?? null;
  }

  add(entry: Entry): void {
    if (entry.kind === "frame") this.#frames++;
    if (this.#file === null) this.#open(entry.atMs);
    if (entry.kind === "markets" || entry.kind === "sent") this.#state.set(entry.kind, entry);
    this.#waiting += encodeEntry(entry);
    if (this.#waiting.length >= BLOCK_CHARS) this.#write();
    const { bytesMax, fileMsMax } = this.#options;
    const full = this.#fileBytes >= Math.max(bytesMax * FILE_SHARE, 64 * 1024);
    if (full || entry.atMs - this.#file!.sinceMs >= fileMsMax) this.close();
  }

  /** Once a second: what waits goes to the disk. */
  flush(): void {
    if (this.#waiting !== "") this.#write();
  }

  close(): void {
    this.flush();
    if (this.#file !== null) closeSync(this.#file.descriptor);
    this.#file = null;
  }

  #write(): void {
    // synchronously: a block takes some ms, and what waits is then never more than one
    const bytes = gzipSync(this.#waiting);
    writeSync(this.#file!.descriptor, bytes);
    this.#waiting = "";
    this.#fileBytes += bytes.length;
    this.#bytes += bytes.length;
  }

  #open(atMs: number): void {
    const { folder, name, exchange } = this.#options;
    this.#makeRoom();
    const time = new Date(atMs).toISOString().replaceAll(/[-:]/g, "").replace(".", "");
    const path = join(folder, `${name}-${time}${RECORDING_SUFFIX}`);
    this.#file = { descriptor: openSync(path, "a", 0o644), path, sinceMs: atMs };
    this.#fileBytes = 0;
    const header: Header = { format: "stofka-frames", version: 1, exchange };
    const payload = Buffer.from(JSON.stringify(header));
    this.#waiting = encodeEntry({ atMs, kind: "header", payload });
    for (const entry of this.#state.values()) {
      this.#waiting += encodeEntry({ ...entry, atMs });
    }
  }

  /** Room for another file: the oldest go. Only files of this name are touched. */
  #makeRoom(): void {
    const { folder, name, bytesMax } = this.#options;
    const own = new RegExp(`^${name}-\\d{8}T\\d{9}Z${RECORDING_SUFFIX.replaceAll(".", "\\.")}$`);
    const files = readdirSync(folder).filter((file) => own.test(file)).sort()
      .map((file) => join(folder, file))
      .map((path) => ({ path, bytes: statSync(path).size }));
    let sum = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files) {
      if (sum <= bytesMax * (1 - FILE_SHARE)) return;
      rmSync(path);
      sum -= bytes;
    }
  }
}
