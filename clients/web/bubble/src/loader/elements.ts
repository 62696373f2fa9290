/** Makes an element of a class. */
export function element<K extends keyof HTMLElementTagNameMap>(tag: K, className?: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className) {
    made.className = className;
  }
  return made;
}

const namespace = "http://www.w3.org/2000/svg";

/** The drawing on the bubble, empty as yet. Built by hand, for markup in a text is not always allowed. */
export function makeIcon(): SVGSVGElement {
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 28 28");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  for (const [name, value] of [
    ["fill", "none"],
    ["stroke", "currentColor"],
    ["stroke-width", "2.2"],
    ["stroke-linecap", "round"],
    ["stroke-linejoin", "round"],
  ] as const) {
    path.setAttribute(name, value);
  }
  svg.append(path);
  return svg;
}

/** Draws a speech bubble with two lines in it, or an arrow down while the panel is open. */
export function drawIcon(icon: SVGSVGElement, open: boolean): void {
  icon.firstElementChild?.setAttribute(
    "d",
    open
      ? "M6 10l8 8 8-8"
      : "M5 4h18a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H13l-6 5v-5H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM8 10h12M8 14.5h8",
  );
}
