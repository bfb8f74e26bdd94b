import { Failure, shown } from "#core/failure.ts";

/** What a PromQL expression reads. Not a parser: enough of the grammar to know every name that it stands on. */
export interface Reading {
  /** Metrics, each with the labels that its selectors ask for. */
  readonly metrics: ReadonlyMap<string, readonly string[]>;
  /** Labels of `by`, `without`, `on`, `ignoring`, `group_left`, `group_right`. */
  readonly grouping: readonly string[];
}

const TOKEN =
  /"(?:\\.|[^"\\])*"|\$\{?\w+\}?|\d[\w.]*|[a-zA-Z_:][\w:]*|=~|!~|!=|==|>=|<=|[-+*/%^=<>(){}[\],:@]/g;

const LABEL_LISTS = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const WORDS = ["and", "or", "unless", "bool", "offset"];
const MATCHES = ["=", "!=", "=~", "!~"];
const FUNCTIONS = [
  ...["sum", "min", "max", "avg", "count", "topk"],
  ...["rate", "increase", "histogram_quantile", "absent", "vector", "clamp_min", "resets"],
];

/**
 * The metrics and labels of an expression.
 *
 * @throws Failure `promql_unread` for what is no word of PromQL that we use, such as a misspelt function
 */
export function readPromql(expression: string): Reading {
  const rest = expression.replaceAll(TOKEN, "").trim();
  if (rest !== "") throw unread(expression, rest);
  const tokens: readonly string[] = expression.match(TOKEN) ?? [];
  const metrics = new Map<string, string[]>();
  const grouping: string[] = [];
  let current: string[] | null = null;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    const next = tokens[i + 1];
    if (token === "{") {
      const end = tokens.indexOf("}", i);
      if (current === null || end === -1) throw unread(expression, "{");
      const inside = tokens.slice(i + 1, end);
      current.push(...inside.filter((_, at) => MATCHES.includes(inside[at + 1] ?? "")));
      i = end;
    } else if (token === "[") {
      i = tokens.indexOf("]", i); // a range: numbers, `:` and Grafana's variables
      if (i === -1) throw unread(expression, "[");
    } else if (!/^[a-zA-Z_]/.test(token) || WORDS.includes(token)) {
      continue;
    } else if (LABEL_LISTS.includes(token) && next === "(") {
      const end = tokens.indexOf(")", i);
      grouping.push(...tokens.slice(i + 2, end).filter((label) => label !== ","));
      i = end;
    } else if (next === "(" || LABEL_LISTS.includes(next ?? "")) {
      if (!FUNCTIONS.includes(token)) throw unread(expression, token);
    } else {
      current = metrics.get(token) ?? [];
      metrics.set(token, current);
    }
  }
  return { metrics, grouping };
}

function unread(expression: string, part: string): Failure {
  return new Failure("promql_unread", `${shown(part)} in ${shown(expression, 400)} is not known`);
}
