/** What a client read, event by event. */
export interface ReadEvent {
  readonly name: string;
  readonly data: string;
}

/** Reads stream text as an EventSource would: whole events only, comments and `retry` left out. */
export function readEvents(text: string): ReadEvent[] {
  return text.split("\n\n").slice(0, -1).flatMap((block) => {
    const lines = block.split("\n").filter((line) => line !== "" && !line.startsWith(":"));
    const field = (name: string): string | null => {
      const line = lines.find((one) => one.startsWith(`${name}: `));
      return line === undefined ? null : line.slice(name.length + 2);
    };
    const data = field("data");
    return data === null ? [] : [{ name: field("event") ?? "message", data }];
  });
}
