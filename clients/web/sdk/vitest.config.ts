import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    {
      // The example of the README as a module, with the address that the test gives.
      name: "readme-example",
      resolveId: (id) => (id === "virtual:readme-example" ? "\0readme-example.ts" : undefined),
      load(id) {
        if (id !== "\0readme-example.ts") return undefined;
        const readme = readFileSync(new URL("README.md", import.meta.url), "utf8");
        const [, example = ""] =
          /<!-- The example is run by test\/readme\.test\.ts\. -->\n+```ts\n(.*?)```/s.exec(readme) ?? [];
        return `${example.replace('"https://chat.example"', "globalThis.exampleUrl")}\nexport const source = ${JSON.stringify(example)};`;
      },
    },
  ],
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/buildServer.ts"],
    // Every file undoes what it does to the world, so the files may share what they import.
    isolate: false,
    pool: "threads",
    // Tests against the real server wait for real disks and sockets.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
