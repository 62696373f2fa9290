import { Code } from "@connectrpc/connect";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { describe, expect, it } from "vitest";
import type { ChatState } from "../src/index.js";
import { FakeBrowser } from "./fakeBrowser.js";
import { frame, me, posted, refusal, snapshot } from "./fakeService.js";
import { type Kit, kit, opened } from "./kit.js";
import { pass, settle, sleep, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

function lost(): never {
  throw new Error("no network");
}

/** A conversation that stood, with a message that has failed for so long that every pause is at its longest. */
async function longLost(tab: Kit) {
  const conversation = await opened(tab);
  tab.service.stream.push(snapshot("s", 0));
  await settle();
  tab.service.onFollow = lost;
  tab.service.onSend = lost;
  tab.service.stream.fail();
  conversation.send("Hei");
  await pass(60_000);
  expect(conversation.state.value).toMatchObject({ connection: "lost", outbox: [{ state: "waiting" }] });
  return conversation;
}

/** Lets the pause of the stream end. */
async function untilTried({ retryTime }: ChatState): Promise<void> {
  await pass((retryTime?.getTime() ?? 0) - Date.now());
}

/** Lets everything through again, and nobody is told of it. */
function heal({ service }: Kit): void {
  service.onFollow = () => {};
  service.onSend = () => 1;
}

describe("after a lost connection", () => {
  it("a message that was sent into the network before goes at once when there is another one", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    tab.service.onSend = () => new Promise(() => {});
    conversation.send("Hei");
    await settle();
    heal(tab);
    tab.page.signal("online");
    await settle();
    expect(tab.service.sends).toHaveLength(2);
    expect(tab.service.sends[1]?.requestId).toBe(tab.service.sends[0]?.requestId);
    tab.service.stream.push(snapshot("s", 1), posted(1, "Hei", me));
    await settle();
    expect(conversation.state.value.outbox).toEqual([]);
  });

  it("a message that was sent while the phone was locked does not wait when it is looked at", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    tab.service.onSend = () => new Promise(() => {});
    conversation.send("Hei");
    await settle();
    tab.page.signal("shown"); // it may still be answered
    await settle();
    expect(tab.service.sends).toHaveLength(1);
    await sleep(10_000);
    expect(tab.service.sends).toHaveLength(1);
    tab.page.signal("shown");
    await settle();
    expect(tab.service.sends).toHaveLength(2);
  });

  it("no message waits for the end of its pause when the stream is back", async () => {
    const tab = kit();
    const conversation = await longLost(tab);
    tab.service.onFollow = () => {};
    await untilTried(conversation.state.value);
    heal(tab);
    const sends = tab.service.sends.length;
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    expect(conversation.state.value.connection).toBe("open");
    expect(tab.service.sends).toHaveLength(sends + 1);
  });

  it("the stream does not wait for the end of its pause when a message was answered", async () => {
    const tab = kit();
    const conversation = await longLost(tab);
    await untilTried(conversation.state.value);
    heal(tab);
    await pass(2_600); // as long as a pause of the outbox, and a third of one of the stream
    expect(tab.service.streams).toHaveLength(2);
    tab.service.stream.push(snapshot("s", 1), posted(1, "Hei", me));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "open", outbox: [] });
  });

  it("a first try that came too soon is followed by others at once", async () => {
    const tab = kit();
    const conversation = await longLost(tab);
    tab.page.signal("online"); // so says the browser; there is no answer yet
    await settle();
    heal(tab);
    await pass(125);
    tab.service.stream.push(snapshot("s", 1), posted(1, "Hei", me));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "open", outbox: [] });
  });

  it("an attempt to connect that nobody answers is given up as soon as a call would be", async () => {
    const tab = kit();
    await opened(tab);
    await pass(9_900);
    expect(tab.service.streams).toHaveLength(1);
    await pass(300);
    expect(tab.service.streams.map(({ open }) => open)).toEqual([false, true]);
  });
});

describe("trying now", () => {
  it("ends the pauses of the stream and of the outbox", async () => {
    const tab = kit();
    const conversation = await longLost(tab);
    heal(tab);
    const sends = tab.service.sends.length;
    conversation.tryNow();
    await settle();
    expect(tab.service.sends).toHaveLength(sends + 1);
    tab.service.stream.push(snapshot("s", 1), posted(1, "Hei", me));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "open", outbox: [] });
  });

  it("is not sooner than the service wants to be asked again", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    tab.service.onFollow = () => {
      throw refusal(Code.Unavailable, "OVERLOADED", { retryMs: 20_000 });
    };
    tab.service.stream.fail();
    await pass(1_000);
    heal(tab);
    conversation.tryNow();
    await pass(15_000);
    expect(tab.service.streams).toHaveLength(1);
    await pass(5_000);
    expect(tab.service.streams).toHaveLength(2);
  });

  it("leaves alone what works, and what has only just begun", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    conversation.tryNow();
    await settle();
    expect(tab.service.streams).toHaveLength(1);
    tab.service.stream.push(snapshot("s", 0));
    await pass(5_000);
    conversation.tryNow();
    await settle();
    expect(tab.service.streams.map(({ open }) => open)).toEqual([true]);
  });

  it("gives up an attempt to connect that is not answered", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    await pass(2_000);
    conversation.tryNow();
    await settle();
    expect(tab.service.streams.map(({ open }) => open)).toEqual([false, true]);
  });

  it("brings back what was open in too many windows", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    const away = frame("a", { case: "goAway", value: { reason: GoAwayReason.SUPERSEDED } });
    tab.service.stream.push(snapshot("s", 0), away);
    await pass(60_000);
    expect(conversation.state.value.connection).toBe("ended");
    conversation.tryNow();
    await settle();
    tab.service.stream.push(snapshot("s", 0));
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "open", ended: undefined });
  });

  it("is done by the tab that follows, whichever was asked", async () => {
    const browser = new FakeBrowser();
    const options = { locks: browser.locks, openChannel: browser.openChannel };
    const leader = kit(options);
    const other = kit(options, { service: leader.service, storage: leader.storage });
    const asked = await opened(leader).then(() => opened(other));
    leader.service.stream.push(snapshot("s", 0));
    await settle();
    leader.service.onFollow = lost;
    leader.service.stream.fail();
    await pass(60_000);
    expect(asked.state.value.connection).toBe("lost");
    heal(leader);
    asked.tryNow();
    await settle();
    leader.service.stream.push(snapshot("s", 0));
    await settle();
    expect(asked.state.value.connection).toBe("open");
    expect(leader.service.streams).toHaveLength(2);
  });

  it("ends the pause of the queues", async () => {
    const tab = kit();
    tab.service.onFollow = lost;
    const watch = tab.kupla.watchQueues();
    await pass(60_000);
    expect(watch.state.value.connection).toBe("lost");
    heal(tab);
    watch.tryNow();
    await settle();
    expect(tab.service.queueStreams).toHaveLength(1);
    watch.close();
    await settle();
    expect(tab.page.listeners).toBe(0);
  });
});
