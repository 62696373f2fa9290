import type { ComponentChildren } from "preact";

/** Text for screen readers alone. */
export function VisuallyHidden({ children }: { children: ComponentChildren }) {
  return <span class="visually-hidden">{children}</span>;
}
