import type { KuplaServer } from "./kuplaServer.ts";
import type { Desk, Stage, Talk } from "./stage.ts";
import { queue } from "./test.ts";

const minute = 60_000;

/**
 * Has a professional finish a dozen conversations of five to nine minutes, so that the service can tell how long a wait
 * is. The server must have a clock of its own: it takes an hour and a half there, and a second here.
 */
export async function makeHistory(
  server: KuplaServer,
  stage: Stage,
  desk: Desk,
  queueId: string = queue.id,
): Promise<void> {
  for (let i = 0; i < 4; i++) {
    const talks: Talk[] = [];
    await stage.arrive(queueId, { count: 3 });
    await server.pass(2 * minute);
    for (let j = 0; j < 3; j++) talks.push(await desk.takeNext());
    await server.pass((4 + i) * minute);
    for (const talk of talks) {
      await server.pass(minute);
      await talk.close();
    }
  }
}
