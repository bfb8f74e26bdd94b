/** A recorded REST answer, as far as the conformance test asks. Number texts are kept. */
export interface RecordedAnswer {
  readonly path: string;
  /** As JSON without blanks between its parts. */
  readonly body: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly status: number;
}

/**
 * Reads one answer of a cassette: YAML of one fixed shape, so a reader of that shape is enough.
 *
 * @throws SyntaxError where it has another
 */
export function readCassette(text: string): RecordedAnswer {
  const part = (form: RegExp): string => {
    const found = form.exec(text)?.[1];
    if (found === undefined) throw new SyntaxError(`cassette without ${form.source}`);
    return found;
  };
  const indented = part(/\n {6}string: \|-\n([\s\S]*?)\n {4}headers:/);
  const headers = part(/\n {6}string: [\s\S]*?\n {4}headers:\n([\s\S]*?)\n {4}status:/);
  const body = indented.split("\n").map((line) => line.trim().replace(/^("\w+"): /, "$1:")).join(
    "",
  );
  return {
    path: part(/\n {4}uri: https:\/\/[^/]+(\S+)/),
    body,
    headers: new Map(
      [...headers.matchAll(/ {6}([\w-]+):\n {6}- (.*)/g)].map(([, name, value]) => [
        name!.toLowerCase(),
        value!.replace(/^'(.*)'$/, "$1"),
      ]),
    ),
    status: Number(part(/\n {6}code: (\d+)/)),
  };
}
