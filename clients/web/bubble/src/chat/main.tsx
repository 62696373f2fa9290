import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/ui.css";
import "./styles/shell.css";
import "./styles/start.css";
import "./styles/print.css";
import { createKupla } from "@kupla/sdk";
import { render } from "preact";
import { App, loadScreens } from "./App.js";
import { connectHost } from "./app/host.js";
import { readQuery } from "./app/query.js";
import { Session } from "./app/session.js";
import { loadTheme } from "./app/theme.js";
import { keepTitle } from "./app/title.js";
import { startTexts } from "./i18n/i18n.js";
import { showBroken } from "./app/broken.js";

function tabStorage(): Storage | undefined {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const query = readQuery(window.location.search, navigator.languages);
  const theme = loadTheme(document, query.theme);
  const session = new Session(
    createKupla({ baseUrl: window.location.origin }),
    query,
    connectHost(window, query.embedded),
    tabStorage(),
  );
  const texts = startTexts(query.language);
  // A page that opens on a conversation needs its screen together with its texts. Elsewhere it comes after the first paint.
  if (session.chat.value !== undefined) loadScreens();
  await Promise.all([texts, theme]);

  keepTitle(document);
  const root = document.getElementById("app");
  if (root !== null) render(<App session={session} />, root);
  loadScreens();
}

main().catch((error: unknown) => {
  console.error(error);
  showBroken(document);
});
