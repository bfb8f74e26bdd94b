import { spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tied } from "../tests/tied.ts";
import { permissionsOf, SERVICE_NAMES } from "./permissions.ts";

/**
 * What a service that was taken over could do: a probe runs under Deno with exactly the flags of each service and tries.
 * Each refusal is held against the same step with permission, so that a step which fails for another reason is seen.
 */

const folder = mkdtempSync(join(tmpdir(), "stofka-permissions-"));
const probe = join(folder, "probe.ts");
let neighbour: Server;
let stranger: Server;

const portOf = (server: Server): number => (server.address() as { port: number }).port;

async function listening(): Promise<Server> {
  const server = createServer((socket) => socket.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

beforeAll(async () => {
  [neighbour, stranger] = await Promise.all([listening(), listening()]);
  writeFileSync(
    probe,
    `
    const steps = {
      neighbour: () => Deno.connect({ hostname: "127.0.0.1", port: Number(Deno.args[0]) }).then((c) => c.close()),
      stranger: () => Deno.connect({ hostname: "127.0.0.1", port: Number(Deno.args[1]) }).then((c) => c.close()),
      listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
      read: () => Deno.readTextFile("/etc/hostname"),
      readWeb: () => Deno.readTextFile(Deno.args[2] + "/probe.ts"),
      write: () => Deno.writeTextFile(Deno.args[2] + "/written", ""),
      run: () => new Deno.Command("/bin/true").output(),
      setting: () => Deno.env.get("KAFKA_BROKERS"),
      environment: () => { if (Deno.env.get("HOME") === undefined) throw new Deno.errors.NotCapable(); },
      native: () => Deno.dlopen("libc.so.6", {}).close(),
    };
    const outcome = {};
    for (const [name, step] of Object.entries(steps)) {
      try { await step(); outcome[name] = "allowed"; }
      catch (error) { outcome[name] = error instanceof Deno.errors.NotCapable ? "denied" : String(error); }
    }
    console.log(JSON.stringify(outcome));
    `,
  );
});

afterAll(() => {
  neighbour.close();
  stranger.close();
  rmSync(folder, { recursive: true });
});

const deno = new URL("../node_modules/.bin/deno", import.meta.url).pathname;

async function outcome(flags: readonly string[]): Promise<Record<string, string>> {
  const child = tied(
    spawn(deno, ["run", "--no-prompt", "--no-config", ...flags, probe, ...args()], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, KAFKA_BROKERS: "x" },
    }),
  );
  let text = "";
  child.stdout.on("data", (chunk) => text += chunk);
  await once(child, "exit");
  return JSON.parse(text) as Record<string, string>;
}

const args = (): string[] => [String(portOf(neighbour)), String(portOf(stranger)), folder];

const settings = (): Record<string, string> => ({
  KAFKA_BROKERS: `127.0.0.1:${portOf(neighbour)}`,
  OPS_PORT: "1",
});

describe("permissions", () => {
  test.each(SERVICE_NAMES)(
    "%s reaches its neighbours and its settings, and nothing else",
    async (name) => {
      expect(await outcome(permissionsOf(name, settings()))).toEqual({
        neighbour: "allowed",
        setting: "allowed",
        stranger: "denied",
        listen: "denied",
        read: "denied",
        readWeb: "denied",
        write: "denied",
        run: "denied",
        environment: "denied",
        native: "denied",
      });
    },
  );

  test("stream reads the page's folder, and writes nothing there", async () => {
    const found = await outcome(permissionsOf("stream", { ...settings(), WEB_ROOT: folder }));
    expect(found).toMatchObject({ readWeb: "allowed", read: "denied", write: "denied" });
  });

  test("with all permissions every step of the probe succeeds, so a refusal above is one", async () => {
    expect(new Set(Object.values(await outcome(["--allow-all"])))).toEqual(new Set(["allowed"]));
  });

  test("no service may start programs, write files or load native code", () => {
    for (const name of SERVICE_NAMES) {
      const flags = permissionsOf(name, { ...settings(), WEB_ROOT: folder }).join(" ");
      expect(flags).not.toMatch(
        /--allow-(?:all|run|write|ffi)|-A\b|--allow-(?:net|env|read|sys)(?:\s|$)/,
      );
    }
  });

  test.each(SERVICE_NAMES)("every setting that %s reads may be read", (name) => {
    const source = readFileSync(new URL(`${name}/config.ts`, import.meta.url), "utf8");
    const read = [...source.matchAll(/"([A-Z]+(?:_[A-Z]+)*)"/g)].map(([, setting]) => setting!);
    const allowed = permissionsOf(name, {}).find((flag) => flag.startsWith("--allow-env="))!
      .slice("--allow-env=".length).split(",");
    expect(read.length).toBeGreaterThan(3);
    expect(read.filter((setting) => !allowed.includes(setting))).toEqual([]);
  });
});
