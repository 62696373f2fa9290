import { t } from "../i18n/i18n.js";
import { Notice } from "../ui/Notice.js";
import { useSession } from "./context.js";

/** Warns where the browser keeps nothing, so that a reload would lose the place. */
export function MemoryNotice() {
  const { kupla } = useSession();
  if (kupla.storage !== "memory") return null;
  return (
    <Notice kind="warning">
      <p>{t("common:memoryOnly")}</p>
    </Notice>
  );
}
