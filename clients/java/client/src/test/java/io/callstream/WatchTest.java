package io.callstream;

import static io.callstream.FakeGateway.Rpc.complete;
import static io.callstream.FakeGateway.Rpc.failed;
import static io.callstream.FakeGateway.Rpc.silent;
import static io.callstream.FakeGateway.Rpc.unavailable;
import static io.callstream.FakeGateway.bookmark;
import static io.callstream.FakeGateway.closing;
import static io.callstream.FakeGateway.event;
import static io.callstream.FakeGateway.opened;
import static io.callstream.FakeGateway.part;
import static io.callstream.FakeGateway.refusal;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.callstream.FakeGateway.Rpc;
import io.callstream.v1.Event;
import io.callstream.v1.GetCallRequest;
import io.callstream.v1.Stream;
import io.callstream.v1.WatchEventsRequest;
import io.callstream.v1.WatchEventsResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(30)
class WatchTest {
  private static final WatchEventsRequest NOW = WatchEventsRequest.getDefaultInstance();
  private static final WatchEventsRequest OLDEST = NOW.toBuilder().setFromOldest(true).build();
  private static final WatchEventsRequest SNAPSHOT =
      NOW.toBuilder().setIncludeSnapshot(true).build();
  private static final WatchOptions SOON =
      new WatchOptions(Duration.ofMillis(1), Duration.ofMillis(1), 1);
  private static final WatchOptions LATE =
      new WatchOptions(Duration.ofDays(1000), Duration.ofDays(1000), 1);

  /** What comes out of a script: what the user sees, and what the gateway is asked for. */
  private record Story(
      WatchEventsRequest request, List<Rpc> script, List<String> items, List<String> asked) {}

  static List<Arguments> stories() {
    return List.of(
        Arguments.of(
            "hands over in order, and ends when complete",
            new Story(
                SNAPSHOT,
                List.of(
                    complete(
                        opened("c1"),
                        part("c1", "a", false),
                        part("c1", "b", true),
                        event("c2", 2),
                        bookmark("c3"))),
                List.of("snapshot c1 a first", "snapshot c1 b last", "events c2 2", "bookmark c3"),
                List.of("snapshot"))),
        Arguments.of(
            "resumes after events, bookmarks and closing",
            new Story(
                OLDEST,
                List.of(
                    unavailable(opened("c0"), event("c1", 1)),
                    unavailable(opened("c1"), bookmark("c2")),
                    unavailable(opened("c2"), closing("c3", 0)),
                    complete(opened("c3"), event("c4", 4))),
                List.of("events c1 1", "bookmark c2", "events c4 4"),
                List.of("oldest", "after c1", "after c2", "after c3"))),
        Arguments.of(
            "asks for the original start until it was opened",
            new Story(
                OLDEST,
                List.of(unavailable(), unavailable(), complete(event("c1", 1))),
                List.of("events c1 1"),
                List.of("oldest", "oldest", "oldest"))),
        Arguments.of(
            "misses nothing between now and a break before the first event",
            new Story(
                NOW,
                List.of(unavailable(opened("c7")), complete(event("c8", 8))),
                List.of("events c8 8"),
                List.of("now", "after c7"))),
        Arguments.of(
            "resumes when a server cancels it",
            new Story(
                OLDEST,
                List.of(
                    failed(Status.CANCELLED.asRuntimeException(), event("c1", 1)),
                    complete(event("c2", 2))),
                List.of("events c1 1", "events c2 2"),
                List.of("oldest", "after c1"))),
        Arguments.of(
            "begins a snapshot that broke off again, and says so",
            new Story(
                SNAPSHOT,
                List.of(
                    unavailable(opened("c1"), closing("c1", 0)),
                    unavailable(opened("c2"), part("c2", "a", false)),
                    unavailable(opened("c3"), part("c3", "b", false), part("c3", "c", true)),
                    complete(opened("c3"), event("c4", 4))),
                List.of(
                    "snapshot c2 a first",
                    "snapshot c3 b first reset",
                    "snapshot c3 c last reset",
                    "events c4 4"),
                List.of("snapshot", "snapshot", "snapshot", "after c3"))),
        Arguments.of(
            "goes on with a snapshot where the gateway no longer has the cursor",
            new Story(
                OLDEST,
                List.of(
                    unavailable(opened("c0"), event("c1", 1)),
                    failed(refusal(Status.Code.OUT_OF_RANGE, "CURSOR_COMPACTED", 0)),
                    unavailable(),
                    unavailable(opened("d5"), part("d5", "a", true), event("d6", 6)),
                    complete(opened("d6"))),
                List.of("events c1 1", "snapshot d5 a first last reset", "events d6 6"),
                List.of("oldest", "after c1", "snapshot", "snapshot", "after d6"))),
        Arguments.of(
            "takes the cursor of a message of a kind that it does not know",
            new Story(
                OLDEST,
                List.of(
                    unavailable(WatchEventsResponse.newBuilder().setCursor("c1").build()),
                    complete(event("c2", 2))),
                List.of("events c2 2"),
                List.of("oldest", "after c1"))));
  }

