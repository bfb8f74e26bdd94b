import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type EventSourceLike, followStream, SILENCE_MS_MAX } from "./follow_stream.ts";

type Listener = (event: { readonly data?: string }) => void;

function fakeBrowser() {
  const opened: (EventSourceLike & {
    say(name: string, data?: string): void;
    closed: boolean;
  })[] = [];
  const open = (): EventSourceLike => {
    const listeners = new Map<string, Listener>();
    const source = {
      closed: false,
      addEventListener: (name: string, listener: Listener) => void listeners.set(name, listener),
      close: () => {
        source.closed = true;
      },
      say: (name: string, data = "") => listeners.get(name)?.({ data }),
    };
    opened.push(source);
    return source;
  };
  return { opened, open };
}

const stop = { current: new AbortController() };
beforeEach(() => {
  vi.useFakeTimers();
  stop.current = new AbortController();
});
afterEach(() => {
  stop.current.abort();
  vi.useRealTimers();
});

function follow() {
  const browser = fakeBrowser();
  const states: string[] = [];
  const events: string[] = [];
  const wakes = new EventTarget();
  const renewals = new EventTarget();
  void followStream({
    url: "/api/stream",
    open: browser.open,
    wakes,
    renewals,
    nowMs: () => Date.now(),
    chance: () => 0,
    onState: (state) => states.push(state),
    onEvent: (name, data) => events.push(`${name} ${data}`),
  }, stop.current.signal);
  return { ...browser, states, events, wakes, renewals };
}

test("a stream that says nothing is given up, although its connection stays open", async () => {
  const { opened, states } = follow();
  opened[0]!.say("tail");
  await vi.advanceTimersByTimeAsync(SILENCE_MS_MAX + 3_000);
  expect(opened[0]!.closed).toBe(true);
  expect(opened.length).toBe(2);
  expect(states).toEqual(["connecting", "open", "lost", "lost"]);
});

test("when the network changed an old connection is replaced, one that spoke just now is kept", async () => {
  const { opened, wakes } = follow();
  opened[0]!.say("tail");
  await vi.advanceTimersByTimeAsync(2_000);
  wakes.dispatchEvent(new Event("wake"));
  expect(opened[0]!.closed).toBe(false);
  vi.setSystemTime(Date.now() + 3_600_000); // asleep: no timer ran
  wakes.dispatchEvent(new Event("wake"));
  expect(opened[0]!.closed).toBe(true);
  await vi.advanceTimersByTimeAsync(500);
  expect(opened.length).toBe(2);
});

test("after a sleep everything begins anew at once, even if the connection seems alive", async () => {
  const { opened, wakes } = follow();
  opened[0]!.say("tail");
  wakes.dispatchEvent(new Event("slept"));
  await vi.advanceTimersByTimeAsync(0);
  expect([opened[0]!.closed, opened.length]).toEqual([true, 2]);
});

test("retries wait longer and longer, up to a limit, and a wake ends the wait", async () => {
  const { opened, wakes } = follow();
  for (let attempt = 0; attempt < 8; attempt++) {
    opened.at(-1)!.say("error");
    await vi.advanceTimersByTimeAsync(5_001);
  }
  const count = opened.length;
  opened.at(-1)!.say("error");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(opened.length).toBe(count);
  wakes.dispatchEvent(new Event("wake"));
  await vi.advanceTimersByTimeAsync(0);
  expect(opened.length).toBe(count + 1);
});

test("what an ended connection still says is not heard", async () => {
  const { opened, events, renewals } = follow();
  opened[0]!.say("tail", "a");
  renewals.dispatchEvent(new Event("renew"));
  await vi.advanceTimersByTimeAsync(0);
  opened[0]!.say("candle", "old");
  opened[1]!.say("tail", "b");
  expect(events).toEqual(["tail a", "tail b"]);
});
