import { Counter, type Registry } from "prom-client";
import { LEDGER_VERDICTS } from "#core/parity.ts";
import type { AnswersPorts } from "./answers.ts";

/** What persist counts of the exchange's answers. */
export class AnswerMetrics {
  readonly #answers: Counter<"interval">;
  readonly #rows: Counter<"outcome">;
  readonly #verdicts: Counter<"verdict">;
  readonly #corrections: Counter;
  readonly #deadLetters: Counter<"code">;
  readonly #retries: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#answers = new Counter({
      name: "stofka_persist_answers_total",
      help: "Answers of the exchange's REST interface that were stored, by interval.",
      labelNames: ["interval"],
      registers,
    });
    this.#rows = new Counter({
      name: "stofka_persist_answer_rows_total",
      help:
        "Candles of those answers by what became of them: second (a second that was missing or older here), candle (a longer one that said something new), known (nothing new).",
      labelNames: ["outcome"],
      registers,
    });
    this.#verdicts = new Counter({
      name: "stofka_persist_parity_verdicts_total",
      help:
        "Candles compared with the exchange by verdict: match, match_rounded (but for a turnover rounded there), differ, missing_here, missing_there, taken (equal, but partly the exchange's own). A candle that differs counts with each answer.",
      labelNames: ["verdict"],
      registers,
    });
    this.#corrections = new Counter({
      name: "stofka_persist_parity_corrections_total",
      help: "Seconds corrected because two equal answers of the exchange differed from them.",
      registers,
    });
    this.#deadLetters = new Counter({
      name: "stofka_persist_answer_dead_letters_total",
      help: "Answers that could not be stored and went to the dead letter, by reason.",
      labelNames: ["code"],
      registers,
    });
    this.#retries = new Counter({
      name: "stofka_persist_answer_retries_total",
      help: "Attempts to store answers that found PostgreSQL away and were repeated.",
      registers,
    });
    for (const outcome of ["second", "candle", "known"]) this.#rows.inc({ outcome }, 0);
    for (const verdict of LEDGER_VERDICTS) this.#verdicts.inc({ verdict }, 0);
  }

  retried(): void {
    this.#retries.inc();
  }

  readonly stored: AnswersPorts["observe"]["stored"] = (works, stored) => {
    const { seconds, candles, refusals, verdicts, corrections } = stored;
    let rows = 0;
    for (const { answer } of works) {
      this.#answers.inc({ interval: answer.interval });
      rows += answer.rows.length;
    }
    this.#rows.inc({ outcome: "second" }, seconds);
    this.#rows.inc({ outcome: "candle" }, candles);
    this.#rows.inc({ outcome: "known" }, Math.max(0, rows - seconds - candles));
    for (const verdict of LEDGER_VERDICTS) this.#verdicts.inc({ verdict }, verdicts[verdict] ?? 0);
    this.#corrections.inc(corrections.length);
    for (const { failure } of refusals) this.#deadLetters.inc({ code: failure.code });
  };
}
