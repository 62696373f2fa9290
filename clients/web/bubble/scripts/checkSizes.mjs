// Holds the web client to its sizes, as they go over the network to a browser that takes gzip: the loader, and what the
// chat needs before it can be used, which is its entry, what that imports, the style sheets of both, and one language.
// A kilobyte is 1024 bytes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { chatManifest, dist } from "./built.mjs";

const loaderLimit = 5 * 1024;
const chatLimit = 70 * 1024;

/** @param {string} file */
const size = (file) => gzipSync(readFileSync(join(dist, file)), { level: constants.Z_BEST_COMPRESSION }).length;

const manifest = chatManifest();

/**
 * The files of a chunk and of everything that it imports from the start.
 * @param {string} name
 * @param {Set<string>} files
 */
function collect(name, files) {
  const chunk = manifest[name];
  if (!chunk) {
    throw new Error(`the manifest has no ${name}`);
  }
  if (files.has(chunk.file)) {
    return files;
  }
  files.add(chunk.file);
  for (const css of chunk.css ?? []) {
    files.add(css);
  }
  for (const imported of chunk.imports ?? []) {
    collect(imported, files);
  }
  return files;
}

const entry = Object.keys(manifest).find((name) => manifest[name]?.isEntry);
if (!entry) {
  throw new Error("the manifest has no entry");
}
const first = collect(entry, new Set());
const languages = Object.keys(manifest).filter((name) => /(^|\/)i18n\/(fi|sv|en)\b/.test(name) && manifest[name]?.file);

let failed = false;
/**
 * Prints a figure, and fails when it is over its limit.
 * @param {string} what
 * @param {number} bytes
 * @param {number} limit
 */
function check(what, bytes, limit) {
  const over = bytes > limit;
  failed ||= over;
  const kilobytes = (bytes / 1024).toFixed(1);
  console.log(`${over ? "TOO LARGE" : "ok       "}  ${what}: ${kilobytes} of ${limit / 1024} KB, gzipped`);
}

check("loader", size("kupla-chat.js"), loaderLimit);
const start = [...first].map((file) => size(`chat/${file}`)).reduce((sum, bytes) => sum + bytes, 0);
const extra = languages.map((name) => {
  const more = [...collect(name, new Set())].filter((file) => !first.has(file));
  return { name, bytes: more.map((file) => size(`chat/${file}`)).reduce((sum, bytes) => sum + bytes, 0) };
});
if (extra.length !== 3) {
  console.log(
    `TOO FEW    languages with a chunk of their own: ${extra.map(({ name }) => name).join(", ") || "none"}; there are three`,
  );
  failed = true;
}
for (const { name, bytes } of extra) {
  check(`chat with ${name}`, start + bytes, chatLimit);
}
if (failed) {
  process.exitCode = 1;
}
