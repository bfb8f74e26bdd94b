import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type Namespace, namespace } from "#core/namespace.ts";

/** Which exchange a data folder shows. */
export type ExchangeWish =
  | { readonly kind: "upbit" }
  | { readonly kind: "simulator" }
  /** Absolute path of a recording or capture; recorded seconds per second; the namespace's name, else the file's. */
  | {
    readonly kind: "replay";
    readonly file: string;
    readonly speed?: number;
    readonly name?: string;
  }
  /** `https://sg-api.upbit.com`: scheme and host alone. */
  | { readonly kind: "other"; readonly base: string };

export type ExchangeKind = ExchangeWish["kind"];

/** Where an exchange is reached. */
export interface ExchangeAddress {
  readonly ws: string;
  readonly rest: string;
  /** The simulator's control port; a real exchange has none. */
  readonly control: string | null;
}

export const UPBIT_BASE = "https://api.upbit.com";

/** Upbit must answer within this at a data folder's first start to be its exchange. */
export const ANSWER_MS_MAX = 5_000;

export interface ExchangeChoice {
  readonly wish: ExchangeWish;
  /** Why, for the user: asked, kept, or found out now. */
  readonly because: "asked" | "kept" | "upbit answers" | "upbit does not answer";
}

/**
 * Asked for now, else kept from before, else Upbit where it answers. Decided once in a data folder's life: later an exchange
 * that is not reached is shown as "reconnecting", never replaced by invented prices.
 *
 * @param upbitAnswers asked only when it matters
 */
export async function chooseExchange(
  asked: ExchangeWish | undefined,
  kept: ExchangeWish | undefined,
  upbitAnswers: () => Promise<boolean>,
): Promise<ExchangeChoice> {
  if (asked !== undefined) return { wish: asked, because: "asked" };
  if (kept !== undefined) return { wish: kept, because: "kept" };
  return await upbitAnswers()
    ? { wish: { kind: "upbit" }, because: "upbit answers" }
    : { wish: { kind: "simulator" }, because: "upbit does not answer" };
}

/**
 * Whether Upbit's market list comes within {@link ANSWER_MS_MAX}. Every way of not coming counts the same: this machine cannot
 * use it.
 *
 * @throws the signal's reason when that aborts: then nothing was found out
 */
export async function upbitAnswers(signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(`${UPBIT_BASE}/v1/market/all`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    });
    return answer.ok && Array.isArray(await answer.json());
  } catch {
    signal.throwIfAborted();
    return false; // no name, no route, no answer in time, no JSON
  }
}

/** Each exchange's data lies in a namespace of its own: invented, replayed and foreign prices never meet the exchange's. */
export function exchangeNamespace(wish: ExchangeWish): Namespace {
  switch (wish.kind) {
    case "upbit":
      return namespace("");
    case "simulator":
      return namespace("simulated.");
    case "replay":
      return namespace(`replay-${slug(wish.name ?? basename(wish.file), 32)}.`);
    case "other":
      return namespace(`at-${slug(new URL(wish.base).host, 36)}.`);
  }
}

/** Address of a real exchange; undefined for what the stack starts itself, which says where it listens. */
export function exchangeAddress(wish: ExchangeWish): ExchangeAddress | undefined {
  if (wish.kind === "simulator" || wish.kind === "replay") return undefined;
  const base = wish.kind === "upbit" ? UPBIT_BASE : wish.base;
  return {
    ws: `${base.replace(/^http/, "ws")}/websocket/v1`,
    rest: `${base}/v1`,
    control: null,
  };
}

/** As the user writes it after --exchange. */
export function exchangeText(wish: ExchangeWish): string {
  if (wish.kind === "replay") return `replay:${wish.file}`;
  return wish.kind === "other" ? wish.base : wish.kind;
}

/** Lower case letters, digits and single hyphens; what does not fit keeps its difference in a short hash. */
function slug(text: string, charsMax: number): string {
  const plain = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  if (plain !== "" && plain.length <= charsMax) return plain;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 6);
  return `${plain.slice(0, charsMax - 7)}-${hash}`.replace(/^-/, "");
}
