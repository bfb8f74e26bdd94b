import { KafkaAdmin } from "#adapters/kafka/admin.ts";
import type { KafkaSettings } from "#adapters/kafka/client.ts";
import { consumeAll } from "#adapters/kafka/consumer.ts";
import type { Log } from "#adapters/log.ts";
import { Failure } from "#core/failure.ts";
import { type Letter, readLetter } from "./letter.ts";

export interface LettersOptions {
  readonly settings: KafkaSettings;
  readonly log: Log;
  /** The dead letter's name on the broker. */
  readonly topic: string;
  /** Refused at this time or later, ms. */
  readonly sinceMs: number;
  /** Which are wanted; the newest {@link lettersMax} of them are given. */
  readonly wanted: (letter: Letter) => boolean;
  readonly lettersMax: number;
}

/** A broker that gives nothing for so long is taken to be gone. */
const IDLE_MS_MAX = 15_000;

/** @returns the wanted letters, oldest first, and how many more there are @throws Failure `kafka_silent` */
export async function readLetters(
  { settings, log, topic, sinceMs, wanted, lettersMax }: LettersOptions,
  signal: AbortSignal,
): Promise<{ readonly letters: readonly Letter[]; readonly older: number }> {
  const admin = new KafkaAdmin(settings, log);
  await admin.connect();
  let from: bigint;
  let to: bigint;
  try {
    to = (await admin.endOffsets(topic)).get(0) ?? 0n;
    const earliest = (await admin.earliestOffsets(topic)).get(0) ?? 0n;
    const at = sinceMs <= 0 ? earliest : (await admin.offsetsAt(topic, sinceMs)).get(0) ?? earliest;
    from = at < 0n ? to : at > earliest ? at : earliest;
  } finally {
    await admin.close();
  }
  const letters: Letter[] = [];
  let older = 0;
  if (from >= to) return { letters, older };
  const done = new AbortController();
  let silent = false;
  const give = (): void => {
    silent = true;
    done.abort();
  };
  let idle = setTimeout(give, IDLE_MS_MAX);
  await consumeAll({
    settings,
    log,
    groupPrefix: "stofka-dead-letter",
    positions: () => new Map([[topic, new Map([[0, from]])]]),
    handle: ({ records }) => {
      clearTimeout(idle);
      idle = setTimeout(give, IDLE_MS_MAX);
      for (const record of records) {
        if (record.offset < from || record.offset >= to) continue;
        const letter = readLetter(record);
        from = record.offset + 1n;
        if (!wanted(letter)) continue;
        letters.push(letter);
        if (letters.length > lettersMax) {
          letters.shift();
          older++;
        }
      }
      if (from >= to) done.abort();
      return Promise.resolve();
    },
  }, AbortSignal.any([signal, done.signal]));
  clearTimeout(idle);
  if (silent) {
    throw new Failure(
      "kafka_silent",
      `${topic} gave nothing for ${IDLE_MS_MAX / 1_000} s; is the broker well?`,
    );
  }
  signal.throwIfAborted();
  return { letters, older };
}
