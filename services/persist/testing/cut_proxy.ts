import { connect, createServer, type Socket } from "node:net";

/** A TCP way to a server that a test can cut and mend, so that a server shared with other tests need not be stopped. */
export interface CutProxy {
  readonly port: number;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function cutProxy(host: string, port: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((inner) => {
    if (!open) return void inner.destroy();
    const outer = connect(port, host);
    for (const [from, to] of [[inner, outer], [outer, inner]] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => (sockets.delete(from), to.destroy()));
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    open = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut,
    mend: () => void (open = true),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
