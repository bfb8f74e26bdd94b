import type { LiveEvent } from "../live_event.ts";
import type { Client } from "./client.ts";
import type { Subscription } from "./subscription.ts";

/** The readers that asked for the same thing, and so get the same bytes. */
export interface Group {
  readonly subscription: Subscription;
  readonly members: Set<Client>;
  /** Connected, still without their tail. */
  readonly newcomers: Set<Client>;
  /** Published since the last tick. */
  pending: LiveEvent[];
}

/** Which groups an event goes to: looked up by market, kept up to date as groups come and go. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #routes = { ticker: new Map<string, Group[]>(), candle: new Map<string, Group[]>() };

  of(subscription: Subscription): Group {
    let group = this.#groups.get(subscription.key);
    if (group === undefined) {
      group = { subscription, members: new Set(), newcomers: new Set(), pending: [] };
      this.#groups.set(subscription.key, group);
      for (const name of ["ticker", "candle"] as const) {
        for (const [market, groups] of this.#routes[name]) {
          if (subscription.wants(name, market as LiveEvent["market"])) groups.push(group);
        }
      }
    }
    return group;
  }

  removeIfEmpty(group: Group): void {
    if (group.members.size > 0 || group.newcomers.size > 0) return;
    if (!this.#groups.delete(group.subscription.key)) return;
    for (const name of ["ticker", "candle"] as const) {
      for (const groups of this.#routes[name].values()) {
        const at = groups.indexOf(group);
        if (at >= 0) groups.splice(at, 1);
      }
    }
  }

  /** The groups that want the event. */
  for({ name, market }: LiveEvent): readonly Group[] {
    if (name === "link" || market === null) {
      return [...this.#groups.values()].filter((group) => group.subscription.wants(name, market));
    }
    const routes = this.#routes[name];
    let groups = routes.get(market);
    if (groups === undefined) {
      groups = [...this.#groups.values()].filter((group) => group.subscription.wants(name, market));
      routes.set(market, groups);
    }
    return groups;
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }

  get size(): number {
    return this.#groups.size;
  }
}
