import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The server program. */
    kuplad: string;
  }
}

/** Builds the real server once for all tests, in a place where Go finds it again and need not link it anew. */
export default async function setup(project: TestProject): Promise<void> {
  const root = fileURLToPath(new URL("../../../../", import.meta.url));
  const kuplad = join(root, "node_modules/.cache/kupla-sdk/kuplad");
  await promisify(execFile)("go", ["build", "-o", kuplad, "./server/cmd/kuplad"], { cwd: root });
  project.provide("kuplad", kuplad);
}
