import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { once } from "node:events";
import { createServer, type Http2Session } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import {
  CallService,
  connect,
  ErrorInfoSchema,
  RetryInfoSchema,
  StreamService,
  WatchEventsResponseSchema,
  type Callstream,
  type ConnectOptions,
  type WatchEventsRequest,
} from "../src/index.js";

type Responses = AsyncIterable<MessageInitShape<typeof WatchEventsResponseSchema>>;
/** How the fake answers one watch. */
export type Answer = (context: HandlerContext) => Responses;

// A warning of Node (a leaked listener, say) is a defect here.
process.on("warning", (warning) => {
  throw warning;
});

/** A gRPC server on a real socket that answers each watch by the next part of its script. */
export class FakeGateway implements AsyncDisposable {
  /** What the watches asked for, in order. */
  readonly requests: WatchEventsRequest[] = [];
  /** The connection that each request, also a unary one, came in on. */
  readonly sessions: (Http2Session | undefined)[] = [];
  openWatches = 0;
  mostOpenWatches = 0;
  readonly #sockets = new Set<Socket>();
  readonly #clients: Callstream[] = [];
  readonly #server;

  private constructor(answers: Answer[], calls: Partial<ServiceImpl<typeof CallService>>) {
    const watchEvents = this.#watch.bind(this, answers);
    this.#server = createServer(
      connectNodeAdapter({
        routes: (router) => router.service(StreamService, { watchEvents }).service(CallService, calls),
      }),
    );
    this.#server.on("stream", (stream) => this.sessions.push(stream.session));
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(answers: Answer[], calls: Partial<ServiceImpl<typeof CallService>> = {}): Promise<FakeGateway> {
    const gateway = new FakeGateway(answers, calls);
    gateway.#server.listen(0, "127.0.0.1");
    await once(gateway.#server, "listening");
    return gateway;
  }

  connect(options: ConnectOptions = {}): Callstream {
    const client = connect(`127.0.0.1:${(this.#server.address() as AddressInfo).port}`, options);
    this.#clients.push(client);
    return client;
  }

  /** Breaks all connections, without a word of HTTP/2. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    this.#server.close();
    this.cut();
    await once(this.#server, "close");
  }

  async *#watch(answers: Answer[], request: WatchEventsRequest, context: HandlerContext): Responses {
    this.requests.push(request);
    const answer = answers.shift();
    if (!answer) throw new ConnectError("the script is at its end", Code.Unimplemented);
    this.openWatches++;
    this.mostOpenWatches = Math.max(this.mostOpenWatches, this.openWatches);
    try {
      yield* answer(context);
    } finally {
      this.openWatches--;
    }
  }
}

/** Waits until the client has left. */
export async function untilLeft({ signal }: HandlerContext): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

export function opened(cursor: string, bookmarkMs = 15_000) {
  const bookmarkInterval = durationFromMs(bookmarkMs);
  return create(WatchEventsResponseSchema, { cursor, kind: { case: "opened", value: { bookmarkInterval } } });
}

export function events(cursor: string, ...sequences: number[]) {
  const value = { events: sequences.map((sequence) => ({ sequence: BigInt(sequence) })) };
  return create(WatchEventsResponseSchema, { cursor, kind: { case: "events", value } });
}

export function bookmark(cursor: string) {
  return create(WatchEventsResponseSchema, { cursor, kind: { case: "bookmark", value: {} } });
}

export function snapshot(cursor: string, controlId: string, last: boolean) {
  const value = { streams: [{ controlId }], last };
  return create(WatchEventsResponseSchema, { cursor, kind: { case: "snapshot", value } });
}

export function closing(cursor: string, retryAfterMs: number) {
  const value = { retryAfter: durationFromMs(retryAfterMs) };
  return create(WatchEventsResponseSchema, { cursor, kind: { case: "closing", value } });
}

export function refusal(code: Code, reason: string, retryDelayMs?: number): ConnectError {
  return new ConnectError("no", code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "callstream" } },
    ...(retryDelayMs === undefined
      ? []
      : [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryDelayMs) } }]),
  ]);
}
