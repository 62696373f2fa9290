// What is left to do when Vite has built: the themes are copied, and everything that is text is compressed, so that kuplad
// need not do so for each resident. The same sources give the same bytes.

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { dist } from "./built.mjs";

const themes = fileURLToPath(new URL("../themes/", import.meta.url));
const compressed = new Set([".br", ".gz"]);
const texts = new Set([".html", ".js", ".css", ".svg", ".txt"]);

rmSync(join(dist, "chat/themes"), { recursive: true, force: true });
mkdirSync(join(dist, "chat/themes"), { recursive: true });
if (existsSync(themes)) {
  for (const name of readdirSync(themes)) {
    copyFileSync(join(themes, name), join(dist, "chat/themes", name));
  }
}

/**
 * Compresses what is in a folder, and the folders in it.
 * @param {string} folder
 */
function compress(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".")) {
      continue;
    }
    if (entry.isDirectory()) {
      compress(path);
    } else if (texts.has(extname(path))) {
      const data = readFileSync(path);
      const parameters = {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
      };
      writeFileSync(`${path}.br`, brotliCompressSync(data, { params: parameters }));
      writeFileSync(`${path}.gz`, gzipSync(data, { level: constants.Z_BEST_COMPRESSION }));
    } else if (compressed.has(extname(path)) && !existsSync(path.slice(0, -3))) {
      // Of a file that an earlier build made.
      rmSync(path);
    }
  }
}

compress(dist);
