import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** What a change is held to before anything is started: format, lint, types, layers and unit tests. No servers, half a minute. */
const checkout = fileURLToPath(new URL("../", import.meta.url));
const bin = join(checkout, "node_modules", ".bin");
const node = join(bin, "node");

const STEPS: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  {
    name: "format (npm run format mends it)",
    command: [process.execPath, "fmt", "--check", "--quiet"],
  },
  { name: "lint", command: [process.execPath, "lint", "--quiet"] },
  { name: "types", command: [node, join(checkout, "node_modules/typescript/bin/tsc"), "-b"] },
  {
    name: "layers and unit tests",
    command: [
      node,
      join(checkout, "node_modules/vitest/vitest.mjs"),
      "run",
      "--project=unit",
      "--reporter=dot",
    ],
  },
];

const failed: string[] = [];
for (const { name, command: [program, ...args] } of STEPS) {
  const begunMs = performance.now();
  const { status } = spawnSync(program!, args, {
    cwd: checkout,
    stdio: "inherit",
    env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
  });
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
  process.stdout.write(
    `  ${status === 0 ? "✓" : "✗"} ${name.padEnd(44)} ${seconds.padStart(6)} s\n`,
  );
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stdout.write(`\nnot ok: ${failed.join(", ")}\n`);
  process.exit(1);
}
process.stdout.write("\nok\n");
