// Executes commands of the conformance suite: JSON lines on standard input, JSON lines on standard output.
import {
  createRegistry,
  fromJson,
  toJson,
  type DescMethodUnary,
  type JsonObject,
  type JsonValue,
} from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  CallSchema,
  CallService,
  connect,
  ErrorInfoSchema,
  EventSchema,
  GatewayService,
  RetryInfoSchema,
  StreamSchema,
  StreamService,
  WatchEventsRequestSchema,
  WatchEventsResponseSchema,
  type WatchItem,
} from "@callstream/client";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

interface Command {
  readonly id: number;
  readonly op: string;
  readonly method?: string;
  readonly request?: JsonValue;
  readonly timeout_ms?: number;
  readonly resume?: boolean;
  readonly options?: { dead_after_intervals?: number; backoff_initial_ms?: number; backoff_max_ms?: number };
  readonly target?: number;
}

class InvalidCommand extends Error {}

const services = createRegistry(StreamService, CallService, GatewayService);
const details = createRegistry(ErrorInfoSchema, BadRequestSchema, RetryInfoSchema);

const { CALLSTREAM_TARGET, CALLSTREAM_CA_FILE, CALLSTREAM_TOKEN } = process.env;
if (!CALLSTREAM_TARGET) throw new Error("CALLSTREAM_TARGET is not set");
const callstream = connect(CALLSTREAM_TARGET, {
  ...(CALLSTREAM_CA_FILE && { tls: { ca: readFileSync(CALLSTREAM_CA_FILE) } }),
  ...(CALLSTREAM_TOKEN && { token: CALLSTREAM_TOKEN }),
});
const underWay = new Map<number, AbortController>();

function say(line: JsonObject): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function json<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonValue {
  return toJson(schema, message, { registry: details });
}

function read<D extends DescMessage>(schema: D, request: JsonValue = {}): MessageShape<D> {
  try {
    return fromJson(schema, request);
  } catch (error) {
    throw new InvalidCommand(String(error));
  }
}

function methodOf(name = ""): DescMethodUnary {
  const [service = "", method] = name.split("/");
  const found = services.getService(service)?.methods.find((each) => each.name === method);
  if (found?.methodKind !== "unary") throw new InvalidCommand(`no unary method ${name}`);
  return found as DescMethodUnary;
}

/** The status as the suite writes it: gRPC's name of the code, and the details with their values. */
function statusOf(reason: unknown): JsonObject {
  if (reason instanceof InvalidCommand) return { code: "INVALID_COMMAND", message: reason.message };
  const error = ConnectError.from(reason);
  const code =
    error.code === Code.Canceled ? "CANCELLED" : Code[error.code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  return {
    code,
    message: error.rawMessage,
    details: error.findDetails(details).flatMap((detail) => {
      const schema = details.getMessage(detail.$typeName);
      return schema ? [{ type: detail.$typeName, value: json(schema, detail) }] : [];
    }),
  };
}

function itemJson(item: WatchItem): JsonObject {
  switch (item.kind) {
    case "events":
      return { ...item, events: item.events.map((event) => json(EventSchema, event)) };
    case "snapshot":
      return {
        ...item,
        streams: item.streams.map((stream) => json(StreamSchema, stream)),
        calls: item.calls.map((call) => json(CallSchema, call)),
      };
    case "bookmark":
      return { ...item };
  }
}

async function unary(command: Command, signal: AbortSignal): Promise<JsonObject> {
  const method = methodOf(command.method);
  const request = read(method.input, command.request);
  const response = await callstream.transport.unary(method, signal, command.timeout_ms, undefined, request);
  return { code: "OK", response: json(method.output, response.message) };
}

async function watch({ id, request, resume, options = {} }: Command, signal: AbortSignal): Promise<JsonObject> {
  const message = read(WatchEventsRequestSchema, request);
  if (resume) {
    const backoff = { initialMs: options.backoff_initial_ms ?? 100, maxMs: options.backoff_max_ms ?? 10_000 };
    const deadAfterIntervals = options.dead_after_intervals ?? 3;
    for await (const item of callstream.watch(message, { signal, deadAfterIntervals, backoff }))
      say({ id, item: itemJson(item) });
    signal.throwIfAborted();
  } else {
    for await (const response of callstream.streams.watchEvents(message, { signal }))
      say({ id, message: json(WatchEventsResponseSchema, response) });
  }
  return { code: "OK" };
}

/** Runs a command that takes time, and says how it ended. */
async function run(command: Command, act: typeof unary, more: JsonObject): Promise<void> {
  const { id } = command;
  const cancel = new AbortController();
  underWay.set(id, cancel);
  const status = await act(command, cancel.signal).catch(statusOf);
  underWay.delete(id);
  say({ id, ...status, ...more });
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line) as Command;
  const target = underWay.get(command.target ?? NaN);
  switch (command.op) {
    case "unary":
      void run(command, unary, {});
      break;
    case "watch":
      void run(command, watch, { done: true });
      break;
    case "cancel":
      say({ id: command.id, code: target ? "OK" : "INVALID_COMMAND" });
      target?.abort();
      break;
    case "exit":
      say({ id: command.id, code: "OK" });
      lines.close();
      break;
    default:
      say({ id: command.id, code: "INVALID_COMMAND" });
  }
});
// Nothing else may keep the process alive: a leak in the client shows as a driver that does not leave.
lines.on("close", () => {
  process.stdin.destroy();
  callstream.close();
});
