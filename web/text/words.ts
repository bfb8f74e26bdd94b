import { en } from "./en.ts";
import { ko, type WordKey, type Words } from "./ko.ts";

export type Language = "ko" | "en";

export const DICTIONARIES: Readonly<Record<Language, Words>> = { ko, en };

/** Korean for a reader whose browser prefers it, English for everyone else. */
export function preferredLanguage(languages: readonly string[]): Language {
  return languages[0]?.toLowerCase().startsWith("ko") ? "ko" : "en";
}

export function word(language: Language, key: WordKey, n?: string | number): string {
  const text = DICTIONARIES[language][key];
  return n === undefined ? text : text.replace("{n}", String(n));
}
