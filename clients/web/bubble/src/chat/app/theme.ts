/** How long the page waits for a theme before it shows itself without. */
const patienceMs = 1500;

/** The names that themes have; nothing else becomes part of an address. */
const themeName = /^[a-z][a-z0-9-]{0,31}$/;

/** The theme that is built in, and needs no style sheet of its own. */
const builtIn = "default";

/**
 * Loads a theme over the styles of the page. Resolves when it is there, or when it is not worth waiting for any more:
 * a chat without its colours is better than none.
 */
export function loadTheme(document: Document, name: string): Promise<void> {
  if (name === builtIn || !themeName.test(name)) return Promise.resolve();
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL(`themes/${name}.css`, document.baseURI).href;
    link.onload = () => {
      placeLogo(document, link.href);
      // A theme may have another logo for dark pages.
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => placeLogo(document, link.href));
      resolve();
    };
    link.onerror = () => resolve();
    setTimeout(resolve, patienceMs);
    document.head.append(link);
  });
}

/** The value of --logo: the name of a file beside the theme. */
const logoFile = /^url\((["']?)([\w.-]+)\1\)$/;

// A browser reads the url(…) of a custom property from where it is used, not from where it was written: that would be
// the folder of the page's own styles.
function placeLogo(document: Document, theme: string): void {
  const { style } = document.documentElement;
  style.removeProperty("--logo");
  const value = getComputedStyle(document.documentElement).getPropertyValue("--logo").trim();
  const file = logoFile.exec(value)?.[2];
  if (file !== undefined) style.setProperty("--logo", `url("${new URL(file, theme).href}")`);
}