  /** Goes on where it was, with one RPC open at a time. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("stories")
  void goesOnWhereItWas(String name, Story story) throws Exception {
    try (var gateway = new FakeGateway(story.script().toArray(Rpc[]::new))) {
      assertEquals(story.items(), all(gateway.connect().watch(story.request(), SOON)));
      assertEquals(story.asked(), gateway.asked());
      assertEquals(1, gateway.mostOpen());
    }
  }

  /** An error that another try would not mend is thrown with its details, and ends the watch. */
  @Test
  void throwsWhatIsTheUsers() throws Exception {
    try (var gateway =
        new FakeGateway(failed(refusal(Status.Code.INVALID_ARGUMENT, "INVALID_REQUEST", 0)))) {
      var items = gateway.connect().watch(NOW, SOON).iterator();
      var error = assertThrows(StatusRuntimeException.class, items::hasNext);
      assertEquals("INVALID_REQUEST", ErrorDetails.reason(error));
      assertFalse(items.hasNext());
      assertThrows(NoSuchElementException.class, items::next);
    }
  }

  /** A gateway that is not there yet, or goes away, is waited for. */
  @Test
  void waitsForTheGateway() throws Exception {
    try (var gateway =
        new FakeGateway(silent(event("c1", 1)), complete(opened("c1"), event("c2", 2)))) {
      gateway.stop();
      var items = gateway.connect().watch(OLDEST, SOON).iterator();
      var first = CompletableFuture.supplyAsync(items::next);
      gateway.refuseOnce();
      gateway.restart();
      assertEquals("events c1 1", brief(first.get()));
      gateway.stop();
      var second = CompletableFuture.supplyAsync(items::next);
      gateway.refuseOnce();
      gateway.restart();
      assertEquals("events c2 2", brief(second.get()));
      assertFalse(items.hasNext());
      assertEquals(List.of("oldest", "after c1"), gateway.asked());
    }
  }

  /** A silent connection is left by all watches on it for one new connection. */
  @Test
  void leavesASilentConnection() throws Exception {
    var silence = silent(opened("c0", 20));
    try (var gateway =
        new FakeGateway(
            silence, silence, complete(opened("c0"), event("c1", 1)), complete(event("c1", 1)))) {
      var client = gateway.connect();
      client
          .calls()
          .getCall(GetCallRequest.getDefaultInstance()); // on the connection that both will use
      var other = CompletableFuture.supplyAsync(() -> all(client.watch(OLDEST, SOON)));
      assertEquals(List.of("events c1 1"), all(client.watch(OLDEST, SOON)));
      assertEquals(List.of("events c1 1"), other.get());
      assertEquals(4, gateway.peers().size());
      assertEquals(2, Set.copyOf(gateway.peers()).size());
    }
  }

  /** A user who is slower than the bookmarks does not make the connection a silent one. */
  @Test
  void waitsForASlowUser() throws Exception {
    try (var gateway =
        new FakeGateway(
            complete(opened("c0", 20), event("c1", 1), event("c2", 2)),
            silent(opened("c0", 20)),
            complete())) {
      var client = gateway.connect();
      var items = client.watch(OLDEST, SOON).iterator();
      assertEquals("events c1 1", brief(items.next()));
      assertEquals(List.of(), all(client.watch(NOW, SOON))); // takes longer than the bookmarks
      assertEquals("events c2 2", brief(items.next()));
      assertFalse(items.hasNext());
      assertEquals(List.of("oldest", "now", "after c0"), gateway.asked());
    }
  }

  /** Another loop goes on where the one before was left; closing the watch ends its RPC. */
  @Test
  void canBeLeft() throws Exception {
    try (var gateway = new FakeGateway(silent(event("c1", 1), event("c2", 2)))) {
      try (var watch = gateway.connect().watch(OLDEST, SOON)) {
        for (WatchItem item : watch) {
          assertEquals("events c1 1", brief(item));
          break;
        }
        assertEquals("events c2 2", brief(watch.iterator().next()));
      }
      gateway.awaitDeparture();
      assertEquals(List.of("oldest"), gateway.asked());
    }
  }

