package io.callstream;

import static io.callstream.FakeGateway.bookmark;
import static io.callstream.FakeGateway.closing;
import static io.callstream.FakeGateway.event;
import static io.callstream.FakeGateway.millis;
import static io.callstream.FakeGateway.opened;
import static io.callstream.FakeGateway.part;
import static io.callstream.FakeGateway.refusal;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.callstream.v1.WatchEventsRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ResumptionTest {
  private static final StatusRuntimeException UNAVAILABLE = Status.UNAVAILABLE.asRuntimeException();
  private static final WatchEventsRequest NOW = WatchEventsRequest.getDefaultInstance();
  private static final WatchEventsRequest SNAPSHOT =
      WatchEventsRequest.newBuilder().setIncludeSnapshot(true).build();

  /** Pauses by chance as long as it may. */
  private static Resumption of(WatchEventsRequest request) {
    return new Resumption(request, WatchOptions.DEFAULT, bound -> bound);
  }

  private static Optional<Duration> after(long millis) {
    return Optional.of(Duration.ofMillis(millis));
  }

  /** Pauses double from 0.1 s to 10 s, and begin anew once anything but {@code opened} came. */
  @Test
  void pausesLongerAndLonger() {
    var resumption = of(NOW);
    var pauses =
        IntStream.range(0, 9)
            .mapToLong(
                attempt -> {
                  resumption.open();
                  resumption.received(opened("c0"));
                  return resumption.failed(UNAVAILABLE).orElseThrow().toMillis();
                })
            .toArray();
    assertEquals(
        "100 200 400 800 1600 3200 6400 10000 10000",
        IntStream.range(0, 9).mapToObj(i -> "" + pauses[i]).reduce((a, b) -> a + " " + b).get());
    resumption.received(bookmark("c1"));
    assertEquals(after(100), resumption.failed(UNAVAILABLE));
  }

  /**
   * What the gateway asks for, as it closes or in its status, comes before the pause by chance,
   * once.
   */
  @Test
  void pausesAsLongAsAsked() {
    var resumption = of(NOW);
    resumption.open();
    resumption.received(closing("c1", 3000));
    assertEquals(after(3100), resumption.failed(UNAVAILABLE));
    resumption.open();
    assertEquals(
        after(5200), resumption.failed(refusal(Status.Code.UNAVAILABLE, "DRAINING", 5000)));
    resumption.open();
    assertEquals(after(400), resumption.failed(UNAVAILABLE));
  }

  /**
   * Three intervals count as silence: those asked for, then those told, and until opened again
   * those asked for.
   */
  @Test
  void knowsSilence() {
    assertEquals(Duration.ofSeconds(45), of(NOW).silence());
    var resumption = of(NOW.toBuilder().setBookmarkInterval(millis(2000)).build());
    assertEquals(Duration.ofSeconds(6), resumption.silence());
    resumption.received(opened("c0", 5000));
    assertEquals(Duration.ofSeconds(15), resumption.silence());
    resumption.open();
    assertEquals(Duration.ofSeconds(6), resumption.silence());
    resumption.received(opened("c0", 0));
    assertEquals(Duration.ofSeconds(6), resumption.silence());
  }

  /** Goes on after what a connection does, and after nothing else. */
  @ParameterizedTest
  @EnumSource(Status.Code.class)
  void knowsWhatIsWorthAnotherTry(Status.Code code) {
    boolean again =
        switch (code) {
          case UNAVAILABLE, CANCELLED, OUT_OF_RANGE -> true;
          default -> false;
        };
    assertEquals(again, of(NOW).failed(code.toStatus().asRuntimeException()).isPresent());
  }

  /** A proxy that has lost the gateway resets the RPC; gRPC calls that INTERNAL. */
  @Test
  void goesOnAfterAReset() {
    var reset =
        Status.INTERNAL.withDescription(
            "RST_STREAM closed stream. HTTP/2 error code: INTERNAL_ERROR");
    assertEquals(after(100), of(NOW).failed(reset.asRuntimeException()));
  }

  /** Inside a snapshot no cursor counts, as it would skip the rest. */
  @Test
  void resumesAfterWholeSnapshotsOnly() {
    var resumption = of(SNAPSHOT);
    resumption.received(opened("c1"));
    resumption.received(part("c1", "a", false));
    resumption.received(closing("c1", 0));
    assertEquals(SNAPSHOT, resumption.open());
    resumption.received(part("c2", "a", true));
    assertEquals(NOW.toBuilder().setAfterCursor("c2").build(), resumption.open());
  }

  /** Other fields of the request stay as they were. */
  @Test
  void keepsTheRequest() {
    var request = NOW.toBuilder().setFromOldest(true).setBookmarkInterval(millis(1000)).build();
    var resumption = of(request);
    assertEquals(request, resumption.open());
    resumption.received(event("c1", 1));
    assertEquals(request.toBuilder().setAfterCursor("c1").build(), resumption.open());
    resumption.failed(Status.OUT_OF_RANGE.asRuntimeException());
    assertEquals(
        request.toBuilder().clearStart().setIncludeSnapshot(true).build(), resumption.open());
  }
}
