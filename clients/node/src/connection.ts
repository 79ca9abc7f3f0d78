import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager, type GrpcTransportOptions } from "@connectrpc/connect-node";
import type { SecureClientSessionOptions } from "node:http2";

type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>;

const KEEPALIVE = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };

/**
 * The client's HTTP/2 connection: opened when needed, kept alive by pings, and replaceable.
 *
 * A watch that hears nothing gives its connection up long before the ping does. Requests that still run on it are
 * left alone: a live connection finishes them, a dead one fails them at its next ping.
 */
export class Connection implements SessionManager {
  readonly authority: string;
  readonly #open: () => Http2SessionManager;
  readonly #sessions = new Set<Http2SessionManager>();
  readonly #closing = new AbortController();
  #current: Http2SessionManager;

  constructor(url: string, tls?: SecureClientSessionOptions) {
    this.#open = () => {
      const session = new Http2SessionManager(url, KEEPALIVE, tls);
      this.#sessions.add(session);
      return session;
    };
    this.#current = this.#open();
    this.authority = this.#current.authority;
  }

  /** What requests run on now. */
  get current(): Http2SessionManager {
    return this.#current;
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  async request(...args: Parameters<SessionManager["request"]>): ReturnType<SessionManager["request"]> {
    if (this.closed.aborted) throw new ConnectError("the client is closed", Code.Canceled);
    const session = this.#current;
    const stream = await session.request(...args);
    stream.once("close", () => {
      this.#retire(session);
    });
    return stream;
  }

  notifyResponseByteRead(...args: Parameters<SessionManager["notifyResponseByteRead"]>): void {
    for (const session of this.#sessions) session.notifyResponseByteRead(...args);
  }

  /** Lets what comes next use a new connection, unless somebody has given up `former` already. */
  replace(former: Http2SessionManager): void {
    if (former !== this.#current) return;
    this.#current = this.#open();
    this.#retire(former);
  }

  /** Ends the connection and everything on it, for good. */
  close(): void {
    this.#closing.abort();
    for (const session of this.#sessions) session.abort();
  }

  /** Closes a connection that was given up, once nothing runs on it. */
  #retire(session: Http2SessionManager): void {
    if (session === this.#current || session.state() === "open") return;
    this.#sessions.delete(session);
    session.abort();
  }
}
