import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** The gateway's word for what went wrong ("CALL_NOT_FOUND", …); undefined if the error is not the gateway's. */
export function reasonOf(error: unknown): string | undefined {
  const infos = ConnectError.from(error).findDetails(ErrorInfoSchema);
  return infos.find((info) => info.domain === "callstream")?.reason;
}

/** How long the gateway asks to wait before the next try, in milliseconds; 0 if it does not say. */
export function retryDelayOf(error: unknown): number {
  const delay = ConnectError.from(error).findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? 0 : durationMs(delay);
}

/**
 * Gives a lost connection the code that gRPC has for it, UNAVAILABLE. Connect calls it `canceled`, `aborted` or
 * `internal`, by how the socket died; those would be mistaken for the caller's own cancel and the gateway's own ABORTED.
 * The caller's cancels and deadlines stay what they are: Connect puts them in place of whatever they lead to.
 *
 * @param closed - Aborted when the caller closes the connection: what ends by that is not lost.
 */
export function lossIsUnavailable(closed: AbortSignal): Interceptor {
  return (next) => async (request) => {
    const translate = (error: unknown) => (closed.aborted ? error : lossAsUnavailable(error));
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: mapError(response.message, translate) } : response;
    } catch (error) {
      throw translate(error);
    }
  };
}

async function* mapError<T>(messages: AsyncIterable<T>, translate: (error: unknown) => unknown) {
  try {
    yield* messages;
  } catch (error) {
    throw translate(error);
  }
}

function lossAsUnavailable(reason: unknown): unknown {
  const error = ConnectError.from(reason);
  if (error.metadata.has("grpc-status") || !isLoss(error)) return error;
  return new ConnectError(error.rawMessage, Code.Unavailable, error.metadata, [], error);
}

/** Whether an error that no server has sent is the connection's. Certificates and messages that don't parse are not. */
function isLoss({ code, rawMessage, cause }: ConnectError): boolean {
  if (code === Code.Canceled) return true;
  if (/^protocol error: (missing|incomplete)/.test(rawMessage)) return code !== Code.Unimplemented;
  return cause instanceof Error && "code" in cause && /^(E[A-Z]+|ERR_(HTTP2|STREAM)_.*)$/.test(String(cause.code));
}
