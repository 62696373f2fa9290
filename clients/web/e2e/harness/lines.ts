import type { Readable } from "node:stream";

/** Calls listener with every whole line that comes, without its end. */
export function onLines(stream: Readable, listener: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(listener);
  });
}
