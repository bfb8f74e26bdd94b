import { expect, test } from "vitest";
import { readListing } from "./listing.ts";

const listing = { market: "KRW-BTC", korean_name: "비트코인", english_name: "Bitcoin", extra: 1 };

test("readListing() reads names in both languages", () => {
  expect(readListing(listing)).toEqual({
    market: "KRW-BTC",
    koreanName: "비트코인",
    englishName: "Bitcoin",
  });
});

test.each([
  null,
  "KRW-BTC",
  undefined,
  { ...listing, market: "btc" },
  { ...listing, korean_name: null },
  { ...listing, english_name: "x".repeat(101) },
])("readListing() refuses %o", (value) => {
  expect(() => readListing(value)).toThrow(expect.objectContaining({ code: "listing_invalid" }));
});
