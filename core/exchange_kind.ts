/** Which exchange the data is from: the page says SIMULATED or REPLAY by it. `other` speaks Upbit's protocol. */
export const EXCHANGE_KINDS = ["upbit", "simulator", "replay", "other"] as const;

export type ExchangeKind = (typeof EXCHANGE_KINDS)[number];
