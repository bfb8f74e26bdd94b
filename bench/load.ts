import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import process from "node:process";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { FrameBatch, marketNames, type Mix } from "./load_frames.ts";

const HELP =
  `A minimal exchange that sends pre-encoded frames at a given rate: what it measures is never it.

  --rate N       messages a second (default 400)
  --mix NAME     ticker: tickers alone, evenly spread; second: seconds alone, each of its own (market, second);
                 both: a quarter seconds, all at once 7 ms after a second's end as the exchange sends them, the rest tickers
  --markets N    1 to 855 (default 855)

Prints {"base"} as one line of JSON: for npm start -- --exchange <base>. Forked, it takes {"rate", "mix"} as messages and says
{"sent", "held", "cpuMs"} about four times a second.`;

/** What the parent of a forked load may ask for, at any time. */
export interface LoadOrder {
  readonly rate: number;
  readonly mix: Mix;
}

export interface LoadReport {
  /** Messages written since the start. */
  readonly sent: number;
  /** Messages that were due but not sent, because the client did not read. */
  readonly held: number;
  /** Processor time of this process, ms. */
  readonly cpuMs: number;
}

/** Unread bytes at which the exchange stops sending, as a real one would. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024;
const TICK_MS = 4;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", default: false },
    rate: { type: "string", default: "400" },
    mix: { type: "string", default: "both" },
    markets: { type: "string", default: "855" },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const names = marketNames(Number(values.markets));
let order: LoadOrder = { rate: Number(values.rate), mix: values.mix as Mix };
/** Whoever subscribed last gets the frames; when it goes, whoever was before it. */
const subscribers: Socket[] = [];
let sent = 0;
let held = 0;

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(names.map((market) => ({
    market,
    korean_name: market,
    english_name: market,
  }))));
});
server.on("upgrade", (request: IncomingMessage, socket: Socket, head) => {
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on("message", (data) => {
      const frame = JSON.parse(String(data)) as Record<string, unknown>[];
      if (frame[1]?.["method"] === "LIST_SUBSCRIPTIONS") {
        client.send(Buffer.from(JSON.stringify({
          method: "LIST_SUBSCRIPTIONS",
          result: ["candle.1s", "ticker"].map((type) => ({ type, codes: names })),
          ticket: frame[0]!["ticket"],
        })));
      } else if (!subscribers.includes(socket)) subscribers.push(socket);
    });
    client.on("error", () => client.terminate());
    client.on("close", () => {
      const at = subscribers.indexOf(socket);
      if (at >= 0) subscribers.splice(at, 1);
    });
  });
});
server.listen(0, "127.0.0.1", () => {
  console.log(
    JSON.stringify({ base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
  );
});

const frames = new FrameBatch(names, Date.now());
let due = 0;
let lastMs = performance.now();
let burstSecond = 0;
setInterval(() => {
  const nowMs = performance.now();
  const passedMs = nowMs - lastMs;
  lastMs = nowMs;
  const subscriber = subscribers.at(-1);
  if (subscriber === undefined) return;
  const wallMs = Date.now();
  const seconds = order.mix === "both" ? Math.min(names.length, Math.floor(order.rate / 4)) : 0;
  due += (order.rate - seconds) * passedMs / 1000;
  let tickers = 0;
  let candles = 0;
  if (order.mix === "second") candles = Math.floor(due);
  else tickers = Math.floor(due);
  due -= tickers + candles;
  const second = Math.floor((wallMs - 7) / 1000);
  if (seconds > 0 && second !== burstSecond) {
    burstSecond = second;
    candles += seconds;
  }
  if (subscriber.writableLength > UNSENT_BYTES_MAX) {
    held += tickers + candles;
    return;
  }
  if (tickers > 0) subscriber.write(frames.tickers(tickers, wallMs));
  if (candles > 0) {
    subscriber.write(
      order.mix === "second"
        ? frames.seconds(candles, wallMs)
        : frames.burst(candles, (second - 1) * 1000, wallMs),
    );
  }
  sent += tickers + candles;
}, TICK_MS);

if (process.send !== undefined) {
  process.on("message", (message) => order = message as LoadOrder);
  process.on("disconnect", () => process.exit(0));
  setInterval(() => {
    const { user, system } = process.cpuUsage();
    process.send!({ sent, held, cpuMs: (user + system) / 1000 } satisfies LoadReport);
  }, 250);
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0));
