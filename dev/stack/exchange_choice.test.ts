import { describe, expect, test } from "vitest";
import { databaseName } from "#core/namespace.ts";
import {
  chooseExchange,
  exchangeAddress,
  exchangeNamespace,
  type ExchangeWish,
} from "./exchange_choice.ts";
import { exchangeSentence } from "./closing_block.ts";

const upbit: ExchangeWish = { kind: "upbit" };
const simulator: ExchangeWish = { kind: "simulator" };
const mustNotAsk = () => Promise.reject(new Error("asked Upbit without need"));

describe("the exchange of a data folder", () => {
  test("is what is asked for, before what was kept", async () => {
    expect((await chooseExchange(simulator, upbit, mustNotAsk)).wish).toEqual(simulator);
  });

  test("once decided is kept: an Upbit that went away is never replaced by invented prices", async () => {
    expect(await chooseExchange(undefined, upbit, mustNotAsk)).toEqual({
      wish: upbit,
      because: "kept",
    });
  });

  test("at the first start is Upbit where it answers, else the simulator, said loudly", async () => {
    expect((await chooseExchange(undefined, undefined, () => Promise.resolve(true))).wish)
      .toEqual(upbit);
    const choice = await chooseExchange(undefined, undefined, () => Promise.resolve(false));
    expect(choice.wish).toEqual(simulator);
    expect(exchangeSentence(choice, undefined)).toContain("SIMULATED");
  });
});

describe("each exchange has data of its own", () => {
  const wishes: ExchangeWish[] = [
    upbit,
    simulator,
    { kind: "replay", file: "/x/UPBIT.ws.62.0" },
    { kind: "replay", file: "/x/UPBIT.ws.63.0" },
    { kind: "replay", file: "/x/시세 기록.gz" },
    { kind: "replay", file: `/x/${"long".repeat(30)}a` },
    { kind: "replay", file: `/x/${"long".repeat(30)}b` },
    { kind: "other", base: "https://sg-api.upbit.com" },
    { kind: "other", base: "http://127.0.0.1:8123" },
    { kind: "other", base: `https://${"a".repeat(60)}.example.com` },
  ];

  test("no two namespaces and no two databases are the same", () => {
    const namespaces = wishes.map(exchangeNamespace);
    expect(new Set(namespaces).size).toBe(wishes.length);
    expect(new Set(namespaces.map(databaseName)).size).toBe(wishes.length);
  });

  test("the real exchange has the empty one, a replay one by its file's name", () => {
    expect(exchangeNamespace(upbit)).toBe("");
    expect(exchangeNamespace(simulator)).toBe("simulated.");
    expect(exchangeNamespace(wishes[2]!)).toBe("replay-upbit-ws-62-0.");
  });
});

test("a base address becomes the protocol's two addresses", () => {
  expect(exchangeAddress({ kind: "other", base: "https://sg-api.upbit.com" })).toEqual({
    ws: "wss://sg-api.upbit.com/websocket/v1",
    rest: "https://sg-api.upbit.com/v1",
    control: null,
  });
  expect(exchangeAddress({ kind: "other", base: "http://127.0.0.1:1" })?.ws)
    .toBe("ws://127.0.0.1:1/websocket/v1");
  expect(exchangeAddress(simulator)).toBeUndefined();
});
