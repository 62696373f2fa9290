import type { Frame } from "@playwright/test";
import axe from "axe-core";

/** What is looked for: the whole of WCAG 2.2 AA that a program can check, and what its authors call best practice. */
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/**
 * Looks at a frame as it is now and returns what is wrong, one line for each element. It runs inside the frame, as the
 * chat's frame is in a closed shadow root, where a look from the page around would not find it. What is the same in the dark as in the light need not be looked at
 * again: then the colours alone are.
 */
export async function axeViolations(frame: Frame, only: "everything" | "colours" = "everything"): Promise<string[]> {
  await frame.evaluate(`window.axe === undefined && (() => { ${axe.source} })()`);
  const runOnly = only === "everything" ? rules : ["color-contrast"];
  return frame.evaluate(async (runOnly) => {
    const run = (window as unknown as { axe: typeof axe }).axe.run;
    const { violations } = await run(document, { runOnly, resultTypes: ["violations"], iframes: false });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.html} ${node.failureSummary ?? ""}`),
    );
  }, runOnly);
}
