import type { KuplaError } from "@kupla/sdk";
import { errorWords } from "../app/errorText.js";
import { t } from "../i18n/i18n.js";
import { Button } from "../ui/Button.js";
import { Notice } from "../ui/Notice.js";
import { PhoneLink } from "../ui/PhoneLink.js";
import { isServiceFault } from "./retryingKey.js";

/** Why the start was refused, and what to do about it. */
export function StartError({
  error,
  queuePhone,
  onOtherQueue,
}: {
  error: KuplaError;
  /** The number of the queue, empty when it has none. */
  queuePhone: string;
  onOtherQueue: () => void;
}) {
  const { problem, advice, phone = isServiceFault(error) ? queuePhone : "" } = errorWords(error);
  const gone = error.reason === "QUEUE_NOT_FOUND";
  return (
    <Notice
      kind="danger"
      id="start-error"
      title={problem}
      actions={
        gone ? (
          <Button kind="secondary" small onClick={onOtherQueue}>
            {t("common:backToQueues")}
          </Button>
        ) : undefined
      }
    >
      {advice !== "" && <p>{advice}</p>}
      {phone !== "" && (
        <p>
          {t("start:phoneInstead")} <PhoneLink phone={phone} />
        </p>
      )}
    </Notice>
  );
}
