import type { FrameMessage } from "../protocol.js";
import { Attention } from "./attention.js";
import { drawIcon, element, makeIcon } from "./elements.js";
import { FrameLink } from "./frameLink.js";
import styles from "./KuplaChat.css?inline";
import { recallPanel, rememberPanel } from "./panelMemory.js";
import { serviceOrigin } from "./serviceOrigin.js";
import { languageOf, textsOf } from "./texts.js";

/** How long the chat may take to say that it is there. */
const patience = 10_000;

/** The panel fills the screen where there is no room beside it. The same in KuplaChat.css. */
const narrow = matchMedia("(max-width: 479.98px), (max-height: 479.98px)");

const sheet = new CSSStyleSheet();
sheet.replaceSync(styles);

/**
 * `<kupla-chat>`: the speech bubble on a host page, and the panel with the chat in a frame of the service's own origin.
 *
 * Attributes: `queue` (opens on this queue), `lang` (fi, sv or en; else the page's), `theme` (of the chat), `label` (a
 * text beside the bubble where there is room) and `open` (as that of `<details>`: set while the panel is open). Of these
 * `queue` and `theme` count when the chat is opened, the rest at any time.
 *
 * Events: `kupla-open`, `kupla-close`, and `kupla-unread` with `detail.count`.
 */
export class KuplaChat extends HTMLElement {
  static readonly observedAttributes = ["lang", "label", "open"];

  // What is drawn. The shadow root is closed: scripts of the page have no business in it.
  private readonly root = this.attachShadow({ mode: "closed" });
  private readonly top = element("div", "top");
  private readonly bubble = element("button", "bubble");
  private readonly icon = makeIcon();
  private readonly label = element("span");
  private readonly badge = element("div", "badge");
  private readonly said = element("div", "said");
  private readonly panel = element("dialog");
  private readonly cover = element("div", "cover");
  private readonly coverText = element("p");
  private readonly retryButton = element("button");
  private readonly closeButton = element("button");

  private frame: HTMLIFrameElement | undefined;
  private link: FrameLink | undefined;
  private slow: ReturnType<typeof setTimeout> | undefined;
  private readonly attention = new Attention();
  private unread = 0;
  private failed = false;
  private shown = false;
  /** The attribute is being set by us, to say how it is, and not by the page, to ask for it. */
  private reflecting = false;

  constructor() {
    super();
    this.root.adoptedStyleSheets = [sheet];
    this.bubble.type = this.retryButton.type = this.closeButton.type = "button";
    this.bubble.setAttribute("aria-haspopup", "dialog");
    this.bubble.append(this.icon, this.label, this.badge);
    this.bubble.onclick = () => (this.shown ? this.hide() : this.show());
    this.badge.setAttribute("aria-hidden", "true");
    for (const region of [this.said, this.coverText]) {
      region.setAttribute("role", "status");
    }
    this.retryButton.onclick = () => {
      this.discard();
      this.load();
      this.frame?.focus();
    };
    this.closeButton.onclick = () => this.hide();
    this.cover.append(this.coverText, this.retryButton, this.closeButton);
    this.panel.append(this.cover);
    // The browser closes a modal panel by itself, as by the gesture of going back.
    this.panel.onclose = () => {
      if (!this.panel.open) {
        this.hide();
      }
    };
    this.top.onkeydown = (event) => {
      if (event.key === "Escape" && this.shown) {
        event.preventDefault();
        this.hide();
      }
    };
    this.top.append(this.bubble, this.panel, this.said);
    this.root.append(this.top);
  }

  connectedCallback(): void {
    narrow.addEventListener("change", this.refit);
    visualViewport?.addEventListener("resize", this.fit);
    visualViewport?.addEventListener("scroll", this.fit);
    addEventListener("pagehide", this.calm);
    // In the top layer no rule for the bubble's surroundings, as a transform or another z-index, displaces it.
    if ("popover" in this.top) {
      this.top.popover = "manual";
      this.top.showPopover();
    }
    this.draw();
    const state = recallPanel() ?? (this.hasAttribute("open") ? "open" : "closed");
    if (state === "open") {
      this.unfold();
    } else {
      this.reflect(false);
      if (state === "hidden") {
        this.load();
      }
    }
  }

