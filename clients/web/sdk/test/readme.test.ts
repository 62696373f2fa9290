import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { MemoryStorage } from "./memoryStorage.js";
import { Professional } from "./professional.js";
import { RealServer } from "./realServer.js";

let server: RealServer;
beforeAll(async () => {
  server = await RealServer.start();
});
afterAll(async () => {
  vi.unstubAllGlobals();
  await server?.close();
});

it("the example of the README chats with the real server, and goes on after a reload", async () => {
  const storage = new MemoryStorage();
  vi.stubGlobal("localStorage", storage);
  vi.stubGlobal("exampleUrl", server.url);
  const lines: string[] = [];
  vi.spyOn(console, "log").mockImplementation((...words: unknown[]) => void lines.push(words.join(" ")));
  const professional = new Professional(server);

  const { source } = (await import("virtual:readme-example" as string)) as { source: string };
  expect(source.trim().split("\n").length).toBeLessThanOrEqual(20);
  await vi.waitFor(() => expect(lines).toContain("me: It was last night."), 5_000);
  expect(lines).toContain("place 1");
  const id = [...storage.items.keys()].find((key) => key.startsWith("kupla.conversation."))?.split(".")[2] ?? "";
  await professional.take(id);
  await professional.send(id, "When was it?");
  await vi.waitFor(() => expect(lines).toContain("professional: When was it?"), 5_000);
  expect(lines.filter((line) => line.startsWith("me: "))).toEqual([
    "me: Hello, a tick bit my leg.",
    "me: It was last night.",
  ]);

  lines.length = 0;
  vi.resetModules(); // the page is loaded anew
  await import("virtual:readme-example" as string);
  await professional.close(id);
  await vi.waitFor(() => expect(lines).toContain("the end"), 5_000);
  expect(lines.filter((line) => line.includes(": "))).toEqual([
    "me: Hello, a tick bit my leg.",
    "me: It was last night.",
    "professional: When was it?",
  ]);
});
