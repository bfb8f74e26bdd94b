import { Buffer } from "node:buffer";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeEntry, encodeEntry, type Entry } from "./entry.ts";
import { type Damage, readRecording, recordingFiles } from "./recording_reader.ts";
import { RecordingWriter } from "./recording_writer.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "stofka-recording-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const START_MS = Date.UTC(2026, 10, 22);
const frame = (at: number, bytes: Uint8Array | string): Entry => ({
  atMs: START_MS + at,
  kind: "frame",
  payload: Buffer.from(bytes as string),
});

async function read(path: string): Promise<{ entries: Entry[]; damage: Damage[] }> {
  const entries: Entry[] = [];
  const damage: Damage[] = [];
  for (const file of recordingFiles(path)) {
    for await (const entry of readRecording(file, (found) => damage.push(found))) {
      entries.push(entry);
    }
  }
  return { entries, damage };
}

function writer(
  name: string,
  changes: Partial<ConstructorParameters<typeof RecordingWriter>[0]> = {},
) {
  return new RecordingWriter({
    folder: join(folder, name),
    name: "upbit",
    exchange: "https://api.upbit.com/v1",
    bytesMax: 1e9,
    fileMsMax: 3_600_000,
    ...changes,
  });
}

describe("an entry", () => {
  test("is a line that gives back every byte of a frame, whatever it holds", () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.string({ unit: "binary" }),
        fc.boolean(),
        (bytes, text, raw) => {
          const entry = frame(1, raw ? bytes : text);
          const line = encodeEntry(entry);
          expect(line.match(/[\r\n]/g)).toEqual(["\n"]);
          expect(decodeEntry(line.slice(0, -1))).toEqual(entry);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(encodeEntry(frame(1, '{"type":"ticker","코드":1.10}')))
      .toBe(`${START_MS + 1} frame {"type":"ticker","코드":1.10}\n`);
  });

  test("may be a line of another recorder's capture", () => {
    const { atMs, kind, payload } = decodeEntry(`1618678263.010785: b'{"a":"\\'\\xec\\x9b\\x90"}'`);
    expect([atMs, kind, payload.toString()]).toEqual([1_618_678_263_010, "frame", `{"a":"'원"}`]);
  });

  test("may be what another recorder noted of its link", () => {
    const lines = [
      "wss://api.upbit.com/websocket/v1 <-> 1618678261.681707",
      'wss://api.upbit.com/websocket/v1 <- 1618678262.670261: [{"ticket":"a"},{"type":"trade"}]',
    ].map(decodeEntry);
    expect(lines.map(({ atMs, kind, payload }) => [atMs, kind, payload.toString()])).toEqual([
      [1_618_678_261_681, "up", ""],
      [1_618_678_262_670, "sent", '[{"ticket":"a"},{"type":"trade"}]'],
    ]);
  });

  test("is refused by its text otherwise", () => {
    for (const line of ["", "x", "1 frames {}", `${START_MS} `]) {
      expect(() => decodeEntry(line)).toThrow(/no line of a recording/);
    }
  });
});

describe("a recording", () => {
  test("is read as it was written; each file begins with what is needed to play it alone", async () => {
    const out = writer("rotated", { fileMsMax: 10_000 });
    const written: Entry[] = [
      { atMs: START_MS, kind: "markets", payload: Buffer.from('[{"market":"KRW-BTC"}]') },
      { atMs: START_MS, kind: "sent", payload: Buffer.from("[]") },
    ];
    for (let at = 0; at < 35_000; at += 100) written.push(frame(at, `{"at":${at}}`));
    for (const entry of written) {
      out.add(entry);
      if (entry.atMs % 1_000 === 0) out.flush();
    }
    out.close();
    const files = recordingFiles(join(folder, "rotated"));
    expect(files).toHaveLength(4);
    const { entries, damage } = await read(join(folder, "rotated"));
    expect(damage).toEqual([]);
    expect(entries.filter(({ kind }) => kind === "frame"))
      .toEqual(written.filter(({ kind }) => kind === "frame"));
    for (const file of files) {
      const kinds = (await read(file)).entries.slice(0, 3).map(({ kind }) => kind);
      expect(kinds).toEqual(["header", "markets", "sent"]);
      // any tool reads it
      expect(gunzipSync(readFileSync(file)).toString()).toMatch(/^\d+ header \{"format"/);
    }
  });

  test("that was cut off anywhere is readable up to there, and is called cut", async () => {
    const out = writer("cut");
    const written = Array.from(
      { length: 300 },
      (_, at) => frame(at, `{"at":${at},"x":"${at ** 5}"}`),
    );
    for (const [at, entry] of written.entries()) {
      out.add(entry);
      if (at % 50 === 49) out.flush();
    }
    out.close();
    const [file] = recordingFiles(join(folder, "cut"));
    const bytes = readFileSync(file!);
    const copy = join(folder, "copy.frames.gz");
    let least = 0;
    for (let length = 20; length < bytes.length; length += 97) {
      writeFileSync(copy, bytes.subarray(0, length));
      const { entries } = await read(copy);
      const frames = entries.filter(({ kind }) => kind === "frame");
      expect(frames).toEqual(written.slice(0, frames.length));
      expect(frames.length).toBeGreaterThanOrEqual(least);
      least = frames.length;
    }
    // whole blocks before the cut are there
    expect(least).toBeGreaterThanOrEqual(250);
    const text = gunzipSync(bytes);
    writeFileSync(copy, text.subarray(0, text.length - 5));
    const { entries, damage } = await read(copy);
    expect(entries.at(-1)).toEqual(written.at(-2));
    expect(damage.map(({ kind }) => kind)).toEqual(["cut"]);
  });

  test("what a crash leaves is at most a second short", async () => {
    const out = writer("crashed");
    out.add(frame(0, "{}"));
    out.flush();
    out.add(frame(1, "{}"));
    // no close: the process is gone
    const { entries, damage } = await read(join(folder, "crashed"));
    expect(entries.map(({ kind }) => kind)).toEqual(["header", "frame"]);
    expect(damage).toEqual([]);
    out.close();
  });

  test("stays within its limit: the oldest files go, those of others stay", () => {
    const bytesMax = 2 * 1024 * 1024;
    const out = writer("bounded", { bytesMax });
    writeFileSync(join(folder, "bounded", "another-20200101T000000000Z.frames.gz"), "x");
    let seed = 1;
    for (let at = 0; at < 30_000; at++) {
      const noise = Array.from({ length: 40 }, () => seed = seed * 48_271 % 2_147_483_647).join();
      out.add(frame(at, noise));
      if (at % 200 === 0) out.flush();
    }
    out.close();
    expect(out.bytes).toBeGreaterThan(2 * bytesMax);
    const names = readdirSync(join(folder, "bounded"));
    expect(names).toContain("another-20200101T000000000Z.frames.gz");
    const sizes = names.map((name) => statSync(join(folder, "bounded", name)).size);
    const sum = sizes.reduce((sum, size) => sum + size, 0);
    expect(sum).toBeLessThanOrEqual(bytesMax * 1.1);
    expect(sum).toBeGreaterThan(bytesMax * 0.6);
  });
});
