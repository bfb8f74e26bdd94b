import { expect, test } from "vitest";
import { assertNoBody, assertSameOrigin } from "./same_origin.ts";

const request = (headers: Readonly<Record<string, string>>) => ({
  header: (name: string): string | undefined => headers[name],
});
const outcome = (headers: Readonly<Record<string, string>>): string => {
  try {
    assertSameOrigin(request(headers));
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "allowed";
};

test("a page of ours and a client that is no browser may; a foreign page, whatever it leaves out, may not", () => {
  const host = "localhost:8080";
  expect(outcome({ host })).toBe("allowed");
  expect(outcome({ host, origin: "http://localhost:8080", "sec-fetch-site": "same-origin" }))
    .toBe("allowed");
  for (
    const headers of [
      { host, origin: "http://evil.example" },
      { host, origin: "http://localhost:8081" },
      { host, origin: "null" },
      { host, "sec-fetch-site": "cross-site" },
      { host, "sec-fetch-site": "same-site", origin: "http://localhost:8080" },
      { host, "sec-fetch-site": "none" },
    ] as Readonly<Record<string, string>>[]
  ) expect(outcome(headers), JSON.stringify(headers)).toBe("origin_not_allowed");
});

test("a body is refused", () => {
  assertNoBody(request({}));
  assertNoBody(request({ "content-length": "0" }));
  expect(() => assertNoBody(request({ "content-length": "2" }))).toThrow(/no body/);
  expect(() => assertNoBody(request({ "transfer-encoding": "chunked" }))).toThrow(/no body/);
});
