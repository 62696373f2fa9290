/** Lets the browser save a text as a file. It is made here and sent nowhere. */
export function saveTextFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the file after the click has been dealt with.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
