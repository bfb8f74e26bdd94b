/** A command with its surroundings. */
export interface Job {
  /** Short and lower case, also its files' name: `kafka`, `ingest`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the few variables every process gets (child_environment.ts). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A process that is to run until the stack ends. */
export interface Part extends Job {
  /** Resolves when the part does its work; rejects with what is still missing. Asked again and again. */
  readonly ready: () => Promise<void>;
  /** The signal that means "finish what you do and end". */
  readonly stopSignal: "SIGTERM" | "SIGINT";
}
