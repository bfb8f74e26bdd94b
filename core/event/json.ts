import { type Decimal, decimal } from "../decimal.ts";
import { Failure, shown } from "../failure.ts";

/** A JSON object whose values are already JSON text. */
export function jsonObject(values: Readonly<Record<string, string>>): string {
  return `{${Object.entries(values).map(([name, value]) => `"${name}":${value}`).join(",")}}`;
}

/** Typed access to the fields of an event parsed by `parseJsonNumbersAsText`. */
export interface EventReader {
  raw(name: string): unknown;
  text(name: string): string;
  ms(name: string): number;
  decimal(name: string): Decimal;
  decimalOrNull(name: string): Decimal | null;
}

/** @throws Failure `event_invalid` when a field is asked for that is not of its kind */
export function eventReader(value: unknown, what: string): EventReader {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const refuse = (name: string): Failure =>
    new Failure("event_invalid", `${name} of a ${what} event is ${shown(fields[name])}`);
  const text = (name: string): string => {
    const field = fields[name];
    if (typeof field !== "string") throw refuse(name);
    return field;
  };
  return {
    raw: (name) => fields[name] ?? null,
    text,
    ms: (name) => {
      const ms = Number(text(name));
      if (!Number.isSafeInteger(ms)) throw refuse(name);
      return ms;
    },
    decimal: (name) => decimal(text(name)),
    decimalOrNull: (name) => fields[name] === null ? null : decimal(text(name)),
  };
}
