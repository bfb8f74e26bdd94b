import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KafkaProducer } from "#adapters/kafka/producer.ts";
import { createLog } from "#adapters/log.ts";
import { Failure, reason, shown } from "#core/failure.ts";
import { namespace as toNamespace, topicName } from "#core/namespace.ts";
import { TOPICS } from "#core/topics.ts";
import { readStackFile } from "../stack/stack_file.ts";
import { type Letter, letterJson, sortOut, table } from "./letter.ts";
import { readLetters } from "./topic.ts";

const HELP = `npm run dead-letter -- list | show <id> | replay <id…> [options]

What could not be read or was not believed is kept for 14 days in a topic of its own, with the reason, where it lay, and its
bytes. Its second is a gap, which repair fills from the exchange; so mostly nothing is to be done.

  list                     prints what is there, oldest first
  show <id>                one with its headers and bytes
  replay <id…>             sends the records to their topic again: an operator's word that their numbers are true. What is
                           impossible (a high below its low) or cannot be read comes back, marked, and is not sent a third
                           time; a second that is stored in a newer revision changes nothing.
  replay --all             all that were not sent before; with --reason or --since those of them

  --reason <code>          such as price_doubtful, turnover_doubtful, second_in_future, record_unreadable
  --since <time>           an ISO time, or how far back: 30m, 12h, 7d
  --json                   a JSON object a line
  --max 200                of list: the newest so many
  --data <folder>          data folder of the running Stofka (.stofka)
  --kafka <host:port,…>    instead: any broker, with --namespace simulated. where it is not the exchange's own

한국어: 읽을 수 없거나 믿을 수 없어 저장하지 않은 레코드를 보고(list, show), 다시 보냅니다(replay).
`;

const LETTERS_MAX = 10_000;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 };

async function main(): Promise<void> {
  const { values, positionals } = flags();
  const [command, ...ids] = positionals;
  if (values.help) return console.log(HELP);
  if (command === undefined) throw usage("say what to do: list, show or replay");
  const { brokers, topic } = place(values);
  const settings = { brokers, clientId: "stofka-dead-letter" };
  const log = createLog("dead-letter", "error", { write: (line) => process.stderr.write(line) });
  const read = (wanted: (letter: Letter) => boolean, lettersMax: number) =>
    readLetters(
      { settings, log, topic, sinceMs: since(values.since), wanted, lettersMax },
      AbortSignal.timeout(600_000),
    );
  const chosen = (letter: Letter): boolean =>
    values.reason === undefined || letter.code === values.reason;
  switch (command) {
    case "list": {
      if (ids.length > 0) throw usage(`list takes no ${shown(ids[0])}`);
      const { letters, older } = await read(chosen, whole("max", values.max, 1, LETTERS_MAX));
      if (values.json) { for (const letter of letters) console.log(letterJson(letter)); }
      else if (letters.length === 0) console.log("nothing: no record was refused");
      else {
        for (const line of table(letters)) console.log(line);
        if (older > 0) console.log(`and ${older} older ones; --max shows more`);
      }
      return;
    }
    case "show": {
      const [letter] = await named(read, ids, 1);
      if (values.json) return console.log(letterJson(letter!));
      const { record, ...rest } = letter!;
      for (const [name, value] of Object.entries(rest)) {
        console.log(
          `${name.padEnd(13)} ${typeof value === "string" ? value : JSON.stringify(value)}`,
        );
      }
      for (const [name, value] of Object.entries(record.headers)) {
        console.log(`  ${name}: ${value}`);
      }
      console.log(record.value === null ? "(no value)" : record.value.toString());
      return;
    }
    case "replay": {
      const all = values.all || values.reason !== undefined;
      if (all === ids.length > 0) {
        throw usage("name the ids that list prints, or --all, or --reason <code>");
      }
      const letters = all
        // what came back once is not asked for again by all
        ? (await read(
          (letter) => chosen(letter) && letter.replayedAtMs === null && letter.source !== null,
          LETTERS_MAX,
        ))
          .letters
        : await named(read, ids, LETTERS_MAX);
      const { send, keep } = sortOut(letters, Date.now());
      for (const { message } of keep) console.error(`dead-letter: ${message}`);
      const producer = new KafkaProducer(settings, log);
      try {
        await producer.send(send.map(({ record }) => record), AbortSignal.timeout(60_000));
      } finally {
        await producer.close();
      }
      console.log(`${send.length} sent again, ${keep.length} kept`);
      if (keep.length > 0) process.exitCode = 1;
      return;
    }
    default:
      throw usage(`${shown(command)} is not a command; use list, show or replay`);
  }
}

async function named(
  read: (wanted: (letter: Letter) => boolean, max: number) => ReturnType<typeof readLetters>,
  ids: readonly string[],
  idsMax: number,
): Promise<readonly Letter[]> {
  if (ids.length === 0 || ids.length > idsMax || !ids.every((id) => /^\d{1,18}$/.test(id))) {
    throw usage("name an id that list prints, a whole number");
  }
  const wanted = new Set(ids.map((id) => String(BigInt(id))));
  const { letters } = await read(({ id }) => wanted.has(id), idsMax);
  const found = new Set(letters.map(({ id }) => id));
  const missing = [...wanted].filter((id) => !found.has(id));
  if (missing.length > 0) {
    throw new Failure(
      "letter_missing",
      `no dead letter has the id ${
        missing.join(", ")
      }: list shows those there are; they are kept for 14 days`,
    );
  }
  return letters;
}

function flags() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        reason: { type: "string" },
        since: { type: "string" },
        json: { type: "boolean", default: false },
        all: { type: "boolean", default: false },
        max: { type: "string", default: "200" },
        data: { type: "string", default: fileURLToPath(new URL("../../.stofka", import.meta.url)) },
        kafka: { type: "string" },
        namespace: { type: "string", default: "" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function place(
  { data, kafka, namespace }: { data: string; kafka?: string | undefined; namespace: string },
): { readonly brokers: readonly string[]; readonly topic: string } {
  if (kafka !== undefined) {
    return {
      brokers: kafka.split(","),
      topic: topicName(toNamespace(namespace), TOPICS.deadLetter),
    };
  }
  // npm goes to the checkout; the user may stand elsewhere
  const folder = resolve(process.env["INIT_CWD"] ?? process.cwd(), data);
  const stack = readStackFile(folder);
  if (stack === undefined) {
    throw new Failure(
      "not_running",
      `no stack runs on ${folder}; start it with: npm start, or name --kafka`,
    );
  }
  return { brokers: stack.kafka.split(","), topic: stack.topics[TOPICS.deadLetter]! };
}

function since(text: string | undefined): number {
  if (text === undefined) return 0;
  const match = /^([1-9]\d{0,4})([smhd])$/.exec(text);
  if (match !== null) return Date.now() - Number(match[1]) * UNIT_MS[match[2]!]!;
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw usage(`--since ${shown(text)}: use an ISO time, or a number with s, m, h or d`);
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d{1,8}$/.test(text) && value >= min && value <= max) return value;
  throw usage(`--${name} ${shown(text)}: use a whole number from ${min} to ${max}`);
}

function usage(message: string): Failure {
  return new Failure("usage", `${message}; npm run dead-letter -- --help tells more`);
}

try {
  await main();
} catch (error) {
  const timeout = error instanceof Error &&
    (error.name === "TimeoutError" || error.name.startsWith("KafkaJS"));
  if (!(error instanceof Failure) && !timeout) throw error;
  console.error(`dead-letter: ${reason(error)}`);
  process.exitCode = 2;
}
