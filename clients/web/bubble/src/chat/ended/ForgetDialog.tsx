import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Dialog } from "../ui/Dialog.js";

/** Asks before the conversation is removed from this device, for nothing brings it back. */
export function ForgetDialog({ onForget, onClose }: { onForget: () => void; onClose: () => void }) {
  return (
    <Dialog
      title={t("ended:forget.title")}
      onClose={onClose}
      actions={
        <>
          <Button kind="secondary" onClick={onClose}>
            {t("ended:forget.cancel")}
          </Button>
          <Button kind="danger" onClick={onForget}>
            {t("ended:forget.confirm")}
          </Button>
        </>
      }
    >
      <p>{t("ended:forget.text")}</p>
    </Dialog>
  );
}
