import type { KuplaError } from "@kupla/sdk";
import { useEffect, useState } from "preact/hooks";
import { announce } from "../app/announcer.js";
import { t } from "../i18n/i18n.js";
import { Notice } from "../ui/Notice.js";
import { PhoneLink } from "../ui/PhoneLink.js";
import { retryingKey } from "./retryingKey.js";

/** A start that gets through before this needs no word of it. */
const patienceMs = 2000;

/** Says why the start takes long, that it goes on by itself, and whom one can call meanwhile. It is heard once. */
export function StartRetrying({ error, phone }: { error: KuplaError; phone: string }) {
  const [told, setTold] = useState(false);
  const title = t(retryingKey(error));
  const text = t("start:retrying.text");
  useEffect(() => {
    const timer = setTimeout(() => setTold(true), patienceMs);
    return () => clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (told) announce(`${title} ${text}`, { key: "start", priority: "now" });
  }, [told, title, text]);
  if (!told) return null;
  return (
    <Notice kind="info" title={title}>
      <p>{text}</p>
      {phone !== "" && (
        <p>
          {t("start:phoneInstead")} <PhoneLink phone={phone} />
        </p>
      )}
    </Notice>
  );
}
