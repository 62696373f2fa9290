import type { ComponentChildren, ComponentProps, Ref } from "preact";

/** How a button looks: the one main thing of a screen, another choice, hardly there, or what ends something. */
export type ButtonKind = "primary" | "secondary" | "quiet" | "danger";

/** A button. While busy it stays focusable, says so, and does nothing. */
export function Button({
  kind = "primary",
  busy = false,
  small = false,
  wide = false,
  icon,
  children,
  onClick,
  buttonRef,
  class: extra,
  ...rest
}: {
  kind?: ButtonKind;
  busy?: boolean;
  /** Smaller than the main targets, never below 32px. */
  small?: boolean;
  /** As wide as its place. */
  wide?: boolean;
  icon?: ComponentChildren;
  buttonRef?: Ref<HTMLButtonElement>;
  class?: string;
} & Omit<ComponentProps<"button">, "class" | "icon" | "ref">) {
  const names = ["button", `button--${kind}`, small && "button--small", wide && "button--wide", extra];
  return (
    <button
      type="button"
      {...rest}
      {...(buttonRef === undefined ? {} : { ref: buttonRef })}
      class={names.filter(Boolean).join(" ")}
      aria-disabled={busy || rest.disabled ? true : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {icon}
      <span class="button__label">{children}</span>
    </button>
  );
}
