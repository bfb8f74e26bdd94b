import { jsonAnswer } from "../http/answer.ts";
import type { Route } from "../http/server.ts";
import type { Compare } from "./compare.ts";
import { compareFormat, type CompareRequest, compareRequest } from "./compare_request.ts";

const PARAMETERS = ["market", "interval", "since", "until"] as const;

/** Both rows of each bucket, and the one request of a page that changes something: that the exchange be asked. */
export function compareRoutes(
  compare: Compare,
  now: () => number,
): Readonly<Record<string, Route>> {
  return {
    "/api/compare": {
      parameters: [...PARAMETERS, "format"],
      answer: async ({ query }) => {
        const format = compareFormat(query.get("format"));
        const request = compareRequest(query, now());
        const body = await compare.body(request, format);
        if (format === "json") return jsonAnswer(200, body);
        return jsonAnswer(200, body, {
          "content-type": "text/csv; charset=utf-8",
          "content-disposition": `attachment; filename="${fileName(request)}"`,
        });
      },
    },
    "/api/compare/wish": {
      method: "POST",
      parameters: PARAMETERS,
      answer: async ({ query }) => {
        const outcome = await compare.wish(compareRequest(query, now()));
        return jsonAnswer(outcome === "wished" ? 202 : 200, JSON.stringify({ outcome }));
      },
    },
  };
}

/** `upbit-stofka-KRW-BTC-1m-20261122T000000Z.csv`: letters that every system takes. */
function fileName({ market, interval, sinceMs }: CompareRequest): string {
  const since = new Date(sinceMs).toISOString().replace(/[-:]|\.\d+/g, "");
  return `upbit-stofka-${market.replaceAll(/[^A-Z0-9-]/gi, "_")}-${interval}-${since}.csv`;
}
