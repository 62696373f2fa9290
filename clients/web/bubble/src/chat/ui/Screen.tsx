import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { takeFocus } from "../app/focus.js";
import { screenTitle } from "../app/title.js";

/**
 * One screen: the part of the page that scrolls, and what stays below it. It names the page and gets the focus to its
 * heading when it comes in the place of another one, so that a screen reader begins at its top.
 */
export function Screen({
  name,
  title,
  heading,
  hideHeading = false,
  takesFocus = true,
  children,
  footer,
}: {
  /** Of the screen, in styles and tests. */
  name: string;
  /** The title of the page; the heading too, unless there is another. */
  title: string;
  heading?: ComponentChildren;
  /** Whether the heading is for screen readers alone, where the screen shows the same otherwise. */
  hideHeading?: boolean;
  /** Whether the focus goes to it: not to what is gone in a moment. */
  takesFocus?: boolean;
  children: ComponentChildren;
  /** What does not scroll away, such as what is typed into. */
  footer?: ComponentChildren;
}) {
  const top = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    screenTitle.value = title;
  }, [title]);
  // Before anybody can press a key on what they see: a focus that comes later takes them back from where they went.
  useLayoutEffect(() => {
    if (takesFocus && top.current !== null) takeFocus(top.current);
  }, []);
  return (
    <>
      <main class={`screen screen--${name}`} data-screen={name} id="main" tabIndex={-1}>
        <div class="screen__column">
          <h1 class={hideHeading ? "visually-hidden" : "screen__heading"} ref={top} tabIndex={-1}>
            {heading ?? title}
          </h1>
          {children}
        </div>
      </main>
      {footer != null && (
        <footer class="screen-footer">
          <div class="screen__column">{footer}</div>
        </footer>
      )}
    </>
  );
}
