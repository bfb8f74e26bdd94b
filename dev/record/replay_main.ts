import { resolve } from "node:path";
import process from "node:process";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Failure, reason } from "#core/failure.ts";
import { readRecording, recordingFiles } from "./recording_reader.ts";

const HELP = `npm run replay -- --file <recording> [options]

Sends a recording through the real pipeline, frame by frame and byte for byte, into a namespace of its own, and shows it on the
page under its recorded times. The same recording gives the same tables, however often and fast it is played.

  --file <file or folder>   of npm run record; or a raw capture of trades (a line a frame: seconds: b'json')
  --speed 1                 recorded seconds per second, up to 1000; at most 4000 frames a second
  --name <name>             of the namespace, replay-<name>.; otherwise the file's. Another name plays into another table
  --data <folder>           where it is kept; otherwise .stofka/replay, beside a running Stofka's own data
  --look                    only say what the recording holds
  and --markets, --port, --detach, --reset, --yes, --no-install as npm start has them

한국어: 녹화를 실제 파이프라인으로 별도 네임스페이스에 재생합니다. 같은 녹화는 언제나 같은 테이블이 됩니다.
`;

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  const standing = process.env["INIT_CWD"] ?? process.cwd();
  const { file, data, rest } = split(args);
  if (file === undefined) {
    throw new Failure(
      "usage",
      "--file <recording> is missing; npm run replay -- --help tells more",
    );
  }
  const path = resolve(standing, file);
  await look(recordingFiles(path));
  if (rest.includes("--look")) return 0;
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const folder = data === undefined ? resolve(checkout, ".stofka/replay") : resolve(standing, data);
  const stack = resolve(checkout, "dev/stack/main.ts");
  const start = ["start", "--exchange", `replay:${path}`, "--data", folder, ...rest];
  const child = spawn(
    process.execPath,
    ["Deno" in globalThis ? ["run", "-A", "--cached-only", stack] : [stack], start].flat(),
    { cwd: standing, stdio: "inherit" },
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  return await new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 1)));
}

/** Our own flags; all others are those of npm start. */
function split(args: readonly string[]): {
  readonly file: string | undefined;
  readonly data: string | undefined;
  readonly rest: readonly string[];
} {
  const rest: string[] = [];
  const own: Record<string, string> = {};
  for (let at = 0; at < args.length; at++) {
    const [, name, value] = /^--(file|data)(?:=(.*))?$/.exec(args[at]!) ?? [];
    if (name === undefined) rest.push(args[at]!);
    else own[name] = value ?? args[++at] ?? "";
  }
  return { file: own["file"], data: own["data"], rest };
}

/** What it holds, in a few lines. @throws Failure when that is nothing */
async function look(files: readonly string[]): Promise<void> {
  let [frames, candles, firstMs, lastMs, breaks] = [0, 0, Infinity, 0, 0];
  for (const file of files) {
    const damaged = (kind: string): void =>
      console.log(`  ${file} is ${kind}: read as far as it goes`);
    for await (const { kind, atMs, payload } of readRecording(file, ({ kind }) => damaged(kind))) {
      if (kind === "down") breaks++;
      if (kind !== "frame") continue;
      frames++;
      if (/"candle\.1s"/.test(payload.toString("latin1", 0, 128))) candles++;
      [firstMs, lastMs] = [Math.min(firstMs, atMs), Math.max(lastMs, atMs)];
    }
  }
  if (frames === 0) throw new Failure("recording_empty", `${files.join(", ")} holds no frame`);
  const times = `${new Date(firstMs).toISOString()} to ${new Date(lastMs).toISOString()}`;
  console.log(
    `  ${frames} frames, ${candles} of them second candles, ${times}; ${breaks} breaks of the link`,
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`replay: ${reason(error)}`);
  process.exitCode = 2;
}
