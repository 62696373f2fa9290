import { type BrowserContext, expect, type Frame, type Locator, type Page } from "@playwright/test";

import { findBubble } from "./bubble.ts";
import { type Language, pattern, texts } from "./texts.ts";

/** The devices of the tests. The phone is a small and old one. */
export const devices = {
  phone: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  desktop: { viewport: { width: 1280, height: 800 } },
} as const;

/** A resident with a browser: what they see of the chat, and what they do there. */
export class Resident {
  /** The language of the chat, and so of the names that the resident looks for. */
  language: Language = "fi";

  #embedded = false;

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    /** The service as this browser knows it. */
    readonly service: string,
    readonly touch: boolean,
  ) {}

  /** Goes to a page with the bubble on it, and waits for the bubble. */
  async visit(url: string): Promise<void> {
    this.#embedded = true;
    await this.page.goto(url);
    await this.bubble();
  }

  /** Goes to the chat as a page of its own. */
  async visitChat(query = "lang=fi"): Promise<void> {
    this.#embedded = false;
    await this.page.goto(`${this.service}/chat/?${query}`);
  }

  /** The button on the host page. Waits until it is drawn. */
  async bubble(): Promise<NonNullable<Awaited<ReturnType<typeof findBubble>>>> {
    let bubble: Awaited<ReturnType<typeof findBubble>>;
    await expect(async () => {
      bubble = await findBubble(this.page);
      expect(bubble, "the bubble is on the page").toBeDefined();
    }).toPass({ timeout: 10_000 });
    return bubble as NonNullable<typeof bubble>;
  }

  /** Opens the chat from the bubble, with a finger or the mouse. */
  async openBubble(): Promise<void> {
    const { x, y } = await this.bubble();
    if (this.touch) await this.page.touchscreen.tap(x, y);
    else await this.page.mouse.click(x, y);
    await this.chatFrame();
  }

  /** The frame that the chat is in, once it is there. */
  async chatFrame(): Promise<Frame> {
    if (!this.#embedded) return this.page.mainFrame();
    let frame: Frame | undefined;
    await expect(() => {
      frame = this.#frame();
      expect(frame, "the chat's frame").toBeDefined();
    }).toPass({ timeout: 10_000 });
    return frame as Frame;
  }

  /** The frame that the chat is in now. */
  get chat(): Frame {
    const frame = this.#embedded ? this.#frame() : this.page.mainFrame();
    if (frame === undefined) throw new Error("the chat is not open");
    return frame;
  }

  #frame(): Frame | undefined {
    return this.page.frames().find((frame) => frame.url().startsWith(`${this.service}/chat/`));
  }

  /** The names that this resident looks for, in the language of the chat. */
  get words(): (typeof texts)[Language] {
    return texts[this.language];
  }

  /** Presses a button or follows a link of the chat, with a finger or the mouse. */
  async press(what: Locator): Promise<void> {
    if (this.touch) await what.tap();
    else await what.click();
  }

  button(name: string | RegExp): Locator {
    return this.chat.getByRole("button", { name });
  }

  heading(name: string | RegExp): Locator {
    return this.chat.getByRole("heading", { name });
  }

  /** The screen that is shown, by the name that the chat gives it. */
  screen(name: string): Locator {
    return this.chat.locator(`[data-screen="${name}"]`);
  }

  /** The same resident at another page of the same browser, on which the chat is alone. */
  at(page: Page): Resident {
    const there = new Resident(this.context, page, this.service, this.touch);
    there.language = this.language;
    return there;
  }

  /** Opens the chat in another tab of the same browser, as a page of its own. */
  async inAnotherTab(): Promise<Resident> {
    const other = this.at(await this.context.newPage());
    await other.visitChat(`lang=${this.language}`);
    return other;
  }

  /** Chooses a queue from the list. */
  async choose(queue: string): Promise<void> {
    await this.press(this.button(queue));
  }

  /** Fills what may be filled before the start, and goes into the queue. */
  async start({ name, message }: { name?: string; message?: string } = {}): Promise<void> {
    const { start } = this.words;
    if (name !== undefined) await this.chat.getByLabel(start.name).fill(name);
    if (message !== undefined) await this.chat.getByLabel(start.message).fill(message);
    await this.press(this.button(start.submit));
  }

  /** Goes into the queue of the helpline from the chat as a page of its own, and waits there. */
  async wait(queueId: string, options: { name?: string; message?: string; theme?: string } = {}): Promise<void> {
    await this.visitChat(`queue=${queueId}&lang=${this.language}&theme=${options.theme ?? "default"}`);
    await this.start(options);
    await expect(this.place).toBeVisible();
  }

  /** Where the place in the queue stands. */
  get place(): Locator {
    return this.chat
      .getByText(new RegExp(`${pattern(this.words.waiting.place).source}|${this.words.waiting.next}`))
      .first();
  }

  /** Answers a question of the survey, by pressing the choice with the name. */
  async answer(question: RegExp, choice: RegExp): Promise<void> {
    const group = this.chat.getByRole("group", { name: question });
    await this.press(group.locator("label").filter({ has: this.chat.getByRole("radio", { name: choice }) }));
    await expect(group.getByRole("radio", { name: choice })).toBeChecked();
  }

  /** Where messages are typed. */
  get composer(): Locator {
    return this.chat.getByRole("textbox", { name: this.words.talk.composer.label });
  }

  /** Writes a message and sends it: with the button on a phone, with Enter at a desk. */
  async write(text: string): Promise<void> {
    await this.composer.fill(text);
    if (this.touch) await this.button(this.words.talk.composer.send).tap();
    else await this.composer.press("Enter");
  }

  /** The messages of the log that stand on the screen, sent and told. */
  get messages(): Locator {
    return this.chat.locator("[data-log] .message:not([data-outbox]) .message__text");
  }

  /** The messages that were not sent yet, or were refused. */
  get unsent(): Locator {
    return this.chat.locator("[data-log] [data-outbox] .message__text");
  }

  /** Waits until a message stands in the log. */
  async sees(text: string): Promise<void> {
    await expect(this.messages.getByText(text, { exact: true })).toBeVisible();
  }

  /** What has the focus in the chat: its name, and whether it can be seen to have it, with nothing lying over it. */
  focus(): Promise<{ name: string; visible: boolean }> {
    return this.chat.evaluate(() => {
      const element = document.activeElement as HTMLElement | null;
      if (element === null || element === document.body) return { name: "", visible: false };
      const text = (from: Element | null | undefined) => (from?.textContent ?? "").replace(/\s+/g, " ").trim();
      const label = (element as HTMLInputElement).labels?.[0];
      const name = label ? text(label) : element.getAttribute("aria-label") || text(element);
      // A choice that is drawn by its label shows the focus there.
      const parts = [element, ...(label === undefined ? [] : [label, ...label.querySelectorAll<HTMLElement>("*")])];
      const visible = parts.some((part) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(part);
        if (outlineStyle === "none" || Number.parseFloat(outlineWidth) < 2) return false;
        // The middle of what of it is in the window: a high field may reach out of it.
        const { left, top, right, bottom } = part.getBoundingClientRect();
        const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
        const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
        const above = document.elementFromPoint(x, y);
        return above !== null && (part.contains(above) || above.contains(part));
      });
      return { name, visible };
    });
  }

  /** The texts of the log as they stand on the screen, in order. */
  texts(): Promise<string[]> {
    return this.messages.allTextContents();
  }
}
