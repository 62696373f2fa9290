import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { WatchQueuesResponseSchema, type WatchQueuesResponse } from "@kupla/contract/kupla/v1/queue_service_pb";
import { describe, expect, it } from "vitest";
import type { QueuesState } from "../src/index.js";
import { kit } from "./kit.js";
import { pass, settle, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

function queues(...ids: string[]): WatchQueuesResponse {
  return create(WatchQueuesResponseSchema, {
    frame: { case: "snapshot", value: { queues: ids.map((id) => ({ queue: { id }, status: { waitingCount: 0 } })) } },
  });
}

function status(queueId: string, waitingCount: number): WatchQueuesResponse {
  return create(WatchQueuesResponseSchema, { frame: { case: "status", value: { queueId, status: { waitingCount } } } });
}

function waiting(state: QueuesState) {
  return state.queues?.map(({ queue, status: now }) => [queue?.id, now?.waitingCount]);
}

describe("watching queues", () => {
  it("shows all queues in order, keeps them while the connection is lost, and goes on", async () => {
    const { kupla, service } = kit();
    const watch = kupla.watchQueues();
    expect(watch.state.value).toEqual({ connection: "connecting" });
    await settle();
    const [stream] = service.queueStreams;
    stream?.push(queues("b", "a"));
    await settle();
    const before = watch.state.value;
    stream?.push(status("a", 4), status("unknown", 9), create(WatchQueuesResponseSchema));
    await settle();
    expect(waiting(watch.state.value)).toEqual([
      ["b", 0],
      ["a", 4],
    ]);
    expect(waiting(before)).toEqual([
      ["b", 0],
      ["a", 0],
    ]);
    expect(watch.state.value.updateTime).toEqual(new Date());
    stream?.fail();
    await settle();
    expect(watch.state.value.connection).toBe("lost");
    expect(waiting(watch.state.value)).toEqual([
      ["b", 0],
      ["a", 4],
    ]);
    await pass(125);
    service.queueStreams[1]?.push(queues("a"));
    await settle();
    expect(watch.state.value.connection).toBe("open");
    expect(waiting(watch.state.value)).toEqual([["a", 0]]);
    watch.close();
    await settle();
    expect(service.queueStreams[1]?.open).toBe(false);
  });

  it("takes a stream for dead that is silent, and ends when told to", async () => {
    const { kupla, service } = kit();
    const watch = kupla.watchQueues();
    await settle();
    service.queueStreams[0]?.push(
      queues("a"),
      create(WatchQueuesResponseSchema, { frame: { case: "heartbeat", value: { interval: durationFromMs(2_000) } } }),
    );
    await pass(4_200);
    expect(service.queueStreams).toHaveLength(2);
    service.queueStreams[1]?.push(
      create(WatchQueuesResponseSchema, { frame: { case: "goAway", value: { reason: 6 } } }),
    );
    await settle();
    expect(watch.state.value).toMatchObject({ connection: "ended", ended: { reason: 6 } });
  });
});
