import { afterEach } from "vitest";
import { type ChatConversation, type ChatState, createKupla, type Kupla, type KuplaOptions } from "../src/index.js";
import { FakePage } from "./fakePage.js";
import { conversationId, FakeService } from "./fakeService.js";
import { MemoryStorage } from "./memoryStorage.js";
import { settle } from "./virtualTime.js";

/** Every pause is half of its bound. */
export const half = () => 0.5;

const open: ChatConversation[] = [];
afterEach(() => {
  for (const conversation of open.splice(0)) conversation.close();
});

/** One tab with a fake service behind it. */
export interface Kit {
  service: FakeService;
  page: FakePage;
  storage: MemoryStorage;
  kupla: Kupla;
}

/** Makes a tab. Give it the service and the storage of another one to make a second tab of the same browser. */
export function kit(options: Partial<KuplaOptions> = {}, shared: Partial<Kit> = {}): Kit {
  const service = shared.service ?? new FakeService();
  const page = shared.page ?? new FakePage();
  const storage = shared.storage ?? new MemoryStorage();
  const kupla = createKupla({
    baseUrl: "",
    transport: service.transport,
    storage,
    page,
    random: half,
    locks: null,
    ...options,
  });
  return { service, page, storage, kupla };
}

/** Keeps a conversation as a start would have. */
export function keep(storage: MemoryStorage): void {
  storage.setItem(
    `kupla.conversation.${conversationId}`,
    JSON.stringify({
      conversationId,
      participantId: "p1",
      accessToken: "token",
      queueId: "oral-health",
      language: "fi",
      startTime: Date.now(),
    }),
  );
}

/** Opens the conversation in a tab, and closes it after the test. */
export async function opened(tab: Kit): Promise<ChatConversation> {
  keep(tab.storage);
  const conversation = tab.kupla.open(conversationId);
  open.push(conversation);
  await settle();
  return conversation;
}

/** The texts in the log. */
export function texts(state: ChatState): string[] {
  return state.events.flatMap(({ kind }) => (kind.case === "messagePosted" ? [kind.value.text] : []));
}

/** The numbers of the events. */
export function sequences(state: ChatState): number[] {
  return state.events.map(({ sequence }) => sequence);
}
