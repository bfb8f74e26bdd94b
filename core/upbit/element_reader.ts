import { JsonFields } from "../json_fields.ts";
import type { Element } from "./fields.ts";

/** Bytes that decode themselves: a Buffer. */
export interface Bytes {
  toString(encoding?: "latin1"): string;
}

/**
 * Reads elements of one kind as the exchange writes them in DEFAULT format, of their fields those that are wanted: a fifth of
 * the time that a reader of everything takes.
 */
export class ElementReader<Name extends string> {
  readonly #fields: JsonFields<Name | "type">;

  /** @param wanted long names */
  constructor(wanted: readonly Name[]) {
    this.#fields = new JsonFields<Name | "type">([...new Set([...wanted, "type" as const])]);
  }

  /**
   * @returns null for whatever is unusual, other formats and garbage among it: for the full reader to take or to refuse
   */
  read(bytes: Bytes): { readonly text: string; readonly element: Element } | null {
    // Latin-1 costs a third of UTF-8; what is read here is ASCII, where they are the same
    const text = bytes.toString("latin1");
    const element = this.#fields.read(text);
    return element === null || !("type" in element) ? null : { text, element };
  }
}
