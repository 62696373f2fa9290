import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

const kept = 24 * 60 * 60_000;

/** Until when a conversation can be read after its close: the access token is good for 24 hours from then. */
export function readableUntil(closeTime: Timestamp | undefined): Date | undefined {
  return closeTime && new Date(timestampDate(closeTime).getTime() + kept);
}
