import { Code } from "@connectrpc/connect";
import type { KuplaError } from "@kupla/sdk";
import type { TextKey } from "../i18n/texts.js";

/** Why a start has not got through yet. */
export function retryingKey(error: Pick<KuplaError, "code" | "reason">): TextKey {
  if (error.code === Code.ResourceExhausted) return "start:retrying.busy";
  return error.reason === "UNAVAILABLE" ? "start:retrying.interrupted" : "start:retrying.unreachable";
}

/** Whether a refusal has nothing to do with the queue or with what was written: calling may then be the quicker way. */
export function isServiceFault({ code }: Pick<KuplaError, "code">): boolean {
  return (
    code === Code.Unavailable ||
    code === Code.DeadlineExceeded ||
    code === Code.ResourceExhausted ||
    code === Code.Internal
  );
}
