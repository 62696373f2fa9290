import type { Queue, QueueStatus } from "@kupla/contract/kupla/v1/queue_pb";
import { QueueState } from "@kupla/contract/kupla/v1/queue_pb";
import { timestampDate } from "@bufbuild/protobuf/wkt";

/** How a queue is, for who thinks of going in. */
export interface QueueView {
  /** What to say of it. */
  readonly kind: "open" | "full" | "paused" | "closed" | "unknown";
  /** When that changes, if it is known: closing, the end of the pause, opening. */
  readonly changeTime: Date | undefined;
  /** Whether the queue never closes, so that an open one needs no "until". */
  readonly always: boolean;
  /** Whether a start would be taken. */
  readonly canStart: boolean;
  /** How many wait; undefined where it says nothing, as in a closed queue where nobody does. */
  readonly waiting: number | undefined;
  /** Whether to tell of the wait of a newcomer. */
  readonly showsWait: boolean;
}

/** Reads the status of a queue. */
export function queueView(queue: Queue | undefined, status: QueueStatus | undefined): QueueView {
  const changeTime = status?.changeTime === undefined ? undefined : timestampDate(status.changeTime);
  const kind = kindOf(status);
  const open = kind === "open" || kind === "full";
  return {
    kind,
    changeTime,
    always: open && changeTime === undefined && queue !== undefined && isAlwaysOpen(queue),
    canStart: kind === "open",
    waiting: status === undefined || (!open && status.waitingCount === 0) ? undefined : status.waitingCount,
    showsWait: kind === "open",
  };
}

function kindOf(status: QueueStatus | undefined): QueueView["kind"] {
  switch (status?.state) {
    case QueueState.OPEN:
      return status.full ? "full" : "open";
    case QueueState.PAUSED:
      return "paused";
    case QueueState.CLOSED:
      return "closed";
    default:
      return "unknown";
  }
}

function isAlwaysOpen({ openingHours }: Queue): boolean {
  const wholeDays = openingHours?.weekly.filter(({ spans }) =>
    spans.some(({ start, end }) => start === "00:00" && end === "24:00"),
  );
  return wholeDays?.length === 7;
}
