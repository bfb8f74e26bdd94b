/** How to run a module of ours: with Deno and just these permissions, or with Node where the stack itself runs on Node. */
export interface Runtime {
  readonly name: "deno" | "node";
  command(
    permissions: readonly string[],
    module: string,
    args?: readonly string[],
  ): { readonly command: string; readonly args: readonly string[] };
  readonly env: Readonly<Record<string, string>>;
}

/** The runtime that runs this very code. `cache` is where Deno keeps what it compiled. */
export function ownRuntime(cache: string): Runtime {
  const isDeno = "Deno" in globalThis;
  return {
    name: isDeno ? "deno" : "node",
    command: (permissions, module, args = []) => ({
      command: process.execPath,
      args: isDeno
        ? ["run", "--no-prompt", "--cached-only", ...permissions, module, ...args]
        : [module, ...args],
    }),
    env: isDeno
      ? { DENO_DIR: `${cache}/deno`, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" }
      : { NO_COLOR: "1" },
  };
}
