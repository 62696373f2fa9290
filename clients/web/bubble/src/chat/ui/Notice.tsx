import type { ComponentChildren } from "preact";
import { Icon } from "./Icon.js";

/** What a notice means. */
export type NoticeKind = "info" | "success" | "warning" | "danger";

const icons = { info: "info", success: "check", warning: "warning", danger: "warning" } as const;

/**
 * A framed notice. It is not a live region of its own: what is to be heard at once also goes to the announcer, so that
 * there is one voice only.
 */
export function Notice({
  kind = "info",
  title,
  actions,
  children,
  id,
}: {
  kind?: NoticeKind;
  title?: ComponentChildren;
  actions?: ComponentChildren;
  children?: ComponentChildren;
  id?: string;
}) {
  const names = ["notice", `notice--${kind}`, title !== undefined && "notice--titled"];
  return (
    <div class={names.filter(Boolean).join(" ")} id={id}>
      <Icon name={icons[kind]} class="notice__icon" />
      {title !== undefined && <p class="notice__title">{title}</p>}
      <div class="notice__body">
        {children}
        {actions != null && actions !== false && <div class="notice__actions">{actions}</div>}
      </div>
    </div>
  );
}
