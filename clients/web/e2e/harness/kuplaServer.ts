import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { onLines } from "./lines.ts";
import { program } from "./programs.ts";

/** How long a server may take to serve. Generous: the machine may be busy with another test's browser. */
const startsWithin = 30_000;

/** The server under test: `kuplad demo` in a process and a folder of its own. It can be killed and started again. */
export class KuplaServer {
  /** Where it serves, such as `http://127.0.0.1:40123`. The same after a restart. */
  origin = "";

  #process: ChildProcess | undefined;
  readonly #tokens = new Map<string, string>();
  /** What it said last, to show when a test fails. */
  readonly #said: string[] = [];

  private constructor(
    readonly folder: string,
    /** By how much the server's clock differs from the machine's, in milliseconds; undefined has no clock of its own. */
    private offset: number | undefined,
  ) {}

  /**
   * Starts a server on an empty database, with the settings of a configuration file. With a time, it is then for the
   * server, and it can be moved on with {@link pass}: for what takes minutes, and for pictures that stay the same.
   */
  static async create(settings = "", time?: Date): Promise<KuplaServer> {
    const offset = time === undefined ? undefined : time.getTime() - Date.now();
    const server = new KuplaServer(await mkdtemp(join(tmpdir(), "kupla-e2e-")), offset);
    await writeFile(join(server.folder, "kuplad.yaml"), settings);
    await server.#writeClock();
    await server.start();
    return server;
  }

  /** The time for the server. */
  get now(): Date {
    return new Date(Date.now() + (this.offset ?? 0));
  }

  /** Moves the server's clock on. */
  async pass(milliseconds: number): Promise<void> {
    if (this.offset === undefined) throw new Error("this server goes by the machine's clock");
    this.offset += milliseconds;
    await this.#writeClock();
    // The server looks at its clock fifty times a second.
    await setTimeout(100);
  }

  async #writeClock(): Promise<void> {
    if (this.offset === undefined) return;
    const file = join(this.folder, "clock");
    // Whole seconds; renamed into place, so that half a line is never read.
    await writeFile(`${file}.new`, `${Math.round(this.offset / 1000)}s`);
    await rename(`${file}.new`, file);
  }

  /** Starts the server, on the data and at the address it had before. */
  async start(): Promise<void> {
    const listen = this.origin === "" ? "127.0.0.1:0" : new URL(this.origin).host;
    const child = spawn(
      program(this.offset === undefined ? "kuplad" : "kuplad-clock"),
      ["demo", "--listen", listen, "--data", join(this.folder, "data"), "--config", join(this.folder, "kuplad.yaml")],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, KUPLAD_CLOCK_FILE: join(this.folder, "clock") },
      },
    );
    this.#process = child;
    let name = "";
    await new Promise<void>((resolve, reject) => {
      const late = global.setTimeout(() => reject(new Error(`kuplad does not serve:\n${this.said()}`)), startsWithin);
      child.once("exit", (code) => {
        clearTimeout(late);
        reject(new Error(`kuplad ended with ${code} before it served:\n${this.said()}`));
      });
      onLines(child.stderr, (line) => this.#hear(line));
      onLines(child.stdout, (line) => {
        this.#hear(line);
        const address = /demonstration is at (http:\/\/\S+?:\d+)/.exec(line)?.[1];
        if (address !== undefined) this.origin = address;
        name = /^ {2}(\S[^:]+): /.exec(line)?.[1] ?? name;
        const token = /export KUPLA_TOKEN=(\S+)/.exec(line)?.[1];
        if (token !== undefined) this.#tokens.set(name, token);
        // The last thing that it prints.
        if (line.includes("cmd/kupla desk")) {
          clearTimeout(late);
          resolve();
        }
      });
    });
  }

  /** The token of a demonstration person, by a part of the name, such as "Kaisa". */
  token(part: string): string {
    for (const [name, token] of this.#tokens) {
      if (name.includes(part)) return token;
    }
    throw new Error(`nobody called ${part} among ${[...this.#tokens.keys()].join(", ")}`);
  }

  /** Ends the process as a power cut would: nothing is flushed, nothing is told. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends the process and removes its data. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What the server said lately. */
  said(): string {
    return this.#said.join("\n");
  }

  #hear(line: string): void {
    this.#said.push(line.replace(/(KUPLA_TOKEN=)\S+/, "$1…"));
    if (this.#said.length > 200) this.#said.shift();
  }
}
