package io.callstream.example;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.callstream.CallstreamClient;
import io.callstream.WatchItem;
import io.callstream.v1.AnswerCallRequest;
import io.callstream.v1.Event;
import io.callstream.v1.EventFilter;
import io.callstream.v1.EventType;
import io.callstream.v1.StartStreamRequest;
import io.callstream.v1.Track;
import io.callstream.v1.WatchEventsRequest;
import io.callstream.v1.WatchUntil;
import io.grpc.InsecureChannelCredentials;
import java.util.Optional;

/**
 * Waits for an inbound call, answers it, streams what the caller says to a WebSocket endpoint, and
 * follows the call to its end.
 */
public final class FollowCall {
  private FollowCall() {}

  /**
   * Follows one call at the gateway of {@code CALLSTREAM_TARGET}.
   *
   * @param args the endpoint: {@code wss://…}
   */
  public static void main(String[] args) {
    if (args.length != 1) {
      System.err.println("usage: FollowCall wss://…");
      System.exit(2);
    }
    var target = Optional.ofNullable(System.getenv("CALLSTREAM_TARGET")).orElse("127.0.0.1:50051");
    // A gateway on this machine, without TLS. Leave the credentials out for any other.
    try (var client =
        CallstreamClient.builder(target).credentials(InsecureChannelCredentials.create()).build()) {
      follow(client, args[0]);
    }
  }

  private static void follow(CallstreamClient client, String url) {
    String callId = inboundCall(client);
    client.calls().answerCall(AnswerCallRequest.newBuilder().setCallId(callId).build());
    var parameters =
        Struct.newBuilder()
            .putFields("session_id", Value.newBuilder().setStringValue("abc123").build());
    client
        .streams()
        .startStream(
            StartStreamRequest.newBuilder()
                .setCallId(callId)
                .setControlId("transcription") // makes a retry harmless
                .setUrl(url)
                .setTrack(Track.TRACK_INBOUND)
                .setCodec("PCMU")
                .setCustomParameters(parameters)
                .build());

    var history =
        WatchEventsRequest.newBuilder()
            .setFilter(EventFilter.newBuilder().addCallIds(callId))
            .setFromOldest(true)
            .setUntil(WatchUntil.WATCH_UNTIL_CALL_ENDED)
            .build();
    try (var watch = client.watch(history)) {
      for (WatchItem item : watch) {
        if (item instanceof WatchItem.Events events) {
          for (Event event : events.events()) {
            System.out.println(event.getSequence() + " " + event.getType());
          }
        }
      }
    }
  }

  private static String inboundCall(CallstreamClient client) {
    var received = EventFilter.newBuilder().addTypes(EventType.EVENT_TYPE_CALL_RECEIVED);
    try (var watch = client.watch(WatchEventsRequest.newBuilder().setFilter(received).build())) {
      for (WatchItem item : watch) {
        if (item instanceof WatchItem.Events events) {
          return events.events().get(0).getCallId();
        }
      }
    }
    throw new IllegalStateException("the watch has ended");
  }
}
