import { Code } from "@connectrpc/connect";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { describe, expect, it } from "vitest";
import { FakeBrowser } from "./fakeBrowser.js";
import { frame, me, posted, professional, refusal, snapshot } from "./fakeService.js";
import { type Kit, kit, opened, sequences, texts } from "./kit.js";
import { pass, settle, useVirtualTime } from "./virtualTime.js";

useVirtualTime();

/** Makes tabs of one browser. */
function tabs(count: number): { browser: FakeBrowser; first: Kit; all: Kit[] } {
  const browser = new FakeBrowser();
  const options = { locks: browser.locks, openChannel: browser.openChannel };
  const first = kit(options);
  const all = [first];
  while (all.length < count) all.push(kit(options, { service: first.service, storage: first.storage }));
  return { browser, first, all };
}

const closed = frame("away", { case: "goAway", value: { reason: GoAwayReason.CONVERSATION_CLOSED } });

describe("tabs", () => {
  it("take one stream for all, and all know the same", async () => {
    const { first, all } = tabs(3);
    const [one, two] = await Promise.all(all.slice(0, 2).map(opened));
    first.service.stream.push(
      snapshot("s", 2),
      posted(1),
      posted(2),
      frame("r", { case: "readMark", value: { participantId: professional, sequence: 2 } }),
    );
    await settle();
    const late = await opened(all[2] as Kit);
    first.service.stream.push(posted(3), frame("t", { case: "typing", value: { participantId: professional } }));
    await settle();
    expect(first.service.streams).toHaveLength(1);
    for (const conversation of [one, two, late]) {
      const state = conversation?.state.value;
      expect(state).toMatchObject({ connection: "open", caughtUp: true, typing: [professional] });
      expect(sequences(state as never)).toEqual([1, 2, 3]);
      expect(state?.readMarks.get(professional)).toBe(2);
      expect(state?.conversation?.id).toBe("c1");
    }
  });

  it("join in the middle of a history without missing or doubling anything", async () => {
    const { first, all } = tabs(2);
    await opened(first);
    first.service.stream.push(snapshot("s", 6), posted(1), posted(2), posted(3));
    await settle();
    const late = opened(all[1] as Kit);
    first.service.stream.push(posted(4), posted(5));
    await settle();
    first.service.stream.push(posted(6));
    await settle();
    const { state } = await late;
    expect(sequences(state.value)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(state.value.caughtUp).toBe(true);
  });

  it("hand the stream on: the next one goes on from the cursor", async () => {
    const { first, all } = tabs(3);
    const [one, two, three] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 2), posted(1), posted(2));
    await settle();
    one?.close();
    await settle();
    expect(first.service.streams.map(({ open }) => open)).toEqual([false, true]);
    expect(first.service.stream.request.cursor).toBe("cursor 2");
    expect(two?.state.value.connection).not.toBe("connecting");
    first.service.stream.push(snapshot("s", 3), posted(3));
    await settle();
    for (const conversation of [two, three]) {
      expect(sequences(conversation?.state.value as never)).toEqual([1, 2, 3]);
      expect(conversation?.state.value.connection).toBe("open");
    }
  });

  it("show that the connection of the one that follows is lost", async () => {
    const { first, all } = tabs(2);
    const [, two] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 0));
    await settle();
    first.service.onFollow = () => {
      throw new Error("no");
    };
    first.service.stream.fail();
    await pass(1_000);
    expect(two?.state.value.connection).toBe("lost");
    expect(two?.state.value.retryTime).toBeInstanceOf(Date);
  });

  it("take over from one that says nothing, when somebody looks", async () => {
    const { browser, first, all } = tabs(2);
    const one = await opened(first);
    browser.freezeLast();
    const second = all[1] as Kit;
    second.page.hidden = true;
    const two = await opened(second);
    first.service.stream.push(snapshot("s", 1), posted(1));
    await pass(20_000);
    expect(two.state.value.connection).toBe("connecting"); // nobody looks
    const before = first.service.streams.length;
    second.page.signal("shown");
    await pass(4_100);
    expect(first.service.streams).toHaveLength(before + 1);
    first.service.stream.push(snapshot("s", 1), posted(1));
    await settle();
    expect(sequences(two.state.value)).toEqual([1]);
    expect(first.service.streams.filter(({ open }) => open)).toHaveLength(1); // the one before let go
    expect(one.state.value.connection).not.toBe("ended");
  });

  it("all know the end, and why", async () => {
    const { first, all } = tabs(3);
    const [one, two] = await Promise.all(all.slice(0, 2).map(opened));
    first.service.stream.push(snapshot("s", 1), posted(1), closed);
    await pass(60_000);
    for (const conversation of [one, two]) {
      expect(conversation?.state.value).toMatchObject({
        connection: "ended",
        ended: { reason: GoAwayReason.CONVERSATION_CLOSED },
      });
      expect(sequences(conversation?.state.value as never)).toEqual([1]);
    }
    expect(first.service.streams).toHaveLength(1);

    // Who comes after it asks the service itself.
    const late = await opened(all[2] as Kit);
    first.service.stream.push(snapshot("s", 1), posted(1), closed);
    await settle();
    expect(late.state.value.connection).toBe("ended");
    expect(sequences(late.state.value)).toEqual([1]);
  });

  it("hand a refusal on with its reason", async () => {
    const { first, all } = tabs(2);
    const [, two] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 0));
    await settle();
    first.service.stream.fail(refusal(Code.Unauthenticated, "CREDENTIALS_INVALID"));
    await settle();
    expect(two?.state.value).toMatchObject({
      connection: "ended",
      ended: { reason: "unauthenticated", error: { reason: "CREDENTIALS_INVALID", fromService: true } },
    });
  });

  it("forget together, and start over together", async () => {
    const { first, all } = tabs(2);
    const [one, two] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 2), posted(1, "old"), posted(2, "old"));
    await settle();
    first.service.stream.push(frame("r", { case: "reset", value: {} }), snapshot("s", 1), posted(1, "new"));
    await settle();
    for (const conversation of [one, two]) expect(texts(conversation?.state.value as never)).toEqual(["new"]);
  });

  it("share the outbox, and one sends at a time", async () => {
    const { first, all } = tabs(2);
    const [one, two] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 0));
    await settle();
    let sequence = 0;
    let sending = 0;
    let most = 0;
    first.service.onSend = async () => {
      most = Math.max(most, ++sending);
      await new Promise((resolve) => setTimeout(resolve, 100));
      sending--;
      return ++sequence;
    };
    two?.send("from the second");
    await pass(1);
    one?.send("from the first");
    await pass(50);
    for (const conversation of [one, two]) {
      expect(conversation?.state.value.outbox.map(({ text }) => text)).toEqual(["from the second", "from the first"]);
    }
    await pass(1_000);
    first.service.stream.push(posted(1, "from the second", me), posted(2, "from the first", me));
    await settle();
    expect(first.service.sends.map(({ text }) => text)).toEqual(["from the second", "from the first"]);
    expect(most).toBe(1);
    for (const conversation of [one, two]) {
      expect(conversation?.state.value.outbox).toEqual([]);
      expect(texts(conversation?.state.value as never)).toEqual(["from the second", "from the first"]);
    }
  });

  it("go on with what a tab that was closed had not sent", async () => {
    const { first, all } = tabs(2);
    const [one, two] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 0));
    await settle();
    first.service.onSend = () => new Promise(() => {});
    two?.send("Hei");
    await settle();
    two?.close();
    first.service.onSend = () => 1;
    await pass(20_000);
    first.service.stream.push(posted(1, "Hei", me));
    await settle();
    expect(new Set(first.service.sends.map(({ requestId }) => requestId)).size).toBe(1);
    expect(one?.state.value.outbox).toEqual([]);
  });

  it("forget a conversation together", async () => {
    const { first, all } = tabs(2);
    const [one, two] = await Promise.all(all.map(opened));
    first.service.stream.push(snapshot("s", 0));
    await settle();
    two?.send("Hei");
    all[1]?.kupla.forget("c1");
    await settle();
    expect(one?.state.value).toMatchObject({ connection: "ended", ended: { reason: "not_found" } });
    expect(first.service.streams.every(({ open }) => !open)).toBe(true);
    expect(first.storage.items.size).toBe(0);
  });

  it("show nothing any more of a conversation that another one forgot, and keep none of its words", async () => {
    const { first, all } = tabs(2);
    const one = await opened(first);
    await Promise.all(all.slice(1).map(opened));
    first.service.stream.push(snapshot("s", 1));
    first.service.stream.push(posted(1, "Mitä kuuluu?", professional));
    first.service.onSend = () => {
      throw refusal(Code.InvalidArgument, "INVALID_REQUEST");
    };
    one.send("Hei");
    await settle();
    expect(texts(one.state.value)).toEqual(["Mitä kuuluu?"]);
    expect(one.state.value.outbox).toHaveLength(1);
    all[1]?.kupla.forget("c1");
    await settle();
    expect(one.state.value).toMatchObject({ ended: { reason: "not_found" }, events: [], outbox: [] });
    expect(one.state.value.conversation).toBeUndefined();
    one.send("I had not seen that it is gone");
    expect(kit({}, { storage: first.storage }).storage.items.size).toBe(0);
  });

  it("show nothing of it either when they were frozen meanwhile and come back", async () => {
    const tab = kit();
    const conversation = await opened(tab);
    tab.service.stream.push(snapshot("s", 1));
    tab.service.stream.push(posted(1, "Mitä kuuluu?", professional));
    await settle();
    tab.page.signal("restored");
    await settle();
    expect(texts(conversation.state.value)).toEqual(["Mitä kuuluu?"]);
    kit({}, { service: tab.service, storage: tab.storage }).kupla.forget("c1");
    tab.page.signal("restored");
    await settle();
    expect(conversation.state.value).toMatchObject({ connection: "ended", ended: { reason: "not_found" }, events: [] });
    expect(tab.page.listeners).toBe(0);
  });

  it("go on with a conversation that another one forgot for itself", async () => {
    const { first, all } = tabs(2);
    const one = await opened(first);
    await Promise.all(all.slice(1).map(opened));
    first.service.stream.push(snapshot("s", 1));
    first.service.stream.push(posted(1, "Mitä kuuluu?", professional));
    await settle();
    all[1]?.kupla.forget("c1", { letOthersBe: true });
    await settle();
    expect(first.storage.items.size).toBe(0);
    expect(one.state.value.connection).toBe("open");
    expect(texts(one.state.value)).toEqual(["Mitä kuuluu?"]);
  });

  it("follow each by itself without locks or without channels", async () => {
    const browser = new FakeBrowser();
    for (const options of [
      { locks: null, openChannel: browser.openChannel },
      { locks: browser.locks, openChannel: null },
    ]) {
      const one = kit(options);
      const two = kit(options, { service: one.service, storage: one.storage });
      await opened(one);
      await opened(two);
      expect(one.service.streams).toHaveLength(2);
    }
  });
});
