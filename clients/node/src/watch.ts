import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "./connection.js";
import { retryDelayOf } from "./errors.js";
import type { Call } from "./gen/callstream/v1/call_pb.js";
import type { Event } from "./gen/callstream/v1/event_pb.js";
import type { Stream } from "./gen/callstream/v1/stream_pb.js";
import {
  WatchEventsRequestSchema,
  type StreamService,
  type WatchEventsResponse,
} from "./gen/callstream/v1/stream_service_pb.js";
import { BACKOFF, backoffMs, type Backoff } from "./retry.js";

/** What a watch hands over. `cursor` is where the watch is after it: store it to go on from there in a later process. */
export type WatchItem =
  | { readonly kind: "events"; readonly cursor: string; readonly events: Event[] }
  | SnapshotPart
  | { readonly kind: "bookmark"; readonly cursor: string };

/** A part of the state at the cursor: the streams and calls that have not ended. */
export interface SnapshotPart {
  readonly kind: "snapshot";
  readonly cursor: string;
  readonly streams: Stream[];
  readonly calls: Call[];
  /** A snapshot begins: forget what was known before, also the parts of one that broke off. */
  readonly first: boolean;
  /** The snapshot is whole. */
  readonly last: boolean;
  /**
   * It replaces what was known before: the history up to here could not be resumed (compacted, or another journal), or
   * parts of this snapshot were handed over before it broke off.
   */
  readonly reset: boolean;
}

/** Options of a watch. */
export interface WatchOptions {
  /** Ends the watch; iteration then stops without an error. */
  readonly signal?: AbortSignal;
  /** How many bookmarks in a row may be missed before the connection counts as dead; 3 if not given. */
  readonly deadAfterIntervals?: number;
  /** How long to wait before opening again; 0.1 s to 10 s if not given. */
  readonly backoff?: Backoff;
}

/** The fields of a WatchEventsRequest. */
export type WatchRequest = MessageInitShape<typeof WatchEventsRequestSchema>;

/** Watches events across lost connections and restarts of the gateway: see `Callstream.watch`. */
export async function* watch(
  client: Client<typeof StreamService>,
  connection: Connection,
  request: WatchRequest,
  { signal, deadAfterIntervals = 3, backoff = BACKOFF }: WatchOptions & { readonly signal: AbortSignal },
): AsyncGenerator<WatchItem, void, undefined> {
  const progress = new Progress(request, backoff);
  const stopped = () => signal.aborted;
  while (!stopped()) {
    const attempt = new AbortController();
    const abort = () => {
      attempt.abort();
    };
    signal.addEventListener("abort", abort);
    const session = connection.current;
    try {
      const responses = client.watchEvents(progress.request, { signal: attempt.signal });
      const messages = responses[Symbol.asyncIterator]();
      for (;;) {
        const watchdog = setTimeout(abort, progress.bookmarkIntervalMs * deadAfterIntervals);
        const message = await messages.next().finally(() => {
          clearTimeout(watchdog);
        });
        if (message.done) return;
        const item = progress.take(message.value);
        if (item) yield item;
      }
    } catch (error) {
      if (stopped()) return;
      const silent = attempt.signal.aborted;
      if (silent) connection.replace(session);
      progress.fail(silent ? new ConnectError("bookmarks are missing", Code.Unavailable) : error);
    } finally {
      signal.removeEventListener("abort", abort);
      attempt.abort(); // at most one stream is open, and none once the consumer has left
    }
    await sleep(progress.waitMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Decides what a watch asks for next, from what it has received. */
export class Progress {
  readonly request;
  /** How often the server speaks at least. */
  bookmarkIntervalMs: number;
  /** How long to wait before the next attempt. */
  waitMs = 0;
  readonly #requestedIntervalMs: number;
  readonly #backoff: Backoff;
  #failures = 0;
  #retryAfterMs = 0;
  #firstPart = true;
  #reset = false;

  constructor(request: WatchRequest, backoff: Backoff) {
    this.request = clone(WatchEventsRequestSchema, create(WatchEventsRequestSchema, request));
    this.#requestedIntervalMs = this.request.bookmarkInterval ? durationMs(this.request.bookmarkInterval) : 15_000;
    this.bookmarkIntervalMs = this.#requestedIntervalMs;
    this.#backoff = backoff;
  }

  take({ cursor, kind }: WatchEventsResponse): WatchItem | undefined {
    switch (kind.case) {
      case "opened":
        if (kind.value.bookmarkInterval) this.bookmarkIntervalMs = durationMs(kind.value.bookmarkInterval);
        // Parts of a snapshot that broke off were handed over, and it begins again.
        if (this.request.includeSnapshot && !this.#firstPart) this.#reset = true;
        this.#firstPart = true;
        // "Now" is settled from here on. A snapshot that has been asked for is still to come.
        if (!this.request.includeSnapshot) this.#resumeAt(cursor);
        return undefined;
      case "snapshot": {
        const { streams, calls, last } = kind.value;
        const [first, reset] = [this.#firstPart, this.#reset];
        this.#firstPart = false;
        if (last) this.#arriveAt(cursor);
        return { kind: "snapshot", cursor, streams, calls, first, last, reset };
      }
      case "events":
        this.#arriveAt(cursor);
        return { kind: "events", cursor, events: kind.value.events };
      case "bookmark":
        this.#arriveAt(cursor);
        return { kind: "bookmark", cursor };
      case "closing":
        this.#retryAfterMs = kind.value.retryAfter ? durationMs(kind.value.retryAfter) : 0;
        return undefined;
      case undefined: // a kind that this version does not know
        return undefined;
    }
  }

  /** Prepares the next attempt, or throws what ended this one if another would end the same way. */
  fail(reason: unknown): void {
    const error = ConnectError.from(reason);
    if (error.code === Code.OutOfRange) {
      this.request.start = { case: undefined };
      this.request.includeSnapshot = true;
      this.#reset = true;
    } else if (error.code !== Code.Unavailable) {
      throw error;
    }
    this.waitMs = Math.max(this.#retryAfterMs, retryDelayOf(error)) + backoffMs(this.#failures++, this.#backoff);
    this.#retryAfterMs = 0;
    this.bookmarkIntervalMs = this.#requestedIntervalMs; // until `opened` tells the next one
  }

  #resumeAt(cursor: string): void {
    this.request.start = { case: "afterCursor", value: cursor };
    this.request.includeSnapshot = false;
  }

  #arriveAt(cursor: string): void {
    this.#resumeAt(cursor);
    this.#failures = 0;
  }
}
