import { Buffer } from "node:buffer";
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { constants, createGunzip } from "node:zlib";
import { Failure } from "#core/failure.ts";
import { decodeEntry, type Entry } from "./entry.ts";

/** Of a file's name; its time orders the files of a recording. */
export const RECORDING_SUFFIX = ".frames.gz";

/** A line longer than this is no line: the longest frame taken is 256 KiB, in base64 a third more; market lists are shorter. */
const LINE_CHARS_MAX = 1024 * 1024;

/**
 * The files of a recording in their order: itself, or all of a folder.
 *
 * @throws Failure `recording_missing`
 */
export function recordingFiles(path: string): readonly string[] {
  if (!existsSync(path)) {
    throw new Failure("recording_missing", `${path} is not there; name a recording or its folder`);
  }
  if (!statSync(path).isDirectory()) return [path];
  const files = readdirSync(path).filter((name) => name.endsWith(RECORDING_SUFFIX)).sort();
  if (files.length > 0) return files.map((name) => join(path, name));
  throw new Failure("recording_missing", `${path} holds no file *${RECORDING_SUFFIX}`);
}

/** What was found wrong with a file: the entries before it were read all the same. */
export interface Damage {
  readonly file: string;
  /** `cut`: the file ends within a line or a block, as after a crash; `garbled`: what follows could not be unpacked. */
  readonly kind: "cut" | "garbled";
}

/**
 * The entries of a file, compressed or not. A file that was cut off is read as far as it goes.
 *
 * @throws Failure `recording_invalid` for a whole line that is none
 */
export async function* readRecording(
  file: string,
  onDamage: (damage: Damage) => void = () => {},
): AsyncGenerator<Entry> {
  let rest = "";
  for await (const text of texts(file, onDamage)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line !== "") yield decodeEntry(line);
    if (rest.length > LINE_CHARS_MAX) {
      throw new Failure(
        "recording_invalid",
        `${file} has a line above ${LINE_CHARS_MAX} characters`,
      );
    }
  }
  if (rest === "") return;
  // captures end without a line break; of ours such a line was cut
  if (/^\d+\.\d+: b(['"]).*\1$/.test(rest)) yield decodeEntry(rest);
  else onDamage({ file, kind: "cut" });
}

async function* texts(file: string, onDamage: (damage: Damage) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const bytes = createReadStream(file);
  if (!isGzip(file)) {
    for await (const chunk of bytes) yield decoder.decode(chunk as Buffer, { stream: true });
    return;
  }
  // a block that was cut is unpacked as far as it goes, instead of failing with all that was unpacked before it
  const unpacked = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  bytes.on("error", (error) => unpacked.destroy(error));
  bytes.pipe(unpacked);
  try {
    for await (const chunk of unpacked) yield decoder.decode(chunk as Buffer, { stream: true });
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code ?? "");
    if (!code.startsWith("Z_")) throw error;
    onDamage({ file, kind: code === "Z_BUF_ERROR" ? "cut" : "garbled" });
  }
}

function isGzip(file: string): boolean {
  const head = Buffer.alloc(2);
  const opened = openSync(file, "r");
  try {
    return readSync(opened, head) === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    closeSync(opened);
  }
}

/** Whether the file is a recording of frames: ours, or a capture with second candles in it. One of trades alone is not. */
export async function holdsFrames(file: string): Promise<boolean> {
  let frames = 0;
  for await (const { kind, payload } of readRecording(file)) {
    if (kind === "header") return true;
    if (/"candle\.1s"/.test(payload.toString("latin1", 0, 128))) return true;
    if (++frames >= FRAMES_LOOKED_AT_MAX) return false;
  }
  return false;
}

const FRAMES_LOOKED_AT_MAX = 20_000;
