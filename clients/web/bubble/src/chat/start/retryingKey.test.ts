import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { isServiceFault, retryingKey } from "./retryingKey.js";

describe("why a start has not got through yet", () => {
  it.each([
    [Code.Unavailable, "UNAVAILABLE", "interrupted"],
    [Code.ResourceExhausted, "OVERLOADED", "busy"],
    [Code.ResourceExhausted, "RATE_LIMITED", "busy"],
    [Code.Unavailable, undefined, "unreachable"],
    [Code.DeadlineExceeded, undefined, "unreachable"],
  ])("code %i with reason %s", (code, reason, key) => {
    expect(retryingKey({ code, reason })).toBe(`start:retrying.${key}`);
    expect(isServiceFault({ code })).toBe(true);
  });

  it("is nobody's fault but the service's only where it is", () => {
    for (const code of [Code.FailedPrecondition, Code.InvalidArgument, Code.NotFound]) {
      expect(isServiceFault({ code })).toBe(false);
    }
  });
});
