import { computed, effect, signal } from "@preact/signals";
import { t } from "../i18n/i18n.js";

/** The title of the screen. */
export const screenTitle = signal("");

/** What the title says instead, while the resident should look. */
export const titleCue = signal<string | undefined>(undefined);

const title = computed(() => titleCue.value ?? t("common:pageTitle", { screen: screenTitle.value }));

/** Keeps the title of the page. */
export function keepTitle(document: Document): () => void {
  return effect(() => {
    if (screenTitle.value !== "") document.title = title.value;
  });
}
