import { Code } from "@connectrpc/connect";
import { KuplaError } from "@kupla/sdk";
import { describe, expect, it } from "vitest";

import { waitingKey } from "./waitingKey.js";

const waiting = (code: Code, reason?: string) =>
  ({ state: "waiting", error: new KuplaError("", { code, reason }) }) as const;

describe("what an unsent message waits for", () => {
  it.each([
    ["a service that says on its stream that it is interrupted", [{ state: "waiting" }], "interrupted", "interrupted"],
    ["a service that says so to the message", [waiting(Code.Unavailable, "UNAVAILABLE")], "open", "interrupted"],
    ["a service with too much to do", [waiting(Code.ResourceExhausted, "OVERLOADED")], "open", "busy"],
    ["who writes too fast", [waiting(Code.ResourceExhausted, "RATE_LIMITED")], "open", "busy"],
    ["the network", [waiting(Code.Unavailable)], "lost", "waiting"],
    [
      "the network, behind one that was refused",
      [{ state: "refused" }, waiting(Code.Unavailable)],
      "offline",
      "waiting",
    ],
  ] as const)("is %s", (_, outbox, connection, key) => {
    expect(waitingKey(outbox, connection)).toBe(`talk:outbox.${key}`);
  });
});
