import { ordinaryPage } from "../harness/hostSite.ts";
import { KuplaServer } from "../harness/kuplaServer.ts";
import { expect, queue, test } from "../harness/test.ts";

// A page that is not ours, and not kind. Its scripts may read everything that is in the page: nothing of the talk is.
const css = `
body > *, body > * * { all: unset !important; display: none !important; visibility: hidden !important; opacity: 0 !important;
  transform: scale(0) !important; position: fixed !important; top: -9999px !important; width: 1px !important;
  pointer-events: none !important; font-size: 0 !important; color: transparent !important; }
dialog, iframe, button { display: none !important; }
[popover], :popover-open, ::backdrop { display: none !important; }
`;

// It takes over what a loader could use before the loader comes, and keeps whatever passes.
const script = `
  const seen = (window.seen = []);
  const roots = (window.roots = []);
  const keep = (what, data) => { try { seen.push(what + " " + JSON.stringify(data)); } catch { seen.push(what + " ?"); } };
  addEventListener("message", (event) => keep("message", event.data), true);
  for (const name of ["kupla-open", "kupla-close", "kupla-unread"]) {
    addEventListener(name, (event) => keep(name, event.detail ?? null), true);
  }
  const { attachShadow } = Element.prototype;
  Element.prototype.attachShadow = function (options) {
    const root = attachShadow.call(this, options);
    roots.push(root);
    return root;
  };
  const Channel = MessageChannel;
  window.MessageChannel = class extends Channel {
    constructor() {
      super();
      for (const port of [this.port1, this.port2]) {
        port.addEventListener("message", (event) => keep("port", event.data));
        const post = port.postMessage.bind(port);
        port.postMessage = (data, ...rest) => { keep("to port", data); post(data, ...rest); };
      }
    }
  };
  new MutationObserver(() => keep("title", document.title)).observe(document, { subtree: true, childList: true, characterData: true });
`;

test("on a hostile page the chat works, and the page learns nothing", async ({ server, host, nurse, resident }) => {
  host.add("/hostile.css", { html: css, headers: { "Content-Type": "text/css" } });
  host.add("/hostile.js", { html: script, headers: { "Content-Type": "text/javascript" } });
  const url = host.add("/", {
    headers: {
      "Content-Security-Policy": [
        "default-src 'none'",
        `script-src ${host.origin} ${server.origin}/kupla-chat.js`,
        `style-src ${host.origin}`,
        `frame-src ${server.origin}`,
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
        "base-uri 'none'",
        "report-uri /report",
      ].join("; "),
      "Referrer-Policy": "unsafe-url",
    },
    html: `<!doctype html><html lang="fi"><head><meta charset="utf-8"><title>Vihamielinen sivu</title>
<link rel="stylesheet" href="/hostile.css"><script src="/hostile.js"></script>
<script src="${server.origin}/kupla-chat.js" async></script></head>
<body><main>Sivu</main><kupla-chat queue="${queue.id}" lang="fi"></kupla-chat></body></html>`,
  });
  const kerttu = await resident();
  const addresses: string[] = [];
  kerttu.context.on("request", (request) => addresses.push(request.url()));

  await kerttu.visit(url);
  await kerttu.openBubble();
  await kerttu.start({ name: "Salanimi Kerttu", message: "Salaisuus yksi" });
  await expect(kerttu.place).toBeVisible();
  const talk = await nurse.takeNext();
  await talk.send("Salaisuus kaksi");
  await kerttu.sees("Salaisuus kaksi");
  await kerttu.write("Salaisuus kolme");
  await talk.heardText("Salaisuus kolme");
  // Minimised, so that the page is told of what is unread.
  await kerttu.press(kerttu.button(kerttu.words.common.minimise));
  await talk.send("Salaisuus neljä");
  await expect.poll(async () => (await kerttu.bubble()).name).toContain("1 lukematon viesti");

  await test.step("the page's scripts reach neither the tree nor the frame nor its storage", async () => {
    const found = await kerttu.page.evaluate(() => {
      const bubble = document.querySelector("kupla-chat");
      const tried: Record<string, string> = { shadowRoot: String(bubble?.shadowRoot) };
      const roots = (window as unknown as { roots: ShadowRoot[] }).roots;
      const frame = roots.flatMap((root) => [...root.querySelectorAll("iframe")])[0];
      const attempt = (name: string, what: () => unknown) => {
        try {
          tried[name] = String(what());
        } catch (error) {
          tried[name] = (error as Error).name;
        }
      };
      attempt("frame", () => frame?.tagName);
      attempt("contentDocument", () => frame?.contentDocument);
      attempt("document", () => frame?.contentWindow?.document);
      attempt("localStorage", () => frame?.contentWindow?.localStorage);
      attempt("address", () => frame?.contentWindow?.location.href);
      attempt("name", () => frame?.contentWindow?.name);
      return { tried, text: document.documentElement.outerHTML + roots.map((root) => root.innerHTML).join() };
    });
    // Who replaces attachShadow before the loader comes can look into the tree; what is in it is the frame and no more.
    expect(found.tried).toEqual({
      shadowRoot: "null",
      frame: "IFRAME",
      contentDocument: "null",
      document: "SecurityError",
      localStorage: "SecurityError",
      address: "SecurityError",
      name: "SecurityError",
    });
    expect(found.text).not.toMatch(/Salaisuus|Salanimi|kupla_c_/);
  });

  await test.step("nor is anything of the talk in what they heard, or in any address", async () => {
    const seen = await kerttu.page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    expect(seen).toContainEqual('message {"type":"kupla:ready"}');
    expect(seen).toContainEqual('port {"type":"unread","count":1}');
    for (const line of seen) expect(line).not.toMatch(/Salaisuus|Salanimi|kupla_c_|[A-Za-z0-9_-]{20,}/);
    for (const address of addresses) expect(address).not.toMatch(/Salaisuus|Salanimi|kupla_c_|conversation=/);
    expect(host.reports).toEqual([]);
  });
});

