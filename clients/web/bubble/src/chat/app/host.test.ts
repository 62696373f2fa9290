import { beforeEach, describe, expect, it } from "vitest";
import type { FrameMessage, HostMessage } from "../../protocol.js";
import { createAttention } from "./attention.js";
import { connectHost } from "./host.js";
import { titleCue } from "./title.js";

/** As much of a window as the chat needs of it, in a page around it. */
class FakeWindow extends EventTarget {
  saidToParent: unknown[] = [];
  parent = { postMessage: (message: unknown) => void this.saidToParent.push(message) };
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });

  hideTab(hidden: boolean): void {
    this.document.visibilityState = hidden ? "hidden" : "visible";
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  hand(source: unknown, data: unknown): FakePort {
    const port = new FakePort();
    this.dispatchEvent(Object.assign(new Event("message"), { source, data, ports: [port] }));
    return port;
  }

  asWindow(): Window {
    return this as unknown as Window;
  }
}

class FakePort {
  said: FrameMessage[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  postMessage(message: FrameMessage): void {
    this.said.push(message);
  }
  hear(message: HostMessage | unknown): void {
    this.onmessage?.({ data: message });
  }
}

let window: FakeWindow;

beforeEach(() => {
  window = new FakeWindow();
});

describe("connectHost", () => {
  it("says that it is there, and gives what it had to say once it has a port", () => {
    const host = connectHost(window.asWindow(), true);
    expect(window.saidToParent).toEqual([{ type: "kupla:ready" }]);
    host.tell({ type: "unread", count: 1 });
    host.tell({ type: "attention", title: "Vuorosi tulee pian" });
    host.tell({ type: "unread", count: 2 });
    host.tell({ type: "attention-end" });
    const port = window.hand(window.parent, { type: "kupla:connect" });
    expect(port.said).toEqual([{ type: "unread", count: 2 }, { type: "attention-end" }]);
    host.tell({ type: "minimise" });
    expect(port.said.at(-1)).toEqual({ type: "minimise" });
  });

  it("takes a port from the page around only, and only one", () => {
    const host = connectHost(window.asWindow(), true);
    const stranger = window.hand({}, { type: "kupla:connect" });
    const nonsense = window.hand(window.parent, "kupla:connect");
    const first = window.hand(window.parent, { type: "kupla:connect" });
    const second = window.hand(window.parent, { type: "kupla:connect" });
    host.tell({ type: "minimise" });
    expect([stranger, nonsense, first, second].map((port) => port.said.length)).toEqual([0, 0, 1, 0]);
  });

  it("is seen while the panel is open and the tab in front", () => {
    const host = connectHost(window.asWindow(), true);
    const port = window.hand(window.parent, { type: "kupla:connect" });
    expect(host.shown.value).toBe(true);
    port.hear({ type: "hidden" });
    expect(host.shown.value).toBe(false);
    port.hear({ type: "something" });
    expect(host.shown.value).toBe(false);
    port.hear({ type: "shown" });
    window.hideTab(true);
    expect(host.shown.value).toBe(false);
    window.hideTab(false);
    expect(host.shown.value).toBe(true);
  });

  it("says nothing to anybody on a page of its own", () => {
    const host = connectHost(window.asWindow(), false);
    expect(host.embedded).toBe(false);
    host.tell({ type: "unread", count: 1 });
    expect(window.saidToParent).toEqual([]);
  });
});

describe("createAttention", () => {
  it("calls while the chat cannot be seen, until it is", () => {
    const host = connectHost(window.asWindow(), true);
    const port = window.hand(window.parent, { type: "kupla:connect" });
    const attention = createAttention(host);
    attention.call("Vuorosi tulee pian");
    expect(port.said).toEqual([]);
    port.hear({ type: "hidden" });
    attention.call("Vuorosi tulee pian");
    expect(titleCue.value).toBe("● Vuorosi tulee pian");
    port.hear({ type: "shown" });
    expect(titleCue.value).toBeUndefined();
    expect(port.said).toEqual([{ type: "attention", title: "Vuorosi tulee pian" }, { type: "attention-end" }]);
  });
});
