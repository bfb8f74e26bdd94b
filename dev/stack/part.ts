/** One process of the stack: how to start it, when it is ready, how to end it. Says nothing of when: see supervisor.ts. */
export interface Part {
  /** Short and lower case, also its file names: `kafka`, `ingest`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the few variables every part gets (child_environment.ts). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Resolves when the part does its work; rejects with what is still missing. Asked again and again. */
  readonly ready: () => Promise<void>;
  /** The signal that means "finish what you do and end". */
  readonly stopSignal: "SIGTERM" | "SIGINT";
}

/** Ends in the order given; within a group all at once. Services first, so that they can still hand over what they hold. */
export type PartGroup = "service" | "exchange" | "server";