test("another site cannot put the chat into a frame of its own unless the service says so", async ({
  host,
  resident,
  guard,
}) => {
  guard.allow(/frame-ancestors|Framing '|Refused to frame/);
  const strict = await KuplaServer.create("web: {frame_ancestors: ['https://www.example.fi']}");
  try {
    const url = host.add("/", { html: `<iframe src="${strict.origin}/chat/?embedded=1&lang=fi"></iframe>` });
    const mallory = await resident();
    await mallory.page.goto(url);
    const frame = mallory.page.frames()[1];
    await expect.poll(() => frame?.url()).toMatch(/^chrome-error:/);
  } finally {
    await strict.remove();
  }
});

test("where a browser blocks third-party cookies the chat works in the page", async ({
  server,
  host,
  nurse,
  browserWith,
}) => {
  const url = host.add("/", ordinaryPage(server.origin));
  const kerttu = await browserWith({ cookie_controls_mode: 1, block_third_party_cookies: true });
  await kerttu.visit(url);
  await kerttu.openBubble();
  await kerttu.start({ message: "Hei!" });
  await expect(kerttu.place).toBeVisible();
  // Kept, too: the place is there after the page around was loaded anew.
  await kerttu.page.reload();
  await kerttu.chatFrame();
  await expect(kerttu.place).toBeVisible();
  const talk = await nurse.takeNext();
  await talk.send("Hei sinulle!");
  await kerttu.sees("Hei sinulle!");
});

test("where a browser blocks all storage in frames the chat opens as a page of its own", async ({
  server,
  host,
  nurse,
  browserWith,
}) => {
  const url = host.add("/", ordinaryPage(server.origin));
  const blocked = { [`${server.origin},${host.origin}`]: { setting: 2 } };
  const kerttu = await browserWith({ content_settings: { exceptions: { cookies: blocked } } });
  await kerttu.visit(url);
  await kerttu.openBubble();
  await expect(kerttu.heading("Avaa chat omalla sivullaan")).toBeVisible();
  const opening = kerttu.context.waitForEvent("page");
  await kerttu.press(kerttu.chat.getByRole("link", { name: "Avaa chat" }));
  const own = kerttu.at(await opening);
  expect(new URL(own.page.url()).pathname).toBe("/chat/");
  await own.start({ message: "Hei!" });
  await expect(own.place).toBeVisible();
  const talk = await nurse.takeNext();
  await talk.send("Hei sinulle!");
  await own.sees("Hei sinulle!");
});
