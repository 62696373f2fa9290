const words = [
  ["fi", "Chattia ei saatu auki. Tarkista nettiyhteytesi ja lataa sivu uudelleen.", "Lataa uudelleen"],
  ["sv", "Chatten kunde inte öppnas. Kontrollera din internetförbindelse och ladda om sidan.", "Ladda om"],
  ["en", "The chat could not be opened. Check your internet connection and reload the page.", "Reload"],
] as const;

/** What is shown when not even the texts could be loaded: the little that there is to say, in every language. */
export function showBroken(document: Document): void {
  const root = document.getElementById("app");
  if (root === null) return;
  const box = document.createElement("main");
  box.className = "broken";
  box.setAttribute("role", "alert");
  for (const [language, text, action] of words) {
    const line = document.createElement("p");
    line.lang = language;
    line.textContent = text;
    const button = document.createElement("button");
    button.type = "button";
    button.lang = language;
    button.className = "button button--secondary";
    button.textContent = action;
    button.addEventListener("click", () => window.location.reload());
    box.append(line, button);
  }
  root.replaceChildren(box);
}
