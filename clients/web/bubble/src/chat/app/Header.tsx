import { useState } from "preact/hooks";
import { language, setLanguage, t } from "../i18n/i18n.js";
import type { Language } from "../i18n/languages.js";
import { languages } from "../i18n/languages.js";
import { Icon } from "../ui/Icon.js";
import { announce } from "./announcer.js";
import { useSession } from "./context.js";

/** The bar at the top: whose chat it is, the languages, and the way back to the page around. */
export function Header() {
  const { host } = useSession();
  return (
    <header class="header">
      <div class="header__inner">
        <p class="header__brand">
          <span class="header__logo" aria-hidden="true">
            <Icon name="bubble" class="header__bubble" />
          </span>
          <span class="header__name">{t("common:chat")}</span>
        </p>
        <LanguageSwitch />
        {host.embedded && (
          <button type="button" class="header__button" onClick={() => host.tell({ type: "minimise" })}>
            <Icon name="minimise" />
            <span class="visually-hidden">{t("common:minimise")}</span>
          </button>
        )}
      </div>
    </header>
  );
}

function LanguageSwitch() {
  const [wanted, setWanted] = useState<Language>();
  const choose = async (next: Language) => {
    setWanted(next);
    try {
      await setLanguage(next);
    } catch {
      announce(t("common:languageFailed"), { key: "language", priority: "now" });
    }
    setWanted(undefined);
  };
  return (
    <div class="languages" role="group" aria-label={t("common:languageChoice")}>
      {languages.map((code) => (
        <button
          key={code}
          type="button"
          class="languages__button"
          lang={code}
          aria-pressed={language.value === code}
          aria-busy={wanted === code}
          onClick={() => void choose(code)}
        >
          {code.toUpperCase()}
          <span class="visually-hidden"> {t(`common:languageName.${code}`)}</span>
        </button>
      ))}
    </div>
  );
}
