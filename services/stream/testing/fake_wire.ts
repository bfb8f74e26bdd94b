import type { Wire } from "../sse/client.ts";
import { readEvents } from "./reader.ts";

/** A connection whose reader can be stopped: what it has not read counts as unsent. */
export class FakeWire implements Wire {
  reading = true;
  ended = false;
  destroyed = false;
  writes = 0;
  #read = "";
  #unread: { readonly bytes: Uint8Array; readonly written: (() => void) | undefined }[] = [];
  #onDrain: (() => void)[] = [];
  #onClose: (() => void)[] = [];

  get unsentBytes(): number {
    return this.#unread.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Uint8Array, written?: () => void): void {
    this.writes++;
    this.#unread.push({ bytes, written });
    if (this.reading) this.read();
  }

  /** Reads everything, as a drained socket does. */
  read(): void {
    const had = this.#unread;
    this.#unread = [];
    for (const { bytes, written } of had) {
      this.#read += new TextDecoder().decode(bytes);
      written?.();
    }
  }

  resume(): void {
    this.reading = true;
    this.read();
    for (const listener of this.#onDrain) listener();
  }

  end(): void {
    this.ended = true;
    this.close();
  }

  destroy(): void {
    this.destroyed = true;
    this.close();
  }

  close(): void {
    const unread = this.#unread;
    this.#unread = [];
    for (const { written } of unread) written?.();
    for (const listener of this.#onClose.splice(0)) listener();
  }

  onDrain(listener: () => void): void {
    this.#onDrain.push(listener);
  }

  onClose(listener: () => void): void {
    this.#onClose.push(listener);
  }

  get text(): string {
    return this.#read;
  }

  get events() {
    return readEvents(this.#read);
  }
}
