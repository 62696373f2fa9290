import type { ComponentChildren } from "preact";
import { list } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import type { Language } from "../i18n/languages.js";
import { Button } from "../ui/Button.js";
import { Field } from "../ui/Field.js";
import type { StartProblems } from "./startForm.js";
import { nameLimit } from "./startForm.js";

/** What may be said before going in: a name and a first message, both only if one likes. */
export function StartForm({
  name,
  message,
  language,
  codes,
  asksLanguage,
  problems,
  busy,
  failure,
  onName,
  onMessage,
  onLanguage,
  onStart,
}: {
  name: string;
  message: string;
  language: Language;
  codes: readonly Language[];
  /** Whether the language is asked: it is not while the queue serves that of the page. */
  asksLanguage: boolean;
  problems: StartProblems | undefined;
  busy: boolean;
  failure: ComponentChildren;
  onName: (name: string) => void;
  onMessage: (message: string) => void;
  onLanguage: (language: Language) => void;
  onStart: () => void;
}) {
  return (
    <form
      class="start-form"
      id="start"
      aria-labelledby="start-title"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) onStart();
      }}
    >
      <h2 id="start-title">{t("start:form")}</h2>
      {asksLanguage && (
        <fieldset class="choices">
          <legend class="field__label">{t("start:languageQuestion")}</legend>
          <p class="field__hint">
            {t("start:languageHint", { languages: list(codes.map((code) => t(`common:languageIn.${code}`))) })}
          </p>
          {codes.map((code) => (
            <label class="choice" key={code}>
              <input
                type="radio"
                name="language"
                value={code}
                checked={code === language}
                onChange={() => onLanguage(code)}
              />
              <span lang={code}>{t(`common:languageName.${code}`)}</span>
            </label>
          ))}
        </fieldset>
      )}
      <Field
        label={t("start:name")}
        optional={t("start:optional")}
        hint={t("start:nameHint")}
        error={problems?.name === undefined ? undefined : t("start:identityCode")}
      >
        {(ids) => (
          <input
            {...ids}
            class="input"
            type="text"
            maxLength={nameLimit}
            autocomplete="off"
            value={name}
            onInput={(event) => onName(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field
        label={t("start:message")}
        optional={t("start:optional")}
        hint={t("start:messageHint")}
        error={messageError(problems)}
      >
        {(ids) => (
          <textarea
            {...ids}
            class="input"
            rows={3}
            value={message}
            onInput={(event) => onMessage(event.currentTarget.value)}
          />
        )}
      </Field>
      {failure}
      <Button type="submit" wide busy={busy}>
        {busy ? t("start:submitting") : t("start:submit")}
      </Button>
    </form>
  );
}

function messageError(problems: StartProblems | undefined): string | undefined {
  if (problems?.message === undefined) return undefined;
  return problems.message === "identityCode"
    ? t("start:identityCode")
    : t("start:tooLong", { count: problems.message.tooLongBy });
}
