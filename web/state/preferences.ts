import { effect, type Signal, signal } from "@preact/signals";
import type { Zone } from "../format/time.ts";
import { type Language, preferredLanguage, word } from "../text/words.ts";
import type { WordKey } from "../text/ko.ts";

export type Theme = "dark" | "light";

/** What a reader chose about the page's looks; kept in this browser. */
export interface Preferences {
  readonly language: Signal<Language>;
  readonly theme: Signal<Theme>;
  readonly zone: Signal<Zone>;
  /** A text in the chosen language; a component that calls it follows the choice. */
  t(key: WordKey, n?: string | number): string;
}

export function createPreferences(languages: readonly string[], systemTheme: Theme): Preferences {
  const language = kept("language", preferredLanguage(languages), ["ko", "en"]);
  const zone = kept<Zone>("zone", "KST", ["KST", "UTC"]);
  const theme = kept<Theme>("theme", systemTheme, ["dark", "light"]);
  effect(() => {
    document.documentElement.lang = language.value;
  });
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
  return { language, theme, zone, t: (key, n) => word(language.value, key, n) };
}

/** A choice that is written only once it was made, so that an undecided reader keeps following the system. */
function kept<Choice extends string>(
  name: string,
  initial: Choice,
  choices: readonly Choice[],
): Signal<Choice> {
  const key = `stofka.${name}`;
  const stored = read(key) as Choice | null;
  const choice = signal(stored !== null && choices.includes(stored) ? stored : initial);
  let last = choice.value;
  effect(() => {
    if (choice.value === last) return;
    last = choice.value;
    write(key, last);
  });
  return choice;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage is forbidden: choices last as long as the page
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // as above
  }
}
