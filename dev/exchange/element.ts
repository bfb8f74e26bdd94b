import { canonical, fixed, float64, short } from "./spelling.ts";

/** The four formats of a WebSocket connection. */
export type Format = "DEFAULT" | "SIMPLE" | "JSON_LIST" | "SIMPLE_LIST";

export const formats: readonly Format[] = ["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"];

/** A number before it is spelled: fixed point with its digits, and whether REST rounds it to a float64. */
export interface Amount {
  readonly value: bigint;
  readonly digits: number;
  readonly float: boolean;
}

/** One field: its name in DEFAULT and REST, its name in SIMPLE, its value. */
export type Field = readonly [
  name: string,
  simple: string,
  value: string | number | boolean | null | Amount,
];

export function amount(value: bigint, digits: number, float = false): Amount {
  return { value, digits, float };
}

export type StreamType = "SNAPSHOT" | "REALTIME";

/** What is sent of a candle or a ticker: made once, spelled once a format, sent to many. */
export class Element {
  readonly type: string;
  readonly market: string;
  readonly fields: readonly Field[];
  readonly #bytes = new Map<Format, Uint8Array>();

  constructor(type: string, market: string, fields: readonly Field[], streamType: StreamType) {
    this.type = type;
    this.market = market;
    this.fields = [
      ["type", "ty", type],
      ["code", "cd", market],
      ...fields,
      ["stream_type", "st", streamType],
    ];
  }

  /** The frame's payload. */
  bytes(format: Format): Uint8Array {
    let bytes = this.#bytes.get(format);
    if (bytes === undefined) {
      const simple = format === "SIMPLE" || format === "SIMPLE_LIST";
      const text = simple ? simpleText(this.fields) : defaultText(this.fields);
      bytes = encoder.encode(format.endsWith("_LIST") ? `[${text}]` : text);
      this.#bytes.set(format, bytes);
    }
    return bytes;
  }
}

const encoder = new TextEncoder();

function defaultText(fields: readonly Field[]): string {
  return object(fields, 0, ({ value, digits }) => fixed(value, digits));
}

function simpleText(fields: readonly Field[]): string {
  return object(fields, 1, ({ value, digits }) => short(value, digits));
}

/** An object of a REST answer: all digits, as the recorded lengths of answers show (README.md, "Where it guesses"). */
export function restText(fields: readonly Field[]): string {
  return object(fields, 0, (a) => a.float ? float64(a.value, a.digits) : fixed(a.value, a.digits));
}

/** An object of the control port: numbers as canonical decimals in strings. */
export function ledgerText(fields: readonly Field[]): string {
  return object(fields, 0, ({ value, digits }) => `"${canonical(value, digits)}"`);
}

function object(fields: readonly Field[], name: 0 | 1, spell: (amount: Amount) => string): string {
  const parts = fields.map((field) => {
    const value = field[2];
    const text = typeof value === "object" && value !== null ? spell(value) : JSON.stringify(value);
    return `"${field[name]}":${text}`;
  });
  return `{${parts.join(",")}}`;
}
