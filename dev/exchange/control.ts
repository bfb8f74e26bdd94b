import type { IncomingMessage, ServerResponse } from "node:http";
import { type Book, ledger } from "./book.ts";
import { ledgerCandle } from "./candle_fields.ts";
import type { Clock } from "./clock.ts";
import { ledgerText } from "./element.ts";
import { readFault } from "./fault.ts";
import type { Faults } from "./faults.ts";
import type { Feed } from "./feed.ts";
import type { Socket } from "./socket.ts";
import { urlOf } from "./front.ts";

const bodyCharsMax = 10_000;
/** A ledger answer spans at most a day: BTC's is then 40,000 rows. */
const ledgerSpanMsMax = 86_400_000;

/** The control port: what a test may ask and do that a client of the exchange cannot. README.md describes it. */
export class Control {
  readonly #book: Book;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #socket: Socket;
  readonly #feed: Pick<Feed, "playedMs">;

  constructor(
    book: Book,
    clock: Clock,
    faults: Faults,
    socket: Socket,
    feed: Pick<Feed, "playedMs">,
  ) {
    this.#book = book;
    this.#clock = clock;
    this.#faults = faults;
    this.#socket = socket;
    this.#feed = feed;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request);
    const route = `${request.method} ${url?.pathname}`;
    if (route === "GET /clock") return json(response, { now_ms: this.#clock.nowMs() });
    if (route === "GET /status") {
      const status = {
        ...this.#socket.status(),
        played_ms: this.#feed.playedMs,
        faults: this.#faults.list(),
        happened: this.#faults.happened(),
      };
      return json(response, { now_ms: this.#clock.nowMs(), ...status });
    }
    if (route === "GET /ledger") return this.#ledger(url!.searchParams, response);
    if (route === "POST /fault") return await this.#fault(request, response);
    refuse(response, 404, `${route}: there are GET /ledger, /clock, /status and POST /fault`);
  }

  #ledger(query: URLSearchParams, response: ServerResponse): void {
    const market = query.get("market") ?? "";
    const sinceMs = moment(query.get("since"));
    const untilMs = moment(query.get("until"));
    if (sinceMs === undefined || untilMs === undefined) {
      return refuse(response, 400, "since and until must be ms since the epoch or ISO times");
    }
    if (untilMs - sinceMs > ledgerSpanMsMax) {
      return refuse(response, 400, "since and until must be at most a day apart");
    }
    if (!this.#book.has(market)) {
      return refuse(response, 404, `market ${JSON.stringify(market)} is not listed`);
    }
    const rows = ledger(this.#book, market, sinceMs, untilMs).map((candle) =>
      ledgerText(ledgerCandle(candle))
    );
    answer(response, 200, `[${rows.join(",\n")}]`);
  }

  async #fault(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const fault = readFault(JSON.parse(await bodyOf(request)));
      json(response, this.#faults.set(fault));
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      refuse(response, 400, error.message);
    }
  }
}

function moment(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text)
    ? Number(text)
    : Date.parse(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) {
    text += chunk;
    if (text.length > bodyCharsMax) throw new RangeError(`body is over ${bodyCharsMax} characters`);
  }
  return text;
}

function json(response: ServerResponse, value: unknown): void {
  answer(response, 200, JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  answer(response, status, JSON.stringify({ error: { name: status, message } }));
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "Content-Type": "application/json;charset=UTF-8" }).end(body);
}
