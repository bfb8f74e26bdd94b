import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "#core/lifecycle.ts";
import { initKafka, type KafkaOptions, kafkaPart } from "../../../dev/stack/kafka_broker.ts";
import type { Job } from "../../../dev/stack/part.ts";
import { tied } from "../../../tests/tied.ts";
import { testServers } from "../../../tests/servers.ts";

/** A broker that a test may kill or freeze: one of its own, as the local stack runs it, in a temporary folder. */
export class KafkaProcess {
  readonly #options: KafkaOptions;
  #child: ChildProcess | null = null;

  private constructor(options: KafkaOptions) {
    this.#options = options;
  }

  static async start(): Promise<KafkaProcess> {
    const { javaHome, kafkaHome } = testServers();
    const kafka = new KafkaProcess({
      java: join(javaHome, "bin", "java"),
      jars: kafkaHome,
      folder: mkdtempSync(join(tmpdir(), "stofka-kafka-")),
      port: await freePort(),
      controllerPort: await freePort(),
    });
    await initKafka(kafka.#options, async (job) => {
      const [code] = await once(run(job), "exit");
      if (code !== 0) throw new Error(`${job.name} ended with ${code}`);
    });
    await kafka.restart();
    return kafka;
  }

  get brokers(): readonly string[] {
    return [`127.0.0.1:${this.#options.port}`];
  }

  /** Resolves when it serves. */
  async restart(): Promise<void> {
    const part = kafkaPart(this.#options);
    this.#child = run(part);
    const limit = AbortSignal.timeout(180_000);
    for (;;) {
      try {
        return await part.ready();
      } catch (error) {
        if (limit.aborted) throw error;
        await sleep(200, limit);
      }
    }
  }

  /** kill -9 */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** It answers nothing more and its connections stay open, as on a machine that swaps, or a virtual one that is moved. */
  freeze(): void {
    this.#child!.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child!.kill("SIGCONT");
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#options.folder, { recursive: true, force: true });
  }
}

function run({ command, args, cwd }: Job): ChildProcess {
  return tied(spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), stdio: "ignore" }));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
