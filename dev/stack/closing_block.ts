import { type ExchangeChoice, exchangeText, type ExchangeWish } from "./exchange_choice.ts";

/** What the user reads last: where the page is, in both languages, what it shows, and how it ends. */
export function closingBlock(
  { page, choice, missing, dataFolder, detached }: {
    readonly page: string;
    readonly choice: ExchangeChoice;
    /** What ingest lacks to collect; none when prices come in. */
    readonly missing: readonly string[];
    readonly dataFolder: string;
    readonly detached: boolean;
  },
): string {
  const [end, endKorean] = detached
    ? ["end it: npm run stop", "끝내기: npm run stop"]
    : ["end it: Ctrl-C", "끝내기: Ctrl-C"];
  return `
  Stofka runs     ${page}     (${end})
  스토프카 실행 중  ${page}     (${endKorean})

  exchange  ${exchangeText(choice.wish)}${badge(choice.wish)}${linkText(missing)}
  data      ${dataFolder}     logs in logs/, addresses in stack.json
`;
}

/** Which exchange, and why. Loud where prices are not the exchange's own. */
export function exchangeSentence(
  { wish, because }: ExchangeChoice,
  before: ExchangeWish | undefined,
): string {
  const text = exchangeText(wish);
  switch (because) {
    case "upbit answers":
      return `  Upbit answers: this data folder shows the real exchange from now on.`;
    case "upbit does not answer":
      return [
        "  ############################################################################",
        "  #  Upbit does not answer from this machine: this data folder shows a       #",
        "  #  SIMULATED exchange from now on. Its prices are invented.                #",
        "  #  업비트에 연결할 수 없어 모의 거래소로 시작합니다. 실제 가격이 아닙니다.",
        "  #  To use the real one later:  npm start -- --exchange upbit               #",
        "  ############################################################################",
      ].join("\n");
    case "kept":
      return `  exchange: ${text}${badge(wish)}, as before`;
    case "asked":
      return before === undefined || exchangeText(before) === text
        ? `  exchange: ${text}${badge(wish)}`
        : `  exchange: ${text}${badge(wish)} from now on; the data of ${
          exchangeText(before)
        } stays beside it, apart`;
  }
}

function badge({ kind }: ExchangeWish): string {
  if (kind === "simulator") return " (SIMULATED: invented prices)";
  return kind === "replay" ? " (REPLAY: recorded prices)" : "";
}

/** Why no prices come, where none do. They are never replaced by invented ones. */
function linkText(missing: readonly string[]): string {
  if (missing.length === 0) return "";
  return `
            RECONNECTING: ${
    missing.join("; ")
  }. It is tried again and again; the page says so until it succeeds.
            거래소에 다시 연결하는 중입니다. 연결될 때까지 새 가격이 없습니다.`;
}
