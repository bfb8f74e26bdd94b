import { Buffer } from "node:buffer";
import type { LiveEvent } from "../live_event.ts";
import { asciiBytes } from "./ascii_bytes.ts";
import { Client, type ClientLimits, type Wire } from "./client.ts";
import { type Group, Groups } from "./group.ts";
import type { Subscription } from "./subscription.ts";
import { Tails } from "./tails.ts";

export interface HubLimits extends ClientLimits {
  readonly clientsMax: number;
  readonly clientsPerAddressMax: number;
  /** Bytes of tails on their way. */
  readonly tailBytesMax: number;
  /** Least time between two ticks, ms. */
  readonly tickMsMin: number;
  readonly tickMsMax: number;
  readonly heartbeatMs: number;
}

/** What is counted; the names say what of. */
export interface HubMeter {
  sent(events: number, writes: number, bytes: number): void;
  latency(receivedToSentMs: number): void;
  conflated(events: number): void;
  cut(reason: "slow" | "mailbox_full"): void;
  tick(ms: number): void;
}

export interface HubPorts {
  /** Wall clock, ms. */
  readonly now: () => number;
  /** A clock that never jumps, ms. */
  readonly monotonicMs: () => number;
  /** Runs something once, after the time; 0 = at the next turn of the loop. */
  readonly later: (run: () => void, waitMs: number) => void;
  /** In [0, 1). */
  readonly chance: () => number;
  /** The `tail` event of a subscription, as stream text, from the state that all published events have already changed. */
  readonly tail: (subscription: Subscription) => string;
  readonly meter: HubMeter;
  /** Told of each event after the tick that wrote it to its readers. */
  readonly written?: (event: LiveEvent) => void;
}

/** A tick may take this share of the time: the next one waits so much longer than the last one took. */
const TICK_REST = 4;
const HEARTBEAT = Buffer.from(":\n\n", "latin1");

/**
 * Carries each change to everyone who asked for it. Events gather until the next tick; then each group's are encoded
 * once and every member gets them in one write. The first event after a pause is sent at the next turn of the loop, later
 * ones wait for {@link HubLimits.tickMsMin} or, when writing to all took long, for a multiple of that: with many readers
 * the writes become fewer and larger instead of taking all the time there is.
 *
 * A newcomer gets its tail at a tick, behind the events that its state already holds: nothing is missed between the
 * two, and nothing goes backwards.
 */
export class Hub {
  readonly #limits: HubLimits;
  readonly #ports: HubPorts;
  readonly #groups = new Groups();
  readonly #tails: Tails;
  readonly #perAddress = new Map<string, number>();
  readonly #clients = new Map<Client, Group>();
  #unmeasured: LiveEvent[] = [];
  #open = false;
  #closing = false;
  #scheduled = false;
  #nextTickMs = 0;

  constructor(limits: HubLimits, ports: HubPorts) {
    this.#limits = limits;
    this.#ports = ports;
    this.#tails = new Tails(limits.tailBytesMax);
  }

  get clientCount(): number {
    return this.#clients.size;
  }

