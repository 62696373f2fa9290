import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A network that fails on command, between a client and a server. */
export class CuttingProxy {
  /** Where the server is. Connections made from now on go there. */
  target: number;
  /** How many connections were cut. */
  cuts = 0;
  #mode: "pass" | "refuse" | "stall" = "pass";
  readonly #pairs = new Set<Pair>();
  readonly #abandoned = new Set<Pair>();
  readonly #server: Server;

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async listen(target: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection at once. */
  cut(): void {
    for (const pair of [...this.#pairs]) this.#cut(pair);
  }

  /** Cuts each open connection once it has brought so many more bytes, in the middle of whatever that is. */
  cutAfter(bytes: number): void {
    for (const pair of this.#pairs) pair.allowance = bytes;
  }

  /** Cuts everything, and every connection that is made until {@link pass}. */
  refuse(): void {
    this.#mode = "refuse";
    this.cut();
  }

  /** Keeps all connections open and lets nothing through until {@link pass}. */
  stall(): void {
    this.#mode = "stall";
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** Lets new connections through again, and leaves those that are open as they are: nobody tells that they are dead. */
  abandon(): void {
    this.#mode = "pass";
    for (const pair of this.#pairs) this.#abandoned.add(pair);
    this.#pairs.clear();
  }

  /** Lets everything through again. */
  pass(): void {
    this.#mode = "pass";
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  async close(): Promise<void> {
    this.cut();
    for (const pair of this.#abandoned) this.#end(pair);
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    if (this.#mode === "refuse") {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.target, "127.0.0.1");
    const pair: Pair = { client, server, allowance: Number.POSITIVE_INFINITY };
    this.#pairs.add(pair);
    server.on("data", (data) => {
      if (data.length < pair.allowance) {
        pair.allowance -= data.length;
        client.write(data);
        return;
      }
      client.write(data.subarray(0, pair.allowance), () => this.#cut(pair));
    });
    client.on("data", (data) => server.write(data));
    for (const socket of [client, server]) {
      socket.on("error", () => this.#end(pair));
      socket.on("close", () => this.#end(pair));
    }
    if (this.#mode === "stall") {
      client.pause();
      server.pause();
    }
  }

  #cut(pair: Pair): void {
    if (!this.#pairs.has(pair)) return;
    this.cuts++;
    this.#end(pair);
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    this.#abandoned.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }
}

interface Pair {
  client: Socket;
  server: Socket;
  /** How many bytes more the client gets. */
  allowance: number;
}
