import { KuplaChat } from "./KuplaChat.js";

// A page may have the script twice, as by a template and by a plugin.
if (!customElements.get("kupla-chat")) {
  customElements.define("kupla-chat", KuplaChat);
}
