import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * A TCP proxy between a browser and the server that can be cut, stalled and made to refuse, as networks do. The browser
 * knows the service by the proxy's origin only.
 */
export class CutProxy {
  /** The origin that the browser is to use. */
  origin = "";

  #mode: "open" | "refusing" | "stalled" | "muted" = "open";
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();

  private constructor(target: URL) {
    this.#server = createServer((client) => {
      // Refused before anything was said; nothing was listening, as far as the browser can tell.
      if (this.#mode === "refusing") {
        client.destroy();
        return;
      }
      const server = connect(Number(target.port), target.hostname);
      const pair: [Socket, Socket] = [client, server];
      this.#pairs.add(pair);
      const end = () => {
        this.#pairs.delete(pair);
        client.destroy();
        server.destroy();
      };
      for (const socket of pair) {
        socket.setNoDelay(true);
        socket.on("close", end);
        socket.on("error", end);
      }
      client.pipe(server);
      server.pipe(client);
      if (this.#mode === "stalled") this.#hold(pair);
      if (this.#mode === "muted") this.#mute(pair);
    });
  }

  /** Opens a proxy to a server. */
  static async create(target: string): Promise<CutProxy> {
    const proxy = new CutProxy(new URL(target));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.origin = `http://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`;
    return proxy;
  }

  /** Cuts every connection that stands. New ones are let through. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Cuts every connection, and refuses new ones until {@link open}. */
  refuse(): void {
    this.#mode = "refusing";
    this.cut();
  }

  /** Lets nothing through any more, and tells nobody: what stood stands, and new connections get no answer. */
  stall(): void {
    this.#mode = "stalled";
    for (const pair of this.#pairs) this.#hold(pair);
  }

  /** Lets through what the browser says, and none of the answers: they are lost on the way back. */
  mute(): void {
    this.#mode = "muted";
    for (const pair of this.#pairs) this.#mute(pair);
  }

  /** Lets everything through again, also what was held back. */
  open(): void {
    this.#mode = "open";
    for (const [client, server] of this.#pairs) {
      client.pipe(server);
      server.pipe(client);
    }
  }

  /** Ends the proxy. */
  async close(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #mute([client, server]: [Socket, Socket]): void {
    server.unpipe(client);
    server.pause();
  }

  #hold([client, server]: [Socket, Socket]): void {
    client.unpipe(server);
    server.unpipe(client);
    client.pause();
    server.pause();
  }
}
