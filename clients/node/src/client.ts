import { createClient, type Client, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import type { SecureClientSessionOptions } from "node:http2";
import { Connection } from "./connection.js";
import { lossIsUnavailable } from "./errors.js";
import { CallService } from "./gen/callstream/v1/call_service_pb.js";
import { GatewayService } from "./gen/callstream/v1/gateway_service_pb.js";
import { StreamService } from "./gen/callstream/v1/stream_service_pb.js";
import { retryUnavailable } from "./retry.js";
import { watch, type WatchItem, type WatchOptions, type WatchRequest } from "./watch.js";

const LOCAL = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/;

/** Options of `connect`. */
export interface ConnectOptions {
  /** Sent with every request as `authorization: Bearer …`. Without TLS it is sent to this machine only. */
  readonly token?: string;
  /** True for TLS with the system's certificates, or options of node:tls such as `ca`. Plain text if not given. */
  readonly tls?: boolean | SecureClientSessionOptions;
}

/** A client of one gateway. It connects by itself when needed, and shares one connection among all its calls. */
export interface Callstream {
  readonly calls: Client<typeof CallService>;
  readonly gateway: Client<typeof GatewayService>;
  /** The plain stubs; `watch` is the watchEvents that resumes. */
  readonly streams: Client<typeof StreamService>;
  /** For clients of other services of the gateway, such as gRPC health. */
  readonly transport: Transport;
  /**
   * Watches events across lost connections and restarts of the gateway: in order, none twice, none missing. Ends once
   * the request's `until` is reached, on `signal`, and when the loop over it is left.
   *
   * @throws ConnectError - What is not worth another try, such as INVALID_ARGUMENT.
   */
  watch(request: WatchRequest, options?: WatchOptions): AsyncGenerator<WatchItem, void, undefined>;
  /** Ends everything that is under way, and closes the connection. */
  close(): void;
}

/**
 * Makes a client of the gateway at `target`, "host:port".
 *
 * Unary RPCs that are safe to repeat are tried again while the gateway is UNAVAILABLE, up to 4 times within their
 * `timeoutMs`.
 *
 * @throws TypeError - A token would leave this machine unencrypted.
 */
export function connect(target: string, { token, tls = false }: ConnectOptions = {}): Callstream {
  if (token !== undefined && !tls && !LOCAL.test(target)) {
    throw new TypeError(`a token is not sent to ${target} without encryption: use tls`);
  }
  const baseUrl = `${tls ? "https" : "http"}://${target}`;
  const connection = new Connection(baseUrl, typeof tls === "object" ? tls : undefined);
  const authorize: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: connection,
    interceptors: [authorize, retryUnavailable, lossIsUnavailable(connection.closed)],
  });
  const streams = createClient(StreamService, transport);
  return {
    calls: createClient(CallService, transport),
    gateway: createClient(GatewayService, transport),
    streams,
    transport,
    watch(request, options = {}) {
      const signals = options.signal ? [options.signal, connection.closed] : [connection.closed];
      return watch(streams, connection, request, { ...options, signal: AbortSignal.any(signals) });
    },
    close() {
      connection.close();
    },
  };
}
