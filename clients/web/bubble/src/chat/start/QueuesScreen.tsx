import { useEffect } from "preact/hooks";
import type { QueueWithStatus } from "@kupla/contract/kupla/v1/queue_service_pb";
import { announce } from "../app/announcer.js";
import { useSession } from "../app/context.js";
import { moment } from "../i18n/format.js";
import { localized, localizedLanguage, t } from "../i18n/i18n.js";
import { Icon } from "../ui/Icon.js";
import { Notice } from "../ui/Notice.js";
import { PhoneLink } from "../ui/PhoneLink.js";
import { Screen } from "../ui/Screen.js";
import { noEstimateText, waitText } from "./estimateText.js";
import type { QueueView } from "./queueStatus.js";
import { queueView } from "./queueStatus.js";
import { statusText, waitingText } from "./queueStatusText.js";

/** All queues as they are now, to choose from. Those that are open come first. */
export function QueuesScreen({ missing }: { missing: boolean }) {
  const session = useSession();
  const { queues = [], connection, updateTime } = session.queues.value;
  const views = queues.map((entry) => ({ entry, view: queueView(entry.queue, entry.status) }));
  const open = views.filter(({ view }) => view.kind === "open" || view.kind === "full");
  const others = views.filter((item) => !open.includes(item));
  const phone = commonPhone(queues);
  const missingText = missing ? t("start:missing") : "";
  useEffect(() => announce(missingText, { key: "missing" }), [missingText]);
  return (
    <Screen name="queues" title={t("start:queuesTitle")}>
      <p class="lead">{t("start:queuesIntro")}</p>
      {missing && <Notice kind="info" title={t("start:missing")} />}
      {connection !== "open" && connection !== "connecting" && updateTime !== undefined && (
        <Notice kind="warning">
          <p>
            {t(connection === "interrupted" ? "start:staleInterrupted" : "start:stale", { time: moment(updateTime) })}
          </p>
        </Notice>
      )}
      {queues.length === 0 && <Notice kind="info" title={t("start:noQueues")} />}
      {queues.length > 0 && open.length === 0 && <Notice kind="info" title={t("start:noneOpen")} />}
      {open.length > 0 && <QueueList title={t("start:openNow")} items={open} ownPhones={phone === undefined} />}
      {others.length > 0 && <QueueList title={t("start:notOpen")} items={others} ownPhones={phone === undefined} />}
      {phone !== undefined && (
        <p class="phone-line">
          {t("start:phoneInstead")} <PhoneLink phone={phone} />
        </p>
      )}
    </Screen>
  );
}

/** The number that all queues share, so that it need not be told with each. */
function commonPhone(queues: readonly QueueWithStatus[]): string | undefined {
  const phones = new Set(queues.map(({ queue }) => queue?.phone ?? ""));
  const [phone] = phones;
  return phones.size === 1 && phone !== "" ? phone : undefined;
}

function QueueList({
  title,
  items,
  ownPhones,
}: {
  title: string;
  items: readonly { entry: QueueWithStatus; view: QueueView }[];
  ownPhones: boolean;
}) {
  const session = useSession();
  return (
    <section class="queue-list">
      <h2 class="queue-list__title">{title}</h2>
      <ul class="queue-list__items">
        {items.map(({ entry: { queue, status }, view }) =>
          queue === undefined ? null : (
            <li class="queue-card" key={queue.id} data-queue={queue.id} data-kind={view.kind}>
              <button type="button" class="queue-card__button" onClick={() => session.choose(queue.id)}>
                <span class="queue-card__text">
                  <span class="queue-card__name" lang={localizedLanguage(queue.name)}>
                    {localized(queue.name)}
                  </span>
                  <QueueStatusLine view={view} />
                  {view.showsWait && <WaitLine estimate={status?.estimate} short />}
                </span>
                <Icon name="chevronRight" class="queue-card__arrow" />
              </button>
              {ownPhones && queue.phone !== "" && (
                <p class="queue-card__phone">
                  {t("start:call")} <PhoneLink phone={queue.phone} />
                </p>
              )}
            </li>
          ),
        )}
      </ul>
    </section>
  );
}

/** How a queue is, and how many wait. */
export function QueueStatusLine({ view }: { view: QueueView }) {
  const waiting = waitingText(view);
  return (
    <span class="status-line">
      <span class={`status status--${view.kind}`}>{statusText(view)}</span>
      {waiting !== undefined && <span class="status-line__waiting">{waiting}</span>}
    </span>
  );
}

/** The wait of a newcomer, or that it cannot be told: why not stands once, on the page of the queue. */
export function WaitLine({ estimate, short = false }: { estimate: Parameters<typeof waitText>[0]; short?: boolean }) {
  const wait = waitText(estimate);
  const none = () => (short ? t("start:noEstimate.short") : noEstimateText(estimate));
  return <span class="wait-line">{wait === undefined ? none() : t("start:waitLabel", { wait })}</span>;
}
