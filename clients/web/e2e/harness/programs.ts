import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = fileURLToPath(new URL("../../../..", import.meta.url));

/** The path of a program that `make test-browser` builds. */
export function program(name: string): string {
  const path = `${root}bin/${name}`;
  if (!existsSync(path)) {
    throw new Error(`bin/${name} is missing: run the tests with "make test-browser", which builds it.`);
  }
  return path;
}
