import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** How near to the end counts as being there, in CSS pixels: a line or two. */
const near = 64;

/** What scrolls: the screen, or on low windows the whole document. */
function scrollerOf(element: Element): Element {
  const screen = element.closest(".screen");
  const root = document.scrollingElement ?? document.documentElement;
  return screen !== null && screen.scrollHeight > screen.clientHeight + 1 ? screen : root;
}

/**
 * Keeps the end of a list in view while its reader is there, and leaves the view alone once they have scrolled up.
 *
 * @param end stands at the end of the list.
 * @param active whether to follow at all.
 * @param contents what the list is made of: after each change of one of these the end is shown again.
 */
export function useStickToEnd(
  end: RefObject<HTMLElement | null>,
  active: boolean,
  contents: readonly unknown[],
): { atEnd: boolean; toEnd: () => void } {
  const [atEnd, setAtEnd] = useState(true);
  const following = useRef(true);

  const toEnd = useCallback(() => {
    following.current = true;
    setAtEnd(true);
    end.current?.scrollIntoView({ block: "end" });
  }, []);

  const wasActive = useRef(active);
  useLayoutEffect(() => {
    const element = end.current;
    if (element !== null && wasActive.current && !active) {
      // What is above the list is what counts again.
      following.current = true;
      setAtEnd(true);
      scrollerOf(element).scrollTo(0, 0);
    }
    wasActive.current = active;
  }, [active]);

  useLayoutEffect(() => {
    if (active && following.current) {
      end.current?.scrollIntoView({ block: "end" });
    }
  }, [active, ...contents]);

  useEffect(() => {
    const element = end.current;
    if (element === null || !active) {
      return undefined;
    }
    // A screen that is new begins at its top; once that is done the end is shown.
    const frame = requestAnimationFrame(toEnd);
    let before = scrollerOf(element).scrollTop;
    const look = (): void => {
      const { scrollHeight, scrollTop, clientHeight } = scrollerOf(element);
      // The end also goes out of view when the list grows or its room shrinks. Only a reader moves it up.
      if (scrollHeight - scrollTop - clientHeight <= near) {
        following.current = true;
      } else if (scrollTop < before) {
        following.current = false;
      }
      before = scrollTop;
      setAtEnd(following.current);
    };
    // Scrolling does not bubble, and which element scrolls depends on the height of the window.
    document.addEventListener("scroll", look, { capture: true, passive: true });
    // A keyboard that opens, or a text field that grows, takes room from the list.
    const resized = new ResizeObserver(() => {
      if (following.current) {
        element.scrollIntoView({ block: "end" });
      }
    });
    const screen = element.closest(".screen");
    if (screen !== null) {
      resized.observe(screen);
    }
    return () => {
      cancelAnimationFrame(frame);
      document.removeEventListener("scroll", look, { capture: true });
      resized.disconnect();
    };
  }, [active]);

  return { atEnd, toEnd };
}
