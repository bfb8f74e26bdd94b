/** Where the start shows what it does. */
export interface Progress {
  /** Runs the work and shows its name with its seconds; a long one also while it runs. */
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  say(text: string): void;
}

const STILL_EVERY_MS = 15_000;

/** Lines, never a moving bar: they read the same on a terminal, in a log and in CI. */
export function progressTo(write: (text: string) => void, nowMs: () => number): Progress {
  return {
    step: async (name, work) => {
      const begunMs = nowMs();
      const timer = setInterval(() => {
        write(`  … ${name}: ${secondsText(nowMs() - begunMs)} so far\n`);
      }, STILL_EVERY_MS);
      try {
        const result = await work();
        write(stepLine("✓", name, nowMs() - begunMs));
        return result;
      } catch (error) {
        write(stepLine("✗", name, nowMs() - begunMs));
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
    say: (text) => write(`${text}\n`),
  };
}

/** `  ✓ PostgreSQL with pg_cron           3.1 s` */
export function stepLine(sign: string, name: string, tookMs: number): string {
  return `  ${sign} ${name.padEnd(44)} ${secondsText(tookMs).padStart(8)}\n`;
}

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
