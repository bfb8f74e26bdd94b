import {
  type BatchHandler,
  type ConsumedBatch,
  type ConsumedRecord,
} from "#adapters/kafka/records.ts";
import type { Candle } from "#core/candle.ts";
import { type CandleEvent, candleEvent } from "#core/event/candle_event.ts";
import { decodeExchangeAnswer, type ExchangeAnswer } from "#core/exchange_answer.ts";
import { Failure, shown } from "#core/failure.ts";
import { candleRevision } from "#core/revision.ts";
import { GroupCommit } from "../group_commit.ts";
import { NO_WORK, type Refusal, type SecondWork, type Work } from "../work.ts";
import type { StoredAnswers } from "./store_answers.ts";

/** An answer with its record, for the dead letter should it be refused. */
export interface AnswerWork {
  readonly answer: ExchangeAnswer;
  readonly record: ConsumedRecord;
}

export interface AnswersPorts {
  readonly nowMs: () => number;
  readonly history: {
    /** Returns when it is stored, with what was refused; rejects when the signal aborts. */
    store(
      works: readonly AnswerWork[],
      signal: AbortSignal,
    ): Promise<StoredAnswers & { readonly refusals: readonly Refusal[] }>;
  };
  readonly deadLetters: {
    send(refusals: readonly Refusal[], signal: AbortSignal): Promise<void>;
  };
  readonly latest: {
    /** Resolves when Redis has what was stored, or is away. `deleted`: seconds that turned out not to have been. */
    put(work: Work, deleted: readonly SecondWork[]): Promise<void>;
  };
  readonly readers: {
    /** Tells those who show them: each second as it stands in the table now. */
    send(events: readonly CandleEvent[], signal: AbortSignal): Promise<void>;
  };
  readonly observe: {
    stored(
      works: readonly AnswerWork[],
      stored: StoredAnswers & { readonly refusals: readonly Refusal[] },
    ): void;
  };
}

export interface AnswersLimits {
  /** Rows of one transaction: so long do live seconds wait for it at most. */
  readonly rowsMax: number;
  readonly batchesMax: number;
}

interface Group {
  readonly works: readonly AnswerWork[];
  readonly refusals: readonly Refusal[];
}

/**
 * How persist takes what the exchange's REST interface answered: stored, into the dead letter what cannot be, seconds into
 * Redis, then committed. Beside the live way and not within it: a group, a transaction and a connection of their own, so that
 * an hour of history never stands before a second that just ended.
 */
export function answers(
  ports: AnswersPorts,
  limits: AnswersLimits,
): { readonly handle: BatchHandler; readonly worker: GroupCommit<Group> } {
  const worker = new GroupCommit<Group>({
    name: "answers",
    sizeOf: ({ works, refusals }) =>
      works.reduce((rows, { answer }) => rows + answer.rows.length + 1, refusals.length),
    sizeMax: limits.rowsMax,
    itemsMax: limits.batchesMax,
    store: async (groups, signal) => {
      const works = groups.flatMap(({ works }) => works);
      const stored = await ports.history.store(works, signal);
      const refusals = [...groups.flatMap(({ refusals }) => refusals), ...stored.refusals];
      await ports.deadLetters.send(refusals, signal);
      ports.observe.stored(works, { ...stored, refusals });
      const { work, deleted } = changedBy(works, stored);
      if (work.seconds.length + deleted.length === 0) return;
      await ports.latest.put(work, deleted);
      // behind the stores: a page that was fetched since then has them
      await ports.readers.send(told(work.seconds, deleted, stored, ports.nowMs()), signal);
    },
  });
  const handle: BatchHandler = async (batch) => {
    // a batch of many answers goes in parts, each a transaction
    for (const group of parts(readAnswers(batch, ports.nowMs()), limits.rowsMax)) {
      await worker.commit(group);
    }
  };
  return { handle, worker };
}

/**
 * What is older is not told, unless it is a correction: while history is filled there are a thousand seconds of it a second, and
 * a page that shows it asks for it.
 */
const TOLD_MS_MAX = 3_600_000;

function told(
  seconds: readonly SecondWork[],
  deleted: readonly SecondWork[],
  { changed, corrections }: StoredAnswers,
  nowMs: number,
): CandleEvent[] {
  const key = ({ market, startsAtMs }: Candle): string => `${market} ${startsAtMs}`;
  const corrected = new Set(corrections.map(({ candle }) => key(candle)));
  const news = seconds.map(({ event }) => event).filter((event) =>
    corrected.has(key(event)) || changed.has(key(event)) && event.startsAtMs > nowMs - TOLD_MS_MAX
  );
  return [...news, ...deleted.map(({ event }) => ({ ...event, deleted: true as const }))];
}

/** A clock may be wrong by so much before an answer is refused. */
const AHEAD_MS_MAX = 60_000;

export function readAnswers(batch: ConsumedBatch, nowMs: number): Group {
  const works: AnswerWork[] = [];
  const refusals: Refusal[] = [];
  for (const record of batch.records) {
    try {
      works.push({ answer: readAnswer(record, nowMs), record });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refusals.push({ record, failure: error, hole: null });
    }
  }
  return { works, refusals };
}

function readAnswer(record: ConsumedRecord, nowMs: number): ExchangeAnswer {
  if (record.value === null) throw new Failure("record_empty", "the record has no value");
  const answer = decodeExchangeAnswer(record.value.toString("utf8"));
  if (record.key !== answer.market) {
    throw new Failure(
      "record_key_wrong",
      `key ${shown(record.key)} of an answer about ${answer.market}`,
    );
  }
  if (answer.fetchedAtMs > nowMs + AHEAD_MS_MAX) {
    throw new Failure(
      "answer_in_future",
      `asked at ${
        new Date(answer.fetchedAtMs).toISOString()
      }; check the clocks of ingest and persist`,
    );
  }
  return answer;
}

function* parts({ works, refusals }: Group, rowsMax: number): Generator<Group> {
  let part: AnswerWork[] = [];
  let rows = 0;
  for (const work of works) {
    if (part.length > 0 && rows + work.answer.rows.length > rowsMax) {
      yield { works: part, refusals: [] };
      part = [];
      rows = 0;
    }
    part.push(work);
    rows += work.answer.rows.length + 1;
  }
  if (part.length + refusals.length > 0) yield { works: part, refusals };
}

/**
 * What Redis is to learn: seconds that were stored, and corrections. Where an answer said nothing new, nothing: each one ends the
 * market's cached range, and comparing goes on without end.
 */
function changedBy(
  works: readonly AnswerWork[],
  { seconds, covered, corrections, taken }: StoredAnswers,
): { readonly work: Work; readonly deleted: readonly SecondWork[] } {
  const news = seconds + covered === 0
    ? []
    : works.flatMap(({ answer, record }) =>
      answer.interval !== "1s" ? [] : answer.rows
        .filter((candle) => taken.has(`${candle.market} ${candle.startsAtMs}`))
        .map((candle) => ({ event: candleEvent(candle, answer.fetchedAtMs, "rest"), record }))
    );
  const corrected = corrections.map(({ candle, correctionMs, deleted }) => ({
    deleted,
    second: {
      event: {
        ...candleEvent(candle, correctionMs, "rest"),
        revision: candleRevision(correctionMs, candle.lastTickAtMs, candle.volume),
      },
      record: works.find(({ answer }) => answer.market === candle.market)!.record,
    },
  }));
  const of = (deleted: boolean): SecondWork[] =>
    corrected.filter((item) => item.deleted === deleted).map(({ second }) => second);
  return { work: { ...NO_WORK, seconds: [...news, ...of(false)] }, deleted: of(true) };
}