  get behindCount(): number {
    let behind = 0;
    for (const client of this.#clients.keys()) if (client.behind) behind++;
    return behind;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  get tailBytes(): number {
    return this.#tails.bytes;
  }

  /** Why one more client from the address cannot be taken; null when it can. */
  refusal(address: string): "clients_max" | "clients_per_address_max" | null {
    if (this.#clients.size >= this.#limits.clientsMax) return "clients_max";
    const count = this.#perAddress.get(address) ?? 0;
    return count >= this.#limits.clientsPerAddressMax ? "clients_per_address_max" : null;
  }

  /** From now on tails are true: whoever connected earlier was waiting for this. */
  open(): void {
    this.#open = true;
    this.#schedule();
  }

  join(wire: Wire, address: string, subscription: Subscription): void {
    if (this.#closing) return wire.end();
    const client = new Client(wire, address, this.#limits, this.#ports.now());
    const group = this.#groups.of(subscription);
    group.newcomers.add(client);
    this.#clients.set(client, group);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    wire.onClose(() => this.#leave(client));
    wire.onDrain(() => {
      const sent = client.drained(this.#ports.now());
      if (sent !== null) this.#ports.meter.sent(sent.events, 1, sent.bytes);
    });
    this.#schedule();
  }

  publish(event: LiveEvent): void {
    const groups = this.#groups.for(event);
    if (groups.length === 0) return;
    for (const group of groups) group.pending.push(event);
    this.#unmeasured.push(event);
    this.#schedule();
  }

  /** Heartbeats, and the end of readers that stayed behind: to be called about once a second. */
  sweep(): void {
    const nowMs = this.#ports.now();
    for (const client of [...this.#clients.keys()]) {
      if (client.tooSlow(nowMs)) {
        this.#ports.meter.cut("slow");
        client.cut();
        this.#leave(client);
      } else if (!client.behind && nowMs - client.lastWriteMs >= this.#limits.heartbeatMs) {
        client.write(HEARTBEAT, nowMs);
      }
    }
    // newcomers that waited for room
    this.#schedule();
  }

  /** Ends every stream at a time drawn within the window, so that the readers do not all come back at once. */
  close(windowMs: number): void {
    this.#open = false;
    this.#closing = true;
    for (const client of [...this.#clients.keys()]) {
      this.#ports.later(() => client.wire.end(), this.#ports.chance() * windowMs);
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const waitMs = Math.max(0, this.#nextTickMs - this.#ports.monotonicMs());
    this.#ports.later(() => this.#tick(), waitMs);
  }

  #tick(): void {
    this.#scheduled = false;
    const startedMs = this.#ports.monotonicMs();
    const nowMs = this.#ports.now();
    for (const group of this.#groups.all()) {
      if (group.pending.length > 0) this.#flush(group, nowMs);
      if (group.newcomers.size > 0 && this.#open && !this.#tails.full) this.#admit(group, nowMs);
    }
    this.#measure();
    const tookMs = this.#ports.monotonicMs() - startedMs;
    this.#ports.meter.tick(tookMs);
    const { tickMsMin, tickMsMax } = this.#limits;
    this.#nextTickMs = this.#ports.monotonicMs() +
      Math.min(tickMsMax, Math.max(tickMsMin, tookMs * TICK_REST));
  }

  #flush(group: Group, nowMs: number): void {
    const events = group.pending;
    group.pending = [];
    if (group.members.size === 0) return;
    let text = "";
    for (const event of events) text += event.frame;
    const bytes = asciiBytes(text);
    let writes = 0;
    let conflated = 0;
    for (const client of group.members) {
      if (client.closed) continue;
      const delivery = client.deliver(bytes, events, nowMs);
      if (delivery.written) writes++;
      conflated += delivery.conflated;
      if (client.closed) {
        this.#ports.meter.cut("mailbox_full");
        this.#leave(client);
      }
    }
    this.#ports.meter.sent(events.length * writes, writes, bytes.length * writes);
    if (conflated > 0) this.#ports.meter.conflated(conflated);
  }

  #admit(group: Group, nowMs: number): void {
    const bytes = asciiBytes(this.#ports.tail(group.subscription));
    const returned = this.#tails.lend(bytes.length, group.newcomers.size);
    for (const client of group.newcomers) {
      client.write(bytes, nowMs, returned);
      group.members.add(client);
    }
    this.#ports.meter.sent(
      group.newcomers.size,
      group.newcomers.size,
      bytes.length * group.newcomers.size,
    );
    group.newcomers.clear();
  }

  #measure(): void {
    const events = this.#unmeasured;
    if (events.length === 0) return;
    this.#unmeasured = [];
    const nowMs = this.#ports.now();
    for (const event of events) {
      const { receivedAtMs } = event;
      if (receivedAtMs !== null) this.#ports.meter.latency(nowMs - receivedAtMs);
      this.#ports.written?.(event);
    }
  }

  #leave(client: Client): void {
    const group = this.#clients.get(client);
    if (group === undefined) return;
    this.#clients.delete(client);
    group.members.delete(client);
    group.newcomers.delete(client);
    this.#groups.removeIfEmpty(group);
    const left = (this.#perAddress.get(client.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(client.address, left);
    else this.#perAddress.delete(client.address);
  }
}
