import { Buffer } from "node:buffer";
import type { ProducerRecord } from "#adapters/kafka/producer.ts";
import type { ConsumedRecord } from "#adapters/kafka/records.ts";
import { Failure } from "#core/failure.ts";
import { HEADERS } from "#core/topics.ts";

/** A record of the dead letter as an operator sees it. */
export interface Letter {
  /** Its offset in the dead letter, which has one partition. */
  readonly id: string;
  /** When it was refused, ms. */
  readonly atMs: number;
  /** The record's key; null where not even that could be told. */
  readonly market: string | null;
  readonly code: string;
  readonly reason: string;
  /** Where it lay; null for a frame of the exchange that was in no topic, since its market could not be told. */
  readonly source:
    | { readonly topic: string; readonly partition: number; readonly offset: string }
    | null;
  readonly receivedAtMs: number | null;
  /** When it was sent again, ms; null if it never was. It came back, so sending it once more would change nothing. */
  readonly replayedAtMs: number | null;
  readonly record: ConsumedRecord;
}

export function readLetter(record: ConsumedRecord): Letter {
  const { headers } = record;
  const number = (name: string): number | null =>
    /^\d{1,14}$/.test(headers[name] ?? "") ? Number(headers[name]) : null;
  const topic = headers[HEADERS.sourceTopic];
  const partition = number(HEADERS.sourcePartition);
  return {
    id: String(record.offset),
    atMs: record.timestampMs,
    market: record.key,
    code: headers[HEADERS.deadCode] ?? "unknown",
    reason: headers[HEADERS.deadReason] ?? "",
    source: topic === undefined || partition === null
      ? null
      : { topic, partition, offset: headers[HEADERS.sourceOffset] ?? "" },
    receivedAtMs: number(HEADERS.receivedAt),
    replayedAtMs: number(HEADERS.replayedAt),
    record,
  };
}

/** What a record gets on its way to the dead letter, and loses on its way back. */
const OF_THE_LETTER: readonly string[] = [
  HEADERS.deadCode,
  HEADERS.deadReason,
  HEADERS.sourceTopic,
  HEADERS.sourcePartition,
  HEADERS.sourceOffset,
];

/**
 * The record as it goes to its source topic again: its bytes and headers as they were, and a header that says so.
 *
 * @throws Failure `letter_replayed`, `letter_sourceless`
 */
export function replayRecord(letter: Letter, nowMs: number): ProducerRecord {
  const { id, source, replayedAtMs, record } = letter;
  if (replayedAtMs !== null) {
    throw new Failure(
      "letter_replayed",
      `${id} was sent again at ${
        new Date(replayedAtMs).toISOString()
      } and came back: it stays here; its second is a gap that repair fills from the exchange`,
    );
  }
  if (source === null) {
    throw new Failure(
      "letter_sourceless",
      `${id} was in no topic: ingest could not tell whose frame it was; what it may have held is a gap that repair fills`,
    );
  }
  const headers = Object.entries(record.headers).filter(([name]) => !OF_THE_LETTER.includes(name));
  return {
    topic: source.topic,
    partition: source.partition,
    key: record.key,
    value: record.value,
    headers: { ...Object.fromEntries(headers), [HEADERS.replayedAt]: String(nowMs) },
  };
}

/**
 * Letters that are to be sent, those apart that cannot be, and those that were sent in an earlier run: a letter stays in the
 * topic, so that its source offset tells which came back or went out already.
 */
export function sortOut(
  letters: readonly Letter[],
  nowMs: number,
): {
  readonly send: readonly { letter: Letter; record: ProducerRecord }[];
  readonly keep: readonly Failure[];
} {
  const send: { letter: Letter; record: ProducerRecord }[] = [];
  const keep: Failure[] = [];
  for (const letter of letters) {
    try {
      send.push({ letter, record: replayRecord(letter, nowMs) });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      keep.push(error);
    }
  }
  return { send, keep };
}

/** A line a letter, newest last. */
export function table(letters: readonly Letter[]): readonly string[] {
  const rows = letters.map((letter) => [
    letter.id,
    new Date(letter.atMs).toISOString(),
    letter.market ?? "-",
    letter.replayedAtMs === null ? letter.code : `${letter.code} (again)`,
    letter.source === null
      ? "socket"
      : `${letter.source.topic}/${letter.source.partition}@${letter.source.offset}`,
    cut(letter.reason),
  ]);
  const all = [["id", "refused", "market", "why", "source", "reason"], ...rows];
  const widths = all[0]!.map((_, at) => Math.max(...all.map((row) => row[at]!.length)));
  return all.map((row) =>
    row.map((text, at) => at === row.length - 1 ? text : text.padEnd(widths[at]!)).join("  ")
  );
}

const REASON_CHARS = 90;

function cut(text: string): string {
  const line = text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, "·");
  return line.length <= REASON_CHARS ? line : `${line.slice(0, REASON_CHARS - 1)}…`;
}

/** As JSON, a line a letter, its bytes as text where they are that, else in base64. */
export function letterJson(letter: Letter): string {
  const { record, ...rest } = letter;
  const { value, headers } = record;
  const text = value?.toString() ?? null;
  const same = value === null || Buffer.from(text!).equals(value);
  return JSON.stringify({
    ...rest,
    headers,
    ...same ? { text } : { base64: value.toString("base64") },
  });
}
