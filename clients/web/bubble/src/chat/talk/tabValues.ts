/** Keeps a short text by conversation over a reload of the page, for as long as the tab is open. */
export interface TabValues {
  read(conversationId: string): string;
  /** Keeps a value. An empty one is removed. */
  write(conversationId: string, value: string): void;
}

/** What is kept by conversation. */
const names = ["draft", "survey"] as const;

function keyOf(name: (typeof names)[number], conversationId: string): string {
  return `kupla.${name}.${conversationId}`;
}

/** The keys of all that is kept of a conversation, to be removed when it is forgotten. */
export function tabValueKeys(conversationId: string): readonly string[] {
  return names.map((name) => keyOf(name, conversationId));
}

/** Makes the values of one name over a storage, or over nothing where the browser refuses it. */
export function createTabValues(
  name: (typeof names)[number],
  storage: () => Pick<Storage, "getItem" | "setItem" | "removeItem"> = () => sessionStorage,
): TabValues {
  const key = (conversationId: string): string => keyOf(name, conversationId);
  return {
    read(conversationId) {
      try {
        return storage().getItem(key(conversationId)) ?? "";
      } catch {
        return "";
      }
    },
    write(conversationId, value) {
      try {
        if (value === "") {
          storage().removeItem(key(conversationId));
        } else {
          storage().setItem(key(conversationId), value);
        }
      } catch {
        // The value then lives as long as the page, which is what the browser wants.
      }
    },
  };
}

/** What was being written in each conversation. */
export const drafts: TabValues = createTabValues("draft");
