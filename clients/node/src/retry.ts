import { ConnectError, Code, type Interceptor, type UnaryRequest } from "@connectrpc/connect";
import { setTimeout as sleep } from "node:timers/promises";
import { retryDelayOf } from "./errors.js";
import type { DialRequest } from "./gen/callstream/v1/call_service_pb.js";
import type { StartStreamRequest } from "./gen/callstream/v1/stream_service_pb.js";

/** Bounds of the exponential backoff, in milliseconds. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
}

export const BACKOFF: Backoff = { initialMs: 100, maxMs: 10_000 };

const ATTEMPTS = 4;

/** A random time (full jitter, so that clients of a restarted gateway don't come all at once), in milliseconds. */
export function backoffMs(failures: number, { initialMs, maxMs }: Backoff): number {
  return Math.random() * Math.min(maxMs, initialMs * 2 ** failures);
}

/**
 * Tries unary RPCs that are safe to repeat up to 4 times while the answer is UNAVAILABLE, within the caller's deadline.
 * Connect has no service config, which would do this elsewhere.
 */
export const retryUnavailable: Interceptor = (next) => async (request) => {
  if (request.stream || !isRepeatable(request)) return next(request);
  const deadline = deadlineOf(request.header);
  for (let failures = 0; ; failures++) {
    try {
      return await next(request);
    } catch (error) {
      const wait = retryDelayOf(error) + backoffMs(failures, BACKOFF);
      const left = deadline - Date.now() - wait;
      if (ConnectError.from(error).code !== Code.Unavailable || failures + 1 === ATTEMPTS || left <= 0) throw error;
      await sleep(wait, undefined, { signal: request.signal });
      if (Number.isFinite(left)) request.header.set("grpc-timeout", `${Math.ceil(left)}m`);
    }
  }
};

/** Whether doing it twice is the same as once. StartStream and Dial have an idempotency key, which may be empty. */
function isRepeatable(request: UnaryRequest): boolean {
  switch (request.method.name) {
    case "PassCall":
      return false;
    case "StartStream":
      return (request.message as StartStreamRequest).controlId !== "";
    case "Dial":
      return (request.message as DialRequest).tag !== "";
    default:
      return true;
  }
}

function deadlineOf(header: Headers): number {
  const timeout = header.get("grpc-timeout"); // Connect writes milliseconds, "5000m"
  return timeout === null ? Infinity : Date.now() + Number.parseInt(timeout, 10);
}
