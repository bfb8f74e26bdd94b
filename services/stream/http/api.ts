import type { ExchangeKind } from "#core/exchange_kind.ts";
import { TOPICS } from "#core/topics.ts";
import type { Compare } from "../compare/compare.ts";
import { compareRoutes } from "../compare/compare_routes.ts";
import { gapRequest } from "../gaps/gap_request.ts";
import type { Gaps } from "../gaps/gaps.ts";
import { candleRequest } from "../history/candle_request.ts";
import { type History, SERVED_INTERVALS } from "../history/history.ts";
import type { Positions } from "../kafka/positions.ts";
import type { Parity } from "../parity/parity.ts";
import { parityRequest } from "../parity/parity_request.ts";
import type { Hub } from "../sse/hub.ts";
import { subscription } from "../sse/subscription.ts";
import type { Board } from "../state/board.ts";
import { errorAnswer, jsonAnswer } from "./answer.ts";
import { openEventStream } from "./event_stream.ts";
import { SECURITY_HEADERS } from "./headers.ts";
import { marketsJson } from "./markets_json.ts";
import type { Route } from "./server.ts";

export interface ApiPorts {
  readonly exchange: ExchangeKind;
  readonly namespace: string;
  readonly board: Board;
  readonly hub: Hub;
  readonly positions: Positions;
  readonly history: History;
  readonly gaps: Gaps;
  readonly parity: Parity;
  readonly compare: Compare;
  readonly unready: () => readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly startedAtMs: number;
  readonly now: () => number;
  readonly chance: () => number;
  readonly refused: (reason: string) => void;
}

export function apiRoutes(ports: ApiPorts): Readonly<Record<string, Route>> {
  return {
    "/api/stream": streamRoute(ports),
    "/api/candles": {
      parameters: ["market", "interval", "to", "count"],
      answer: async ({ query }) => jsonAnswer(200, await ports.history.body(candleRequest(query))),
    },
    "/api/gaps": {
      parameters: ["market", "since", "until", "interval"],
      answer: async ({ query }) =>
        jsonAnswer(200, await ports.gaps.page(gapRequest(query, ports.now()))),
    },
    "/api/parity": {
      parameters: ["market", "interval", "since", "until"],
      answer: async ({ query }) =>
        jsonAnswer(200, await ports.parity.page(parityRequest(query, ports.now()))),
    },
    ...compareRoutes(ports.compare, ports.now),
    "/api/markets": {
      parameters: [],
      answer: () => jsonAnswer(200, marketsJson(ports.board)),
    },
    "/api/status": {
      parameters: [],
      answer: () => jsonAnswer(200, statusJson(ports)),
    },
    "/healthz": {
      parameters: [],
      anyHost: true,
      answer: () => jsonAnswer(200, `{"alive":true}`),
    },
    "/readyz": {
      parameters: [],
      anyHost: true,
      answer: () => {
        const reasons = ports.unready();
        const ready = reasons.length === 0;
        return jsonAnswer(ready ? 200 : 503, JSON.stringify({ ready, reasons }));
      },
    },
  };
}

function streamRoute({ hub, chance, refused }: ApiPorts): Route {
  return {
    parameters: ["markets", "events", "intervals"],
    stream: ({ query, address, method }, response) => {
      const wanted = subscription(
        query.get("markets"),
        query.get("events"),
        query.get("intervals"),
      );
      if (method === "HEAD") {
        return {
          status: 200,
          headers: {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
          },
          body: new Uint8Array(),
        };
      }
      const refusal = hub.refusal(address);
      if (refusal !== null) {
        refused(refusal);
        return errorAnswer(
          503,
          refusal,
          refusal === "clients_max"
            ? "this server streams to as many clients as it may; try again later, or raise SSE_CLIENTS_MAX"
            : `${address} has as many streams as one address may; close one, or raise SSE_CLIENTS_PER_ADDRESS_MAX`,
          { "retry-after": "5" },
        );
      }
      hub.join(openEventStream(response, SECURITY_HEADERS, chance()), address, wanted);
      return null;
    },
  };
}

/** Freshness and lag of this replica; times in ms since the epoch. */
function statusJson(ports: ApiPorts): string {
  const { board, hub, positions, now } = ports;
  const { link, newestCandle } = board;
  const reasons = ports.unready();
  return JSON.stringify({
    exchange: ports.exchange,
    namespace: ports.namespace,
    now_ms: now(),
    started_at_ms: ports.startedAtMs,
    ready: reasons.length === 0,
    reasons,
    link: link === null ? null : {
      link: link.link,
      cause: link.cause,
      written_at_ms: link.writtenAtMs,
      until_ms: link.untilMs,
    },
    freshness: {
      newest_candle: newestCandle === null ? null : {
        market: newestCandle.market,
        starts_at_ms: newestCandle.startsAtMs,
        received_at_ms: newestCandle.receivedAtMs,
      },
      newest_ticker_received_at_ms: board.newestTickerReceivedAtMs || null,
    },
    lag_records: {
      [TOPICS.secondCandle]: positions.lag(TOPICS.secondCandle),
      [TOPICS.ticker]: positions.lag(TOPICS.ticker),
      [TOPICS.postgresCandle]: positions.lag(TOPICS.postgresCandle),
    },
    intervals: SERVED_INTERVALS,
    markets: board.tickerCount,
    tail_rows: board.tailRows,
    sse_clients: hub.clientCount,
    versions: ports.versions,
  });
}
