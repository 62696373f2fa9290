/** What is kept of one conversation: all that is needed to go on with it. */
export interface SavedRecord {
  readonly conversationId: string;
  readonly participantId: string;
  /** Opens the conversation to whoever has it. */
  readonly accessToken: string;
  readonly queueId: string;
  readonly language: string;
  /** In milliseconds since 1970. */
  readonly startTime: number;
  /** In milliseconds since 1970. Undefined while it is not known to have ended. */
  readonly closeTime?: number | undefined;
}

/** The token opens the conversation for so long after its close. What is kept longer opens nothing. */
export const readableAfterCloseMs = 24 * 60 * 60 * 1000;
