import { expect, test } from "vitest";
import { progressSentence } from "./repair_progress.ts";

test("progressSentence() says what is missing, of how many markets, and what it can take", () => {
  expect(progressSentence([])).toBe("nothing is missing");
  expect(progressSentence([
    { kind: "gap", markets: 1, requests: 1 },
    { kind: "fill", markets: 289, requests: 79_764 },
    { kind: "parity", markets: 2, requests: 2 },
  ])).toBe(
    "lost seconds: 1 market, at most 1 request; first screens and today's seconds: 289 markets, at most 79,764 requests; parity: 2 markets, at most 2 requests",
  );
});
