import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./Icon.js";

/** What ties a control to its label, hint and error. */
export interface FieldIds {
  readonly id: string;
  readonly "aria-describedby": string | undefined;
  readonly "aria-invalid": true | undefined;
}

/** A labelled control with a hint and an error. The control takes the ids: `{(ids) => <input {...ids} />}`. */
export function Field({
  label,
  optional,
  hint,
  error,
  children,
}: {
  label: ComponentChildren;
  /** Says that it may be left empty. */
  optional?: ComponentChildren;
  hint?: ComponentChildren;
  error?: ComponentChildren;
  children: (ids: FieldIds) => ComponentChildren;
}) {
  const id = useId();
  const described = [hint != null && `${id}-hint`, error != null && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label class="field__label" for={id}>
        {label}
        {optional != null && <span class="field__optional"> ({optional})</span>}
      </label>
      {hint != null && (
        <p class="field__hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {children({
        id,
        "aria-describedby": described === "" ? undefined : described,
        "aria-invalid": error == null ? undefined : true,
      })}
      {error != null && (
        <p class="field__error" id={`${id}-error`}>
          <Icon name="warning" />
          <span>{error}</span>
        </p>
      )}
    </div>
  );
}
