import type { App } from "../state/app.ts";
import type { Zone } from "../format/time.ts";
import type { Language } from "../text/words.ts";
import { Badges } from "./badges.tsx";
import { Mark, MoonIcon, SunIcon } from "./icons.tsx";

export function TopBar({ app }: { readonly app: App }) {
  const { t, language, theme, zone } = app.preferences;
  const dark = theme.value === "dark";
  const compares = app.route.view.value === "compare";
  return (
    <header class="top-bar">
      <a class="brand" href="/" aria-label="Stofka">
        <Mark />
        <span>Stofka</span>
      </a>
      <Badges app={app} />
      <a
        class="to-compare"
        href={compares ? "/" : "/compare"}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          app.route.open(compares ? "market" : "compare");
        }}
      >
        {t(compares ? "chart" : "compareOpen")}
      </a>
      <div class="choices">
        <Choice
          label={t("zone")}
          value={zone.value}
          options={ZONES}
          narrow="chosen"
          onChoose={(chosen) => zone.value = chosen}
        />
        <Choice
          label={t("language")}
          value={language.value}
          options={LANGUAGES}
          narrow="other"
          onChoose={(chosen) => language.value = chosen}
        />
        <button
          type="button"
          class="icon-button"
          aria-label={`${t("theme")}: ${t(dark ? "themeLight" : "themeDark")}`}
          title={t(dark ? "themeLight" : "themeDark")}
          onClick={() => theme.value = dark ? "light" : "dark"}
        >
          {dark ? <SunIcon /> : <MoonIcon />}
        </button>
      </div>
    </header>
  );
}

interface Option<Value extends string> {
  readonly value: Value;
  readonly text: string;
}

const ZONES: readonly Option<Zone>[] = [{ value: "KST", text: "KST" }, {
  value: "UTC",
  text: "UTC",
}];
const LANGUAGES: readonly Option<Language>[] = [{ value: "ko", text: "한" }, {
  value: "en",
  text: "EN",
}];

function Choice<Value extends string>({ label, value, options, narrow, onChoose }: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly Option<Value>[];
  /** Which of the two a narrow screen shows; touching the chosen one chooses the other. */
  readonly narrow: "chosen" | "other";
  readonly onChoose: (value: Value) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={label} data-shows={narrow}>
      {options.map((option) => (
        <button
          type="button"
          key={option.value}
          aria-pressed={option.value === value}
          onClick={() =>
            onChoose(
              option.value === value
                ? options.find((other) => other !== option)!.value
                : option.value,
            )}
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}
