import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

/**
 * A modal dialog over the native element, which keeps the focus inside and gives it back. Escape and the backdrop
 * close it, as "no" does. Show it by rendering it, and hide it by no longer doing so.
 */
export function Dialog({
  title,
  children,
  actions,
  onClose,
}: {
  title: ComponentChildren;
  children?: ComponentChildren;
  /** The buttons. The first gets the focus: put the harmless one first. */
  actions: ComponentChildren;
  onClose: () => void;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (dialog === null) return;
    const before = document.activeElement;
    dialog.showModal();
    dialog.querySelector<HTMLElement>(".dialog__actions button")?.focus();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      class="dialog"
      ref={element}
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === element.current) onClose();
      }}
    >
      <div class="dialog__box">
        <h2 class="dialog__title" id={`${id}-title`}>
          {title}
        </h2>
        <div class="dialog__text" id={`${id}-text`}>
          {children}
        </div>
        <div class="dialog__actions">{actions}</div>
      </div>
    </dialog>
  );
}
