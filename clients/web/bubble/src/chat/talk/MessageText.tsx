import type { ComponentChild } from "preact";
import { useMemo } from "preact/hooks";

import { t } from "../i18n/i18n.js";
import { Icon } from "../ui/Icon.js";
import { VisuallyHidden } from "../ui/VisuallyHidden.js";
import { linkify } from "./linkify.js";

/** An address that may be broken after its slashes, rather than in the middle of a word. */
function breakable(address: string): ComponentChild[] {
  return address.split(/(?<=[^/]\/)(?!\/)/).flatMap((part, i) => (i === 0 ? [part] : [<wbr />, part]));
}

/**
 * The text of a message as it was written, with what can be followed as links. The direction of each link is set
 * apart, so that no character of the message can turn around what an address looks like.
 */
export function MessageText({ text, lang }: { text: string; lang?: string | undefined }) {
  const pieces = useMemo(() => linkify(text), [text]);
  return (
    <p class="message__text" dir="auto" {...(lang === undefined ? {} : { lang })}>
      {pieces.map((piece) => {
        if (piece.kind === "text") {
          return piece.text;
        }
        if (!piece.external) {
          return (
            <a href={piece.href} dir="ltr" rel="noreferrer">
              {piece.text}
            </a>
          );
        }
        return (
          <>
            <a href={piece.href} dir="ltr" target="_blank" rel="noopener noreferrer nofollow">
              {breakable(piece.text)}
              <VisuallyHidden> {t("talk:newTab")}</VisuallyHidden>
            </a>
            {piece.host !== undefined && (
              <span class="message__host">
                {" "}
                <Icon name="warning" />({t("talk:realHost", { host: piece.host })})
              </span>
            )}
          </>
        );
      })}
    </p>
  );
}
