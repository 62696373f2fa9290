import { fileURLToPath } from "node:url";
import { defineConfig, type UserConfig } from "vite";
import { slimContract } from "./scripts/slimContract.ts";

/** Where kuplad embeds from: see server/internal/web. */
const dist = fileURLToPath(new URL("../../../server/internal/web/dist", import.meta.url));

/**
 * The oldest browsers served: everything the chat needs beyond ES2022 (Web Locks, BroadcastChannel, constructable
 * style sheets) is in Safari from 16.4, the last of them to have it.
 */
const target = ["es2022", "chrome109", "edge109", "firefox115", "safari16.4"];

const shared: UserConfig = {
  // The client's files are named and copied by us; nothing is served from a public folder.
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
};

/** The chat page: /chat/, with hashed assets in /chat/assets/ and a chunk for each language. */
const chat: UserConfig = {
  ...shared,
  plugins: [slimContract()],
  base: "/chat/",
  build: {
    target,
    outDir: `${dist}/chat`,
    emptyOutDir: true,
    assetsDir: "assets",
    // A data: URL would need a hole in the Content Security Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
    // The size check reads from it which files the first use needs; it is not served.
    manifest: true,
  },
};

/** The loader: one classic script of a lasting name, for host pages to name in a script tag. */
const loader: UserConfig = {
  ...shared,
  build: {
    target,
    outDir: dist,
    emptyOutDir: false,
    sourcemap: false,
    reportCompressedSize: false,
    lib: {
      entry: fileURLToPath(new URL("src/loader/main.ts", import.meta.url)),
      formats: ["iife"],
      name: "kuplaChat",
      fileName: () => "kupla-chat.js",
    },
  },
};

export default defineConfig(({ mode }) => (mode === "loader" ? loader : mode === "chat" ? chat : shared));
