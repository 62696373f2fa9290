import type { Page } from "@playwright/test";

/** A node as Chromium's own tools describe it. */
interface DomNode {
  nodeName: string;
  backendNodeId: number;
  attributes?: string[];
  children?: DomNode[];
  shadowRoots?: (DomNode & { shadowRootType?: string })[];
}

/** The button of the bubble as it is drawn on the host page. */
export interface BubbleButton {
  /** Its name to a screen reader. */
  name: string;
  expanded: boolean;
  /** Where its middle is, in the page's window. */
  x: number;
  y: number;
  width: number;
  height: number;
  /** Whether a script of the page can look into the tree it is in: it must be "closed". */
  shadow: string;
}

/**
 * Looks for the button that opens the chat. It is in a closed shadow root, where neither the page's scripts nor
 * Playwright's locators reach; Chromium's developer tools do.
 */
export async function findBubble(page: Page): Promise<BubbleButton | undefined> {
  const tools = await page.context().newCDPSession(page);
  try {
    const { root } = (await tools.send("DOM.getDocument", { depth: -1, pierce: true })) as { root: DomNode };
    const host = find(root, (node) => node.nodeName === "KUPLA-CHAT");
    const shadow = host?.shadowRoots?.[0];
    if (shadow === undefined) return undefined;
    for (const button of findAll(shadow, (node) => node.nodeName === "BUTTON")) {
      const { backendNodeId } = button;
      const box = await tools.send("DOM.getBoxModel", { backendNodeId }).catch(() => undefined);
      // A button that is not drawn has no box.
      if (box === undefined || box.model.width === 0) continue;
      const { nodes } = await tools.send("Accessibility.getPartialAXTree", { backendNodeId, fetchRelatives: false });
      const [left, top] = box.model.border as [number, number];
      const expanded = nodes[0]?.properties?.find((property) => (property.name as string) === "expanded");
      return {
        name: String(nodes[0]?.name?.value ?? ""),
        expanded: expanded?.value.value === true,
        x: left + box.model.width / 2,
        y: top + box.model.height / 2,
        width: box.model.width,
        height: box.model.height,
        shadow: shadow.shadowRootType ?? "",
      };
    }
    return undefined;
  } finally {
    await tools.detach();
  }
}

function find(node: DomNode, passes: (node: DomNode) => boolean): DomNode | undefined {
  return findAll(node, passes)[0];
}

function findAll(node: DomNode, passes: (node: DomNode) => boolean): DomNode[] {
  const found = passes(node) ? [node] : [];
  for (const child of [...(node.shadowRoots ?? []), ...(node.children ?? [])]) found.push(...findAll(child, passes));
  return found;
}
