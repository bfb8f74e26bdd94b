import type { Dashboard } from "../dashboard.ts";
import { curves, lowIsGood, stacked, stat, target, UP_IS_GOOD } from "../panel.ts";
import { of, quantiles, sumRate } from "../query.ts";

const NOT_NEEDED = "nothing had to be repaired";
const NOT_COMPARED = "nothing was compared yet";

/** What is missing, who asks the exchange for it, and what the exchange allows. */
export const REPAIR: Dashboard = {
  uid: "stofka-repair",
  title: "Stofka / Repair",
  description: "Gaps and incomplete buckets as they are asked of the exchange's REST interface.",
  rows: [
    {
      title: "Asking",
      panels: [
        stat(
          "Somebody asks",
          "1 while one ingest holds the lock and asks the exchange for what is missing.",
          "up",
          target(`max(${of("stofka_repair_asker_up")})`),
          UP_IS_GOOD,
        ),
        stat(
          "Missing stretches",
          "In PostgreSQL's newest answer, at most a thousand. Standing above none: repair does not keep up.",
          "short",
          target(`max(${of("stofka_repair_wanted_rows")})`),
          lowIsGood(100, 1_000),
        ),
        stacked(curves(
          "Missing seconds",
          "Of the last seven days, summed over the markets, by cause; without what nobody can give any more. It should fall to none within minutes.",
          "s",
          target(
            `max by (cause) (${of("stofka_gap_seconds", `permanent="no"`)})`,
            "{{cause}}",
            "nobody asked what is missing yet",
          ),
        )),
        stat(
          "Missing for ever",
          "Seconds of the last seven days, summed over the markets, that the exchange no longer gives or we no longer keep.",
          "s",
          target(
            `sum(max by (cause) (${of("stofka_gap_seconds", `permanent="yes"`)}))`,
            "",
            "nobody asked what is missing yet",
          ),
          lowIsGood(1, 3_600),
        ),
        stat(
          "Held back for",
          "By the exchange's limits, until the next request.",
          "s",
          target(`max(${of("stofka_repair_paused_seconds")})`),
          lowIsGood(5, 60),
        ),
        stat(
          "Share of the exchange's limit",
          "Requests a second that we allow ourselves, of the ten that an address may make.",
          "percentunit",
          target(`max(${of("stofka_repair_budget_ratio")})`),
        ),
        stacked(curves(
          "Requests by result",
          "Too many or blocked: the exchange limits our address.",
          "ops",
          target(sumRate("stofka_repair_requests_total", "result"), "{{result}}"),
        )),
        curves(
          "Time of a request",
          "Without the waiting for its turn.",
          "s",
          ...quantiles("stofka_repair_request_seconds", { mayBeEmpty: NOT_NEEDED }),
        ),
        curves(
          "Time to ask what is missing",
          "Of PostgreSQL.",
          "s",
          ...quantiles("stofka_repair_query_seconds", { mayBeEmpty: "PostgreSQL was not asked" }),
        ),
        curves(
          "PostgreSQL did not answer",
          "Repair waits, the collection goes on.",
          "ops",
          target(sumRate("stofka_repair_postgres_failures_total", "instance"), "{{instance}}"),
        ),
      ],
    },
    {
      title: "Answers",
      panels: [
        stacked(curves(
          "Answers published",
          "By what they were wanted for.",
          "ops",
          target(sumRate("stofka_repair_answers_total", "kind"), "{{kind}}"),
        )),
        curves(
          "Candles in them",
          "Per second.",
          "ops",
          target(sumRate("stofka_repair_rows_total", "instance"), "{{instance}}"),
        ),
        curves(
          "Answers stored",
          "By persist, by interval.",
          "ops",
          target(sumRate("stofka_persist_answers_total", "interval"), "{{interval}}", NOT_NEEDED),
        ),
        stacked(curves(
          "Their candles",
          "A second that was missing or older here, a longer candle that said something new, or nothing new.",
          "ops",
          target(sumRate("stofka_persist_answer_rows_total", "outcome"), "{{outcome}}"),
        )),
        curves(
          "Answers refused or repeated",
          "Refused ones lie in the dead letter; repeated: PostgreSQL was away.",
          "ops",
          target(
            sumRate("stofka_persist_answer_dead_letters_total", "code"),
            "refused {{code}}",
            "nothing was refused",
          ),
          target(
            sumRate("stofka_persist_answer_retries_total", "instance"),
            "repeated {{instance}}",
          ),
        ),
      ],
    },
    {
      title: "Parity",
      panels: [
        curves(
          "Share that equals the exchange's",
          "Of compared candles, in the running hour and the one before, and in 24 hours. What was corrected counts as differing: below 1 asks why, on /compare or by npm run parity.",
          "percentunit",
          target(
            `min by (window) (${of("stofka_persist_parity_share_ratio")})`,
            "{{window}}",
            NOT_COMPARED,
          ),
        ),
        stacked(curves(
          "Compared",
          "Candles by verdict. Missing here: the socket did not bring it; missing there: the exchange has no such candle; taken: equal, but partly the exchange's own, and in no share.",
          "ops",
          target(sumRate("stofka_persist_parity_verdicts_total", "verdict"), "{{verdict}}"),
        )),
        curves(
          "Differences",
          "Open ones are asked for again, confirmed ones are roll-ups that two equal answers contradict.",
          "short",
          target(
            `max by (state) (${of("stofka_persist_parity_difference_rows")})`,
            "{{state}}",
            NOT_COMPARED,
          ),
        ),
        curves(
          "Corrected",
          "Seconds that two equal answers of the exchange told otherwise.",
          "ops",
          target(sumRate("stofka_persist_parity_corrections_total", "instance"), "{{instance}}"),
        ),
        curves(
          "Behind",
          "Age of the newest compared second, of the market that waits longest. Minutes are well; hours: the budget does not suffice.",
          "s",
          target(`max(${of("stofka_persist_parity_behind_seconds")})`, "behind", NOT_COMPARED),
        ),
      ],
    },
  ],
};
