import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What the gate answers itself instead of handing the request on. */
export interface GateAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A door before the exchange's REST interface that counts who goes through, and may answer in its place. */
export class Gate {
  /** Requests for candles, in the order of their coming. */
  readonly requests: { readonly atMs: number; readonly path: string }[] = [];
  /** Null hands the request on. */
  instead: (path: string) => GateAnswer | null = () => null;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param rest the exchange's, `http://127.0.0.1:<port>/v1` */
  static async start(rest: string): Promise<Gate> {
    const server = createServer(async (request, response) => {
      const path = request.url ?? "";
      const candles = path.startsWith("/v1/candles/");
      if (candles) gate.requests.push({ atMs: performance.now(), path });
      const instead = candles ? gate.instead(path) : null;
      if (instead !== null) {
        response.writeHead(instead.status, instead.headers).end(instead.body);
        return;
      }
      try {
        const answer = await fetch(new URL(path, rest));
        const headers: Record<string, string> = {};
        for (const name of ["date", "remaining-req"]) {
          const value = answer.headers.get(name);
          if (value !== null) headers[name] = value;
        }
        response.writeHead(answer.status, headers).end(await answer.text());
      } catch {
        response.destroy();
      }
    });
    const gate = new Gate(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return gate;
  }

  get rest(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** The most requests within any such time. */
  busiest(ms: number): number {
    const times = this.requests.map(({ atMs }) => atMs);
    return Math.max(
      0,
      ...times.map((from) => times.filter((at) => at >= from && at < from + ms).length),
    );
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
