import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

/** Takes away the limits that hundreds of messages within seconds would meet, and lets silence tell soon. */
const configuration = `
times:
  heartbeat: 2s
limits:
  address_starts: {per_second: -1}
  address_calls: {per_second: -1}
  token_calls: {per_second: -1}
  token_sends: {per_second: -1}
  conversation_sends: {per_second: -1}
  conversation_ephemerals: {per_second: -1}
  waiting_per_address: 100000
  streams_per_address: -1
`;

/** The real server with its demonstration, in a process of its own, on data that outlives it. */
export class RealServer {
  /** Where it serves now. */
  port = 0;
  /** The token of a professional who serves every queue that the tests use. */
  staffToken = "";
  #process: ChildProcess | undefined;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<RealServer> {
    const folder = await mkdtemp(join(tmpdir(), "kupla-web-sdk-data-"));
    await writeFile(join(folder, "kuplad.yaml"), configuration);
    const server = new RealServer(folder);
    await server.run();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Runs the program, on another port than before, and waits until it says where. */
  async run(): Promise<void> {
    const child = spawn(
      inject("kuplad"),
      ["demo", "--data", this.#folder, "--listen", "127.0.0.1:0", "--config", join(this.#folder, "kuplad.yaml")],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#process = child;
    let output = "";
    await new Promise<void>((resolve, reject) => {
      const read = (data: Buffer) => {
        output += data.toString();
        const port = /\b127\.0\.0\.1:(\d+)/.exec(output)?.[1];
        const token = /professional of [^\n]*emergency-help[^\n]*\n\s+export KUPLA_TOKEN=(\S+)\n/.exec(output)?.[1];
        if (port === undefined || token === undefined) return;
        this.port = Number(port);
        this.staffToken = token;
        resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read); // read, or the program would wait for a reader
      child.once("exit", () => reject(new Error(`kuplad ended:\n${output}`)));
    });
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Asks it to stop, and waits until it has. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it and removes its data. */
  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }
}
