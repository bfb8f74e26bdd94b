import { createInterface } from "node:readline/promises";

/** Asks on the terminal. An empty answer is the default; so is the end of the input. */
export async function askYes(question: string, byDefault: "yes" | "no"): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("no")));
  try {
    return isYes(await Promise.race([terminal.question(question), closed]), byDefault);
  } finally {
    terminal.close();
  }
}

/** `y`, `yes`, `예`, `네`, in any case. */
export function isYes(answer: string, byDefault: "yes" | "no"): boolean {
  const text = answer.trim();
  return text === "" ? byDefault === "yes" : /^(?:y|yes|예|네)$/i.test(text);
}
