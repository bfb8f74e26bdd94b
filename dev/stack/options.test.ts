import { exchangeNamespace } from "./exchange_choice.ts";
import { describe, expect, test } from "vitest";
import { Failure } from "#core/failure.ts";
import { ingestSettings } from "../../services/ingest/config.ts";
import { HELP, type Options, parseExchange, parseOptions } from "./options.ts";

const INGEST: Readonly<Record<string, string>> = { KAFKA_BROKERS: "127.0.0.1:1" };

const read = (args: string[], environment: Record<string, string> = {}): Options =>
  parseOptions(args, environment, { checkout: "/checkout", folder: "/where/i/stand" });

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure && error.code === "usage") return error.message;
    throw error;
  }
  throw new Error("was accepted");
}

test("without flags nothing is asked for, and the data lies in the checkout", () => {
  expect(read(["start"])).toEqual({
    command: "start",
    dataFolder: "/checkout/.stofka",
    reset: false,
    detach: false,
    yes: false,
    install: true,
    statusOnly: false,
    help: false,
    rest: [],
  });
});

test("every flag is read; named paths start where the user stands, not in the checkout", () => {
  const args =
    "--exchange replay:a/b.0 --markets KRW-BTC,KRW-ETH --port 9000 --data d --reset --detach --yes --no-install";
  expect(read(["start", ...args.split(" ")])).toEqual({
    command: "start",
    exchange: { kind: "replay", file: "/where/i/stand/a/b.0" },
    markets: "KRW-BTC,KRW-ETH",
    port: 9000,
    dataFolder: "/where/i/stand/d",
    reset: true,
    detach: true,
    yes: true,
    install: false,
    statusOnly: false,
    help: false,
    rest: [],
  });
});

test("a command's misspelling and an unknown flag are refused with what is right", () => {
  expect(refusal(() => read(["strat"]))).toContain("start, stop, status");
  expect(refusal(() => read(["start", "--prot", "1"]))).toContain("--help");
});

test("a flag that npm kept for itself is named, with the two hyphens it needs", () => {
  expect(refusal(() => read(["start"], { npm_config_detach: "true" })))
    .toBe("npm took --detach for itself; put two hyphens before the flags: npm start -- --detach");
  expect(refusal(() => read(["stop"], { npm_config_data: "x" }))).toContain(
    "npm run stop -- --data",
  );
});

test.each(["0", "80", "65536", "1e4", "-1", "http"])("port %s is refused", (port) => {
  expect(refusal(() => read(["start", `--port=${port}`]))).toContain("1024 to 65535");
});

test("what follows `test` goes to the runner as it is", () => {
  expect(read(["test", "core", "-t", "x", "--no-install"])).toMatchObject({
    rest: ["core", "-t", "x"],
    install: false,
  });
});

describe("--exchange", () => {
  test.each([
    ["upbit", { kind: "upbit" }],
    ["simulator", { kind: "simulator" }],
    ["replay:x", { kind: "replay", file: "/f/x" }],
    ["https://sg-api.upbit.com", { kind: "other", base: "https://sg-api.upbit.com" }],
    ["http://127.0.0.1:8123/", { kind: "other", base: "http://127.0.0.1:8123" }],
  ])("%s", (text, wish) => {
    expect(parseExchange(text, "/f")).toEqual(wish);
  });

  test.each(["", "binance", "replay:", "ws://x", "https://x/v1", "https://user@x", "https://x?y"])(
    "%j is refused",
    (text) => {
      expect(refusal(() => parseExchange(text, "/f"))).toContain("upbit, simulator, replay:<file>");
    },
  );
});

test("--speed and --name belong to a replay, whose namespace they keep apart", () => {
  const { exchange } = read(["start", "--exchange=replay:/x/a", "--speed=10", "--name=again"]);
  expect(exchange).toEqual({ kind: "replay", file: "/x/a", speed: 10, name: "again" });
  expect(exchangeNamespace(exchange!)).toBe("replay-again.");
  expect(refusal(() => read(["start", "--speed=10"]))).toContain("belong to a replay");
  for (const speed of ["0", "1001", "fast", "1e2"]) {
    expect(refusal(() => read(["start", "--exchange=replay:x", `--speed=${speed}`])))
      .toContain("0.01 to 1000");
  }
});

test("the help names every flag that is read", () => {
  for (
    const flag of [
      "exchange",
      "markets",
      "keep-days",
      "disk-budget",
      "rest-budget",
      "port",
      "data",
      "reset",
      "detach",
      "yes",
      "no-install",
    ]
  ) {
    expect(HELP).toContain(`--${flag}`);
  }
});

test("--keep-days takes whole days, 0 among them, and nothing else", () => {
  const read = (text: string) =>
    parseOptions(["start", "--keep-days", text], {}, { checkout: "/c", folder: "/c" }).keepDays;
  expect(read("0")).toBe(0);
  expect(read("30")).toBe(30);
  for (const text of ["", "-1", "1.5", "3651", "week"]) {
    expect(() => read(text), text).toThrow(/--keep-days/);
  }
  expect(() =>
    parseOptions(["start"], { npm_config_keep_days: "3" }, { checkout: "/c", folder: "/c" })
  ).toThrow("-- --keep-days");
});

test("--rest-budget takes whole requests a second that ingest takes too, and nothing else", () => {
  for (const budget of [1, 5, 9]) {
    expect(read(["start", "--rest-budget", String(budget)]).restBudget).toBe(budget);
    expect(
      ingestSettings((name) => INGEST[name] ?? (name === "REST_BUDGET" ? `${budget}` : undefined)),
    )
      .toMatchObject({ restBudget: budget });
  }
  for (const text of ["", "0", "10", "-1", "2.5", "fast", "05x"]) {
    expect(refusal(() => read(["start", `--rest-budget=${text}`])), text)
      .toMatch(/^--rest-budget .*from 1 to 9 \(5 unless named\)/);
  }
  expect(refusal(() => read(["start"], { npm_config_rest_budget: "3" }))).toContain(
    "-- --rest-budget",
  );
});

test("--disk-budget takes whole GB, and nothing else", () => {
  expect(read(["start", "--disk-budget", "1"]).diskBudgetGb).toBe(1);
  expect(read(["start", "--disk-budget=100000"]).diskBudgetGb).toBe(100_000);
  for (const text of ["", "0", "100001", "-1", "2.5", "1e3", "20GB"]) {
    expect(refusal(() => read(["start", `--disk-budget=${text}`])), text)
      .toMatch(/^--disk-budget .*whole number of GB from 1 to 100000/);
  }
  expect(refusal(() => read(["start"], { npm_config_disk_budget: "3" }))).toContain(
    "-- --disk-budget",
  );
});
