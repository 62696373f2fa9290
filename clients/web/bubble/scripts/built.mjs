// What the scripts of the build know of what Vite built.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where kuplad embeds from. */
export const dist = fileURLToPath(new URL("../../../../server/internal/web/dist/", import.meta.url));

/**
 * What Vite tells of a chunk.
 * @typedef {{file: string, isEntry?: boolean, imports?: string[], dynamicImports?: string[], css?: string[]}} Chunk
 */

/**
 * The chunks of the chat, by their sources.
 * @returns {Record<string, Chunk>}
 */
export function chatManifest() {
  return JSON.parse(readFileSync(`${dist}chat/.vite/manifest.json`, "utf8"));
}
