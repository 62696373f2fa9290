/** How long each of the two titles is shown. Slow enough for nobody to call it flashing. */
const period = 1500;

/**
 * Draws attention with the title of the host page, which is what shows of it in a row of tabs: it alternates with a
 * text, and is itself again afterwards. Whoever asked for less motion gets the text without the alternation.
 */
export class Attention {
  private original: string | undefined;
  private text = "";
  private timer: ReturnType<typeof setInterval> | undefined;

  begin(text: string): void {
    this.end();
    this.text = text;
    this.show();
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.timer = setInterval(() => {
        // A title that is not ours is the page's, which may have changed it meanwhile.
        if (document.title === this.text) {
          this.restore();
        } else {
          this.show();
        }
      }, period);
    }
  }

  end(): void {
    clearInterval(this.timer);
    this.restore();
  }

  private show(): void {
    this.original = document.title;
    document.title = this.text;
  }

  private restore(): void {
    if (this.original !== undefined && document.title === this.text) {
      document.title = this.original;
    }
    this.original = undefined;
  }
}
