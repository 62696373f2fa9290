import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { CloseReason } from "@kupla/contract/kupla/v1/conversation_pb";
import { ConversationService } from "@kupla/contract/kupla/v1/conversation_service_pb";
import { DeskService } from "@kupla/contract/kupla/v1/desk_service_pb";
import type { RealServer } from "./realServer.js";
import { setTimeout as pause } from "node:timers/promises";

/** The other side of a conversation, in plain calls. It repeats them over a restart of the server. */
export class Professional {
  readonly #server: RealServer;

  constructor(server: RealServer) {
    this.#server = server;
  }

  /** Takes a conversation. */
  async take(conversationId: string): Promise<void> {
    const requestId = crypto.randomUUID();
    await this.#repeat(({ desk }) => desk.takeConversation({ requestId, conversationId }));
  }

  async send(conversationId: string, text: string): Promise<void> {
    const requestId = crypto.randomUUID();
    await this.#repeat(({ conversations }) => conversations.sendMessage({ requestId, conversationId, text }));
  }

  async typing(conversationId: string): Promise<void> {
    await this.#repeat(({ conversations }) => conversations.setTyping({ conversationId }));
  }

  async markRead(conversationId: string, sequence: number): Promise<void> {
    await this.#repeat(({ conversations }) => conversations.markRead({ conversationId, sequence }));
  }

  async close(conversationId: string): Promise<void> {
    const requestId = crypto.randomUUID();
    const reason = CloseReason.COMPLETED;
    await this.#repeat(({ desk }) => desk.closeConversation({ requestId, conversationId, reason }));
  }

  /** The texts of the log as the service has it. */
  async texts(conversationId: string): Promise<string[]> {
    const texts: string[] = [];
    for (let pageToken = ""; ; ) {
      const page = await this.#repeat(({ conversations }) =>
        conversations.listEvents({ conversationId, pageSize: 1000, pageToken }),
      );
      for (const { kind } of page.events) if (kind.case === "messagePosted") texts.push(kind.value.text);
      if (page.nextPageToken === "") return texts;
      pageToken = page.nextPageToken;
    }
  }

  async #repeat<T>(call: (clients: Clients) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        // Made anew, as the server comes back on another port and with another token.
        const headers = { authorization: `Bearer ${this.#server.staffToken}` };
        const transport = createConnectTransport({
          baseUrl: this.#server.url,
          useBinaryFormat: true,
          interceptors: [
            (next) => (request) => {
              for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
              return next(request);
            },
          ],
        });
        return await call({
          desk: createClient(DeskService, transport),
          conversations: createClient(ConversationService, transport),
        });
      } catch (error) {
        const { code } = ConnectError.from(error, Code.Unavailable);
        if (code !== Code.Unavailable && code !== Code.Unauthenticated && code !== Code.Unknown) throw error;
        await pause(20);
      }
    }
  }
}

interface Clients {
  desk: Client<typeof DeskService>;
  conversations: Client<typeof ConversationService>;
}
