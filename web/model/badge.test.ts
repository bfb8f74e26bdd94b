import fc from "fast-check";
import { expect, test } from "vitest";
import type { LinkEvent } from "#core/event/link_event.ts";
import { type BadgeFacts, badgeOf, provenanceOf } from "./badge.ts";

const NOW = 1_795_000_000_000;
const up: LinkEvent = { link: "up", cause: "started", writtenAtMs: NOW, untilMs: NOW - 50 };
const fresh: BadgeFacts = {
  stream: "open",
  link: up,
  linkArrivedAtMs: NOW,
  seenUntilMs: NOW - 50,
  catchingUp: false,
  nowMs: NOW,
};

test("live only while something was seen within three seconds, or a fresh link event still holds", () => {
  expect(badgeOf(fresh)).toEqual({ state: "live" });
  expect(badgeOf({ ...fresh, nowMs: NOW + 6_000 })).toEqual({ state: "live" });
  expect(badgeOf({ ...fresh, nowMs: NOW + 8_000 })).toEqual({ state: "delayed", delayS: 8 });
});

test("a stream that runs behind is delayed however steadily its events come", () => {
  const behind = { ...up, untilMs: NOW - 5_000 };
  expect(badgeOf({ ...fresh, link: behind, seenUntilMs: NOW - 5_000 }))
    .toEqual({ state: "delayed", delayS: 5 });
});

test("a lost stream is reconnecting, a lost exchange is named with its cause, whatever else is known", () => {
  expect(badgeOf({ ...fresh, stream: "lost", seenUntilMs: NOW - 4_200 }))
    .toEqual({ state: "reconnecting", delayS: 4 });
  const down: LinkEvent = { ...up, link: "down", cause: "silent", untilMs: NOW - 9_000 };
  expect(badgeOf({ ...fresh, link: down })).toEqual({
    state: "exchange-lost",
    delayS: 9,
    cause: "silent",
  });
});

test("never live without an open stream, a link that is up and data at most 7 s old", () => {
  fc.assert(fc.property(
    fc.constantFrom("connecting" as const, "open" as const, "lost" as const),
    fc.constantFrom<LinkEvent | null>(null, up, { ...up, link: "down" }),
    fc.integer({ min: 0, max: 20_000 }),
    fc.boolean(),
    (stream, link, ageMs, catchingUp) => {
      const badge = badgeOf({ ...fresh, stream, link, catchingUp, nowMs: NOW + ageMs });
      if (badge.state !== "live") return;
      expect([stream, link?.link, catchingUp]).toEqual(["open", "up", false]);
      expect(ageMs).toBeLessThanOrEqual(7_000);
    },
  ));
});

test("data that is not the exchange's, live, is labelled", () => {
  expect([provenanceOf("upbit"), provenanceOf("simulator"), provenanceOf("replay")])
    .toEqual([null, "simulated", "replay"]);
});
