// Waits for an inbound call, answers it, streams what the caller says, and follows it until the call has ended.
//
//   node dist/example/follow_call.js wss://example.com/audio-stream     (the gateway: CALLSTREAM_TARGET)
import { connect, EventType, Track, WatchUntil } from "@callstream/client";

const url = process.argv[2] ?? process.env.STREAM_URL;
if (!url) throw new Error("usage: follow_call.js wss://host/path");
const callstream = connect(process.env.CALLSTREAM_TARGET ?? "127.0.0.1:50051");

const callId = await inboundCall();
await callstream.calls.answerCall({ callId }, { timeoutMs: 5000 });
// The control id makes a repeated start harmless.
const stream = { callId, controlId: "transcription", url, track: Track.INBOUND, codec: "PCMU" };
await callstream.streams.startStream({ ...stream, customParameters: { session_id: "abc123" } }, { timeoutMs: 5000 });
const events = callstream.watch({
  filter: { callIds: [callId] },
  start: { case: "fromOldest", value: true },
  until: WatchUntil.CALL_ENDED,
});
for await (const item of events)
  if (item.kind === "events") for (const event of item.events) console.log(event.sequence, EventType[event.type]);

async function inboundCall(): Promise<string> {
  const calls = callstream.watch({ filter: { types: [EventType.CALL_RECEIVED] } });
  for await (const item of calls) if (item.kind === "events" && item.events[0]) return item.events[0].callId;
  throw new Error("the client was closed");
}
