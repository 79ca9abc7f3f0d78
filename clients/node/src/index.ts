export { connect, type Callstream, type ConnectOptions } from "./client.js";
export { reasonOf, retryDelayOf } from "./errors.js";
export type { Backoff } from "./retry.js";
export type { SnapshotPart, WatchItem, WatchOptions, WatchRequest } from "./watch.js";

export * from "./gen/callstream/v1/call_pb.js";
export * from "./gen/callstream/v1/call_service_pb.js";
export * from "./gen/callstream/v1/event_pb.js";
export * from "./gen/callstream/v1/gateway_service_pb.js";
export * from "./gen/callstream/v1/stream_pb.js";
export * from "./gen/callstream/v1/stream_service_pb.js";
export * from "./gen/google/rpc/error_details_pb.js";
