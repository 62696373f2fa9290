import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, createRouterTransport, type HandlerContext } from "@connectrpc/connect";
import { Capability, ConversationState, EventSchema, type Event } from "@kupla/contract/kupla/v1/conversation_pb";
import {
  ConversationService,
  FollowConversationResponseSchema,
  type FollowConversationRequest,
  type FollowConversationResponse,
  type MarkReadRequest,
  type SendMessageRequest,
  type StartConversationRequest,
} from "@kupla/contract/kupla/v1/conversation_service_pb";
import { QueueService, type WatchQueuesResponse } from "@kupla/contract/kupla/v1/queue_service_pb";

/** The resident's participant id in the conversations of the fake. */
export const me = "p1";
/** The professional's. */
export const professional = "p2";
/** The conversation that every start names. */
export const conversationId = "c1";

/** An answer of the service itself, with its reason. */
export function refusal(
  code: Code,
  reason: string,
  more: { metadata?: Record<string, string>; retryMs?: number } = {},
): ConnectError {
  const error = new ConnectError(reason.toLowerCase(), code);
  const info = new BinaryWriter();
  info.tag(1, WireType.LengthDelimited).string(reason);
  info.tag(2, WireType.LengthDelimited).string("kupla");
  for (const [key, value] of Object.entries(more.metadata ?? {})) {
    info.tag(3, WireType.LengthDelimited).fork();
    info.tag(1, WireType.LengthDelimited).string(key);
    info.tag(2, WireType.LengthDelimited).string(value);
    info.join();
  }
  error.details.push({ type: "google.rpc.ErrorInfo", value: info.finish() });
  if (more.retryMs !== undefined) {
    const retry = new BinaryWriter();
    retry.tag(1, WireType.LengthDelimited).fork();
    retry.tag(1, WireType.Varint).int64(Math.floor(more.retryMs / 1000));
    retry.tag(2, WireType.Varint).int32((more.retryMs % 1000) * 1e6);
    retry.join();
    error.details.push({ type: "google.rpc.RetryInfo", value: retry.finish() });
  }
  return error;
}

/** An event in which somebody wrote. */
export function message(sequence: number, text: string, participantId = professional): Event {
  return create(EventSchema, { sequence, participantId, kind: { case: "messagePosted", value: { text } } });
}

/** One open stream, whose frames the test pushes. */
export class FakeStream<Request, Response> {
  readonly request: Request;
  readonly authorization: string | null;
  /** Whether the client still listens. */
  open = true;
  readonly #waiting: (Response | Error | "end")[] = [];
  #wake = () => {};

  constructor(request: Request, context: HandlerContext) {
    this.request = request;
    this.authorization = context.requestHeader.get("authorization");
    context.signal.addEventListener("abort", () => {
      this.open = false;
      this.#wake();
    });
  }

  push(...frames: Response[]): void {
    this.#waiting.push(...frames);
    this.#wake();
  }

  /** Ends the stream as a lost connection does, or with an answer of the service. */
  fail(error: Error = new ConnectError("cut", Code.Unavailable)): void {
    this.#waiting.push(error);
    this.#wake();
  }

  /** Ends the stream without a word. */
  end(): void {
    this.#waiting.push("end");
    this.#wake();
  }

  async *frames(): AsyncGenerator<Response> {
    try {
      while (this.open) {
        const next = this.#waiting.shift();
        if (next === "end") return;
        if (next instanceof Error) throw next;
        if (next !== undefined) yield next as Response;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.open = false;
    }
  }
}

type Follow = FakeStream<FollowConversationRequest, FollowConversationResponse>;

/** A service that does what the test says, and remembers what it was asked. */
export class FakeService {
  readonly streams: Follow[] = [];
  readonly queueStreams: FakeStream<unknown, WatchQueuesResponse>[] = [];
  readonly starts: StartConversationRequest[] = [];
  readonly sends: SendMessageRequest[] = [];
  readonly marks: MarkReadRequest[] = [];
  typings = 0;
  /** Called as a stream is opened; what it throws refuses the stream. */
  onFollow: () => void = () => {};
  /** Answers a send with the number of its event. */
  onSend: (request: SendMessageRequest) => number | Promise<number> = () => 0;
  onStart: (request: StartConversationRequest) => void | Promise<void> = () => {};
  onMark: (request: MarkReadRequest) => void | Promise<void> = () => {};

  readonly transport = createRouterTransport((router) => {
    const service = this;
    router.service(ConversationService, {
      async *followConversation(request, context) {
        service.onFollow();
        const stream: Follow = new FakeStream(request, context);
        service.streams.push(stream);
        yield* stream.frames();
      },
      async startConversation(request) {
        service.starts.push(request);
        await service.onStart(request);
        return {
          conversation: { id: conversationId },
          participantId: me,
          accessToken: `token-${service.starts.length}`,
        };
      },
      async sendMessage(request) {
        service.sends.push(request);
        const sequence = await service.onSend(request);
        return { event: message(sequence, request.text, me) };
      },
      async markRead(request) {
        service.marks.push(request);
        await service.onMark(request);
        return { readMark: { participantId: me, sequence: request.sequence } };
      },
      setTyping() {
        service.typings++;
        return {};
      },
    });
    router.service(QueueService, {
      async *watchQueues(request, context) {
        service.onFollow();
        const stream = new FakeStream<unknown, WatchQueuesResponse>(request, context);
        service.queueStreams.push(stream);
        yield* stream.frames();
      },
    });
  });

  /** The stream that was opened last. */
  get stream(): Follow {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error("no stream was opened");
    return last;
  }
}

/** Makes a frame. */
export function frame(
  cursor: string,
  value: MessageInitShape<typeof FollowConversationResponseSchema>["frame"],
): FollowConversationResponse {
  return create(FollowConversationResponseSchema, { cursor, frame: value ?? { case: undefined } });
}

/** A snapshot of the conversation whose log ends at a number. */
export function snapshot(
  cursor: string,
  lastSequence: number,
  state = ConversationState.ACTIVE,
): FollowConversationResponse {
  const capabilities =
    state === ConversationState.CLOSED
      ? [Capability.READ]
      : [Capability.READ, Capability.SEND_MESSAGE, Capability.MARK_READ, Capability.LEAVE];
  return frame(cursor, {
    case: "snapshot",
    value: { conversation: { id: conversationId, state, lastSequence, capabilities } },
  });
}

/** A frame with a message. */
export function posted(
  sequence: number,
  text = `text ${sequence}`,
  participantId = professional,
): FollowConversationResponse {
  return frame(`cursor ${sequence}`, { case: "events", value: { events: [message(sequence, text, participantId)] } });
}

/** One frame with several messages. */
export function postedAll(...numbers: number[]): FollowConversationResponse {
  const events = numbers.map((n) => message(n, `text ${n}`, professional));
  return frame(`cursor ${numbers.at(-1)}`, { case: "events", value: { events } });
}