  /** Closing a watch ends it while another thread waits for its next item. */
  @Test
  void endsWhenItIsClosed() throws Exception {
    try (var gateway = new FakeGateway(silent(event("c1", 1)))) {
      var watch = gateway.connect().watch(OLDEST, SOON);
      watch.iterator().next();
      var more = CompletableFuture.supplyAsync(watch.iterator()::hasNext);
      watch.close();
      assertFalse(more.get());
      gateway.awaitDeparture();
      watch.close();
      assertFalse(watch.iterator().hasNext());
    }
  }

  /**
   * Closing the client ends its watches, those that wait for another try too, and those that are
   * yet to be made.
   */
  @Test
  void endsWithItsClient() throws Exception {
    try (var gateway = new FakeGateway(silent(event("c1", 1)), unavailable(event("c1", 1)))) {
      var client = gateway.connect();
      var following = client.watch(OLDEST, LATE).iterator();
      following.next();
      var pausing = client.watch(OLDEST, LATE).iterator();
      pausing.next();
      var ends =
          List.of(
              CompletableFuture.supplyAsync(following::hasNext),
              CompletableFuture.supplyAsync(pausing::hasNext));
      client.close();
      for (var end : ends) {
        assertFalse(end.get());
      }
      assertEquals(List.of(), all(client.watch(OLDEST)));
    }
  }

  /** An interrupted thread gets CANCELLED, and stays interrupted. */
  @Test
  void endsWhenItsThreadIsInterrupted() throws Exception {
    try (var gateway = new FakeGateway(silent(event("c1", 1)))) {
      var items = gateway.connect().watch(OLDEST, SOON).iterator();
      items.next();
      var waiting =
          new FutureTask<>(
              () -> {
                var error = assertThrows(StatusRuntimeException.class, items::hasNext);
                return error.getStatus().getCode() + " " + Thread.currentThread().isInterrupted();
              });
      var thread = new Thread(waiting);
      thread.start();
      thread.interrupt();
      assertEquals("CANCELLED true", waiting.get());
      gateway.awaitDeparture();
      assertFalse(items.hasNext());
    }
  }

  /** A watch made in a gRPC context ends with it, during a pause too. */
  @Test
  void endsWithItsContext() throws Exception {
    try (var gateway = new FakeGateway(silent(event("c1", 1)), unavailable(event("c1", 1)))) {
      var client = gateway.connect();
      for (var attempt = 0; attempt < 2; attempt++) {
        var context = Context.current().withCancellation();
        var items = context.call(() -> client.watch(OLDEST, LATE)).iterator();
        items.next();
        var more = CompletableFuture.supplyAsync(items::hasNext);
        context.cancel(null);
        var error = assertThrows(ExecutionException.class, more::get).getCause();
        assertEquals(Status.Code.CANCELLED, Status.fromThrowable(error).getCode());
      }
      gateway.awaitDeparture();
    }
  }

  /** Options that make no sense are refused. */
  @Test
  void refusesWrongOptions() {
    var second = Duration.ofSeconds(1);
    assertThrows(IllegalArgumentException.class, () -> new WatchOptions(Duration.ZERO, second, 3));
    assertThrows(
        IllegalArgumentException.class, () -> new WatchOptions(second.negated(), second, 3));
    assertThrows(
        IllegalArgumentException.class, () -> new WatchOptions(second, second.minusNanos(1), 3));
    assertThrows(IllegalArgumentException.class, () -> new WatchOptions(second, second, 0));
  }

  private static List<String> all(Watch watch) {
    var items = new ArrayList<String>();
    for (WatchItem item : watch) {
      items.add(brief(item));
    }
    return items;
  }

  /** An item in short: "events c2 2", "snapshot c1 a first last". */
  private static String brief(WatchItem item) {
    var words = new ArrayList<String>();
    if (item instanceof WatchItem.Events events) {
      words.add("events " + item.cursor());
      events.events().stream().map(Event::getSequence).map(String::valueOf).forEach(words::add);
    } else if (item instanceof WatchItem.Snapshot part) {
      words.add("snapshot " + item.cursor());
      part.streams().stream().map(Stream::getControlId).forEach(words::add);
      if (part.first()) {
        words.add("first");
      }
      if (part.last()) {
        words.add("last");
      }
      if (part.reset()) {
        words.add("reset");
      }
    } else {
      words.add("bookmark " + item.cursor());
    }
    return String.join(" ", words);
  }
}
