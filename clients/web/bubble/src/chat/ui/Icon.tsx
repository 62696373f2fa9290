// The shapes are drawn on a grid of 24, with lines of 2 that take the colour of the text.
const shapes = {
  arrowLeft: "M19 12H5M11 6l-6 6 6 6",
  bubble: "M4 5h16v11H10l-5 4v-4H4z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevronDown: "M6 9l6 6 6-6",
  chevronRight: "M9 6l6 6-6 6",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  download: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  globe: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.5v.01",
  leave: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  minimise: "M6 12h12",
  offline:
    "M3 3l18 18M8.5 16.5a5 5 0 0 1 6.2-.6M5.5 13a9 9 0 0 1 4-2.3M2.5 9.5A13 13 0 0 1 7 6.7M14 10.8a9 9 0 0 1 4.5 2.2M11 5.6a13 13 0 0 1 10.5 3.9M12 20v.01",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.5 3-6 6.5-6s6.5 2.5 6.5 6M16 4.500a3.5 3.5 0 0 1 0 6.300M18 14.500c2.2.8 3.5 2.8 3.5 5.5",
  phone:
    "M6 3.500h3.500l1.5 4.5-2 1.500a12 12 0 0 0 5.5 5.500l1.5-2 4.5 1.500V18a2.5 2.5 0 0 1-2.5 2.500A16 16 0 0 1 3.5 6 2.5 2.5 0 0 1 6 3.500z",
  print: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  retry: "M20 12a8 8 0 1 1-2.4-5.700M20 3v5h-5",
  send: "M4 12L20 4l-5 16-4-6.500zM11 13.500L20 4",
  soundOff: "M4 9.500v5h3.500L12 18.500v-13L7.5 9.500zM16 9.500l5 5M21 9.500l-5 5",
  soundOn: "M4 9.500v5h3.500L12 18.500v-13L7.5 9.500zM15.5 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11",
  warning: "M12 3.500L22 20.500H2zM12 10v5M12 17.700v.01",
} as const;

/** The name of an icon. */
export type IconName = keyof typeof shapes;

/** An icon beside a text that says the same: it is hidden from screen readers. */
export function Icon({ name, class: extra }: { name: IconName; class?: string }) {
  return (
    <svg
      class={extra === undefined ? "icon" : `icon ${extra}`}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={shapes[name]} />
    </svg>
  );
}
