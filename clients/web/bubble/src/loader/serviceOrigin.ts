/**
 * The origin that the loader itself came from: the chat is served there. It is read while the script runs for the first
 * time, for the browser tells it only then. A page that puts the script's text elsewhere names the script's address by a
 * tag, or has no chat.
 */
export const serviceOrigin = ((): string => {
  const running = document.currentScript;
  const script =
    running instanceof HTMLScriptElement && running.src
      ? running
      : document.querySelector<HTMLScriptElement>('script[src*="/kupla-chat.js"]');
  return new URL(script?.src ?? location.href, location.href).origin;
})();
