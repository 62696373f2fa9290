import { announce } from "../app/announcer.js";
import type { Chat } from "../app/session.js";
import { untilMoment } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import { chatQueueName } from "../talk/chatQueueName.js";
import { Button } from "../ui/Button.js";
import { Icon } from "../ui/Icon.js";
import { readableUntil } from "./copyTime.js";
import { saveTextFile } from "./saveTextFile.js";
import { transcript, transcriptFileName } from "./transcript.js";

/** Saves the conversation as a file, prints it, and removes it from the device. */
export function KeepCopy({ chat, onForget }: { chat: Chat; onForget: () => void }) {
  const until = readableUntil(chat.state.value.conversation?.closeTime);
  const save = (): void => {
    const told = chat.state.value;
    saveTextFile(transcriptFileName(told), transcript(told, chatQueueName(chat)));
    announce(t("ended:copy.saved"), { key: "copy", priority: "now" });
  };
  return (
    <section class="ended__card">
      <h2 class="ended__card-title">{t("ended:copy.title")}</h2>
      <p>
        {t("ended:copy.text")} {until !== undefined && t("ended:copy.until", { moment: untilMoment(until) })}
      </p>
      <div class="ended__buttons">
        <Button kind="secondary" icon={<Icon name="download" />} onClick={save}>
          {t("ended:copy.save")}
        </Button>
        <Button kind="secondary" icon={<Icon name="print" />} onClick={() => window.print()}>
          {t("ended:copy.print")}
        </Button>
      </div>
      <p class="ended__hint">{t("ended:copy.shared")}</p>
      <Button kind="quiet" class="ended__forget" onClick={onForget}>
        {t("ended:forget.action")}
      </Button>
    </section>
  );
}
