/// <reference types="node" />
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");

type Properties = Map<string, string>;

/** The custom properties of :root in a style sheet: outside of any @media, and in that of dark pages. */
function properties(css: string): { light: Properties; dark: Properties } {
  const plain = css.replace(/\/\*.*?\*\//gs, "");
  const darkRule = /@media \(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}/s.exec(plain)?.[1] ?? "";
  const lightRule = /(?:^|\})\s*:root \{([^}]*)\}/s.exec(plain)?.[1] ?? "";
  const parse = (rule: string): Properties =>
    new Map([...rule.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [name, value.trim()]));
  return { light: parse(lightRule), dark: parse(darkRule) };
}

/** The contrast of two colours by WCAG 2.2, from 1 to 21. */
function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour)?.[1];
  if (hex === undefined) throw new Error(`${colour} is not a colour of six digits`);
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((at) => {
    const channel = parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const surfaces = ["--page", "--surface", "--surface-raised"];
const notices = ["--info", "--success", "--warning", "--danger"].map((kind) => `${kind}-background`);

/** Text on what it stands on: 4.5:1. */
const texts: [text: string, ground: string][] = [
  ...surfaces.flatMap((ground): [string, string][] => [
    ["--text", ground],
    ["--text-muted", ground],
    ["--link", ground],
    ["--danger-text", ground],
    ["--success-text", ground],
    ["--warning-text", ground],
  ]),
  ...notices.flatMap((ground): [string, string][] => [
    ["--text", ground],
    ["--text-muted", ground],
    ["--link", ground],
  ]),
  ["--danger-text", "--danger-background"],
  ["--text", "--surface-sunken"],
  ["--text-muted", "--surface-sunken"],
  ["--on-brand", "--brand"],
  ["--on-brand", "--brand-hover"],
  ["--on-header", "--header"],
  ["--on-danger", "--danger"],
  ["--on-success-strong", "--success-strong"],
  ["--on-bubble-own", "--bubble-own"],
  ["--on-bubble-other", "--bubble-other"],
  ["--text-muted", "--bubble-other"],
  ["--link", "--bubble-other"],
];

/** What shows a control, its state or the focus, on what it is next to: 3:1. */
const shapes: [shape: string, ground: string][] = [
  ...surfaces.flatMap((ground): [string, string][] => [
    ["--border-control", ground],
    ["--focus", ground],
    ["--brand", ground],
    ["--danger", ground],
    ["--success-strong", ground],
  ]),
  ...["--info", "--success", "--warning", "--danger"].map((kind): [string, string] => [
    `${kind}-line`,
    `${kind}-background`,
  ]),
  ...notices.map((ground): [string, string] => ["--focus", ground]),
  ["--focus", "--focus-inner"],
];

const tokens = properties(read("./tokens.css"));
const defaultCss = read("../../../themes/default.css");
const harbourCss = read("../../../themes/harbour.css");
const themes = [
  { name: "default", css: defaultCss, ...properties(defaultCss) },
  { name: "harbour", css: harbourCss, ...properties(harbourCss) },
];

describe.each(themes)("the theme $name", ({ css, light, dark }) => {
  // As the cascade has it: the theme comes after the tokens, and what is dark after what is light within each.
  const schemes = {
    light: new Map([...tokens.light, ...light]),
    dark: new Map([...tokens.light, ...tokens.dark, ...light, ...dark]),
  };

  describe.each(Object.entries(schemes))("%s", (_, scheme) => {
    const colour = (token: string): string => {
      const value = scheme.get(token);
      if (value === undefined) throw new Error(`there is no ${token}`);
      return value;
    };

    it.each(texts)("%s is readable on %s", (text, ground) => {
      expect(contrast(colour(text), colour(ground))).toBeGreaterThanOrEqual(4.5);
    });

    it.each(shapes)("%s is seen on %s", (shape, ground) => {
      expect(contrast(colour(shape), colour(ground))).toBeGreaterThanOrEqual(3);
    });
  });

  it("sets nothing that there is not", () => {
    for (const property of [...light.keys(), ...dark.keys()]) {
      expect(tokens.light.has(property), property).toBe(true);
    }
  });

  it("is dark wherever it is light", () => {
    // A colour that a theme changes for light pages would otherwise hold on dark ones too.
    const changed = [...light].filter(([, value]) => value.startsWith("#")).map(([property]) => property);
    expect(changed.filter((property) => !dark.has(property))).toEqual([]);
  });

  it("sets custom properties of :root only", () => {
    const rules = css.replace(/\/\*.*?\*\//gs, "").match(/[^{}]+\{/g);
    expect(rules?.map((rule) => rule.replace(/\s+/g, " ").trim())).toEqual([
      ":root {",
      "@media (prefers-color-scheme: dark) {",
      ":root {",
    ]);
  });
});

it("the default theme has the values that are built in", () => {
  const theme = themes.find(({ name }) => name === "default");
  for (const [property, value] of theme?.light ?? []) expect(tokens.light.get(property), property).toBe(value);
  for (const [property, value] of theme?.dark ?? []) expect(tokens.dark.get(property), property).toBe(value);
  expect(theme?.light.size).toBeGreaterThan(10);
});

it("the contrast is that of WCAG", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  expect(contrast("#767676", "#ffffff")).toBeCloseTo(4.54, 2);
});