  disconnectedCallback(): void {
    narrow.removeEventListener("change", this.refit);
    visualViewport?.removeEventListener("resize", this.fit);
    visualViewport?.removeEventListener("scroll", this.fit);
    removeEventListener("pagehide", this.calm);
    this.shown = false;
    this.panel.close();
    this.discard();
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected || this.reflecting) {
      return;
    }
    if (name !== "open") {
      this.draw();
    } else if (this.hasAttribute("open") !== this.shown) {
      if (this.shown) {
        this.hide();
      } else {
        this.show();
      }
    }
  }

  /** Opens the chat and puts the focus into it. */
  show(): void {
    if (!this.shown) {
      rememberPanel("open");
      this.unfold();
    }
    (this.failed ? this.retryButton : this.frame)?.focus();
  }

  /** Hides the chat, which goes on: what comes meanwhile is counted on the bubble. */
  hide(): void {
    this.fold(this.failed ? "closed" : "hidden");
  }

  private fold(state: "hidden" | "closed"): void {
    if (!this.shown) {
      return;
    }
    rememberPanel(state);
    this.shown = false;
    const focused = this.root.activeElement !== null;
    this.panel.close();
    this.reflect(false);
    this.draw();
    if (focused) {
      // The bubble can be seen again only now.
      this.bubble.focus();
    }
    if (state === "closed") {
      // The next opening begins anew.
      this.discard();
    }
    this.link?.send({ type: "hidden" });
    this.tell("close");
  }

  private unfold(): void {
    this.shown = true;
    this.load();
    this.openPanel();
    this.reflect(true);
    this.draw();
    this.link?.send({ type: "shown" });
    this.tell("open");
  }

  /** A panel that fills the screen is modal: the page behind it cannot be seen, so nobody should end up in it. */
  private openPanel(): void {
    if (narrow.matches) {
      this.panel.showModal();
    } else {
      // show() would move the focus, which is wrong when the panel was open on the page before.
      this.panel.open = true;
    }
    this.fit();
  }

  /** The room has changed, as when a phone is turned. */
  private readonly refit = (): void => {
    if (this.shown) {
      const focused = this.root.activeElement;
      this.panel.close();
      this.openPanel();
      (focused as HTMLElement | null)?.focus();
    }
    this.draw();
  };

  /** Keeps a panel that fills the screen above the keyboard, which covers the page without making it smaller. */
  private readonly fit = (): void => {
    const { style } = this.panel;
    const view = visualViewport;
    // Whoever has zoomed in looks at a part of the panel, and wants to move about in it.
    const covered = this.shown && narrow.matches && view && view.scale < 1.01;
    style.top = covered ? `${view.offsetTop}px` : "";
    style.height = covered ? `${view.height}px` : "";
  };

  private readonly calm = (): void => this.attention.end();

  /** Makes the frame, unless there is one. */
  private load(): void {
    if (this.frame) {
      return;
    }
    const query = new URLSearchParams({ embedded: "1", lang: languageOf(this) });
    for (const name of ["queue", "theme"]) {
      const value = this.getAttribute(name);
      if (value) {
        query.set(name, value);
      }
    }
    const frame = element("iframe");
    frame.title = textsOf(languageOf(this)).chat;
    // The page's own address may tell what somebody looks for.
    frame.referrerPolicy = "no-referrer";
    frame.allow = "autoplay; clipboard-write";
    frame.src = `${serviceOrigin}/chat/?${query}`;
    this.frame = frame;
    this.link = new FrameLink(frame, { ready: this.ready, message: this.hear });
    this.slow = setTimeout(() => {
      this.failed = true;
      this.draw();
    }, patience);
    this.failed = false;
    this.cover.hidden = false;
    this.panel.prepend(frame);
    this.draw();
  }

  /** Takes the frame away, and everything that hangs on it. */
  private discard(): void {
    clearTimeout(this.slow);
    this.link?.close();
    this.frame?.remove();
    this.frame = this.link = undefined;
    this.attention.end();
    this.count(0);
  }

  private readonly ready = (): void => {
    clearTimeout(this.slow);
    this.failed = false;
    this.cover.hidden = true;
    this.link?.send({ type: this.shown ? "shown" : "hidden" });
    this.draw();
    // A frame of another site that was given the focus before it was there has lost it to its own beginning.
    if (this.shown && this.root.activeElement === this.frame) {
      this.frame?.contentWindow?.focus();
    }
  };

  private readonly hear = (message: FrameMessage): void => {
    switch (message.type) {
      case "unread":
        this.count(message.count);
        break;
      case "attention":
        this.attention.begin(message.title);
        break;
      case "attention-end":
        this.attention.end();
        break;
      case "minimise":
        this.hide();
        break;
      case "close":
        this.fold("closed");
        // Also when the panel was hidden before: there is nothing to go on with.
        rememberPanel("closed");
        this.discard();
    }
  };

  private count(count: number): void {
    if (count === this.unread) {
      return;
    }
    const more = count > this.unread;
    this.unread = count;
    this.draw();
    // Said aloud only when there is more to read, and nobody looks.
    this.said.textContent = more && !this.shown ? textsOf(languageOf(this)).unread(count) : "";
    this.tell("unread", { count });
  }

  private tell(name: string, detail?: { count: number }): void {
    this.dispatchEvent(new CustomEvent(`kupla-${name}`, { detail }));
  }

  private reflect(open: boolean): void {
    this.reflecting = true;
    this.toggleAttribute("open", open);
    this.reflecting = false;
  }

  /** Draws everything that depends on something. */
  private draw(): void {
    const texts = textsOf(languageOf(this));
    const open = this.shown;
    const label = this.getAttribute("label");
    const unread = this.unread && !open ? `, ${texts.unread(this.unread)}` : "";
    this.bubble.setAttribute("aria-label", (label || texts.chat) + unread);
    this.bubble.setAttribute("aria-expanded", `${open}`);
    drawIcon(this.icon, open);
    // Where the panel fills the screen the bubble is behind it.
    this.bubble.hidden = open && narrow.matches;
    this.label.textContent = label;
    this.label.hidden = !label;
    this.badge.textContent = this.unread > 99 ? "99+" : `${this.unread}`;
    this.badge.hidden = !unread;
    this.panel.setAttribute("aria-label", texts.chat);
    if (this.frame) {
      this.frame.title = texts.chat;
      // The frame is out of reach while something is drawn over it.
      this.frame.inert = this.failed;
    }
    this.coverText.textContent = this.failed ? texts.failed : texts.loading;
    this.retryButton.textContent = texts.retry;
    this.retryButton.hidden = !this.failed;
    this.closeButton.textContent = texts.close;
  }
}
