import { expect, test } from "vitest";
import { readPromql } from "./promql.ts";

const read = (expression: string): unknown => {
  const { metrics, grouping } = readPromql(expression);
  return { metrics: Object.fromEntries(metrics), grouping };
};

test("readPromql() names metrics, the labels of their selectors and the labels grouped by", () => {
  expect(read(`sum by (kind, job) (rate(frames_total{kind!~"a|b{", job="x"}[5m])) > 0.5`)).toEqual({
    metrics: { frames_total: ["kind", "job"] },
    grouping: ["kind", "job"],
  });
  expect(read(`a{x="1"} / on (y) group_left (z) (b + a{w=~"$v"}) unless c offset 10m`)).toEqual({
    metrics: { a: ["x", "w"], b: [], c: [] },
    grouping: ["y", "z"],
  });
  expect(read(`histogram_quantile(0.99, sum by (le) (rate(d_bucket[$__rate_interval])))`)).toEqual({
    metrics: { d_bucket: [] },
    grouping: ["le"],
  });
  expect(read("vector(1)")).toEqual({ metrics: {}, grouping: [] });
});

test.each([
  ["a misspelt function", "rat(a[5m])"],
  ["a misspelt aggregation", "summ by (x) (a)"],
  ["a selector without a metric", `{job="x"}`],
  ["a broken selector", `a{job="x"`],
  ["a character of no meaning", "a ? b"],
])("%s is refused", (_, expression) => {
  expect(() => readPromql(expression)).toThrow("is not known");
});
