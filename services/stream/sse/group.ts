import type { Interval } from "#core/interval.ts";
import type { Market } from "#core/market.ts";
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

/** Where the events of one name, market and interval go. */
interface Route {
  readonly name: LiveEvent["name"];
  readonly market: Market;
  readonly interval: Interval | null;
  readonly groups: Group[];
}

/** Which groups an event goes to: looked up by market, kept up to date as groups come and go. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #routes = new Map<string, Route>();

  of(subscription: Subscription): Group {
    let group = this.#groups.get(subscription.key);
    if (group === undefined) {
      group = { subscription, members: new Set(), newcomers: new Set(), pending: [] };
      this.#groups.set(subscription.key, group);
      for (const { name, market, interval, groups } of this.#routes.values()) {
        if (subscription.wants(name, market, interval)) groups.push(group);
      }
    }
    return group;
  }

  removeIfEmpty(group: Group): void {
    if (group.members.size > 0 || group.newcomers.size > 0) return;
    if (!this.#groups.delete(group.subscription.key)) return;
    for (const { groups } of this.#routes.values()) {
      const at = groups.indexOf(group);
      if (at >= 0) groups.splice(at, 1);
    }
  }

  /** The groups that want the event. */
  for({ name, market, interval }: LiveEvent): readonly Group[] {
    const wanting = (): Group[] =>
      [...this.#groups.values()]
        .filter(({ subscription }) => subscription.wants(name, market, interval));
    if (market === null) return wanting();
    const key = `${name} ${market} ${interval ?? ""}`;
    let route = this.#routes.get(key);
    if (route === undefined) {
      this.#routes.set(key, route = { name, market, interval, groups: wanting() });
    }
    return route.groups;
  }

  all(): Iterable<Group> {
    return this.#groups.values();
  }

  get size(): number {
    return this.#groups.size;
  }
}
