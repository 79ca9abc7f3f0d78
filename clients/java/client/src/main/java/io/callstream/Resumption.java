package io.callstream;

import com.google.rpc.RetryInfo;
import io.callstream.v1.WatchEventsRequest;
import io.callstream.v1.WatchEventsResponse;
import io.callstream.v1.WatchSnapshot;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongUnaryOperator;

/**
 * Decides how a watch goes on: what to open, what to hand over, how long to pause. It moves no
 * bytes.
 */
final class Resumption {
  private static final Duration USUAL_INTERVAL = Duration.ofSeconds(15);

  private final WatchOptions options;
  private final LongUnaryOperator chance;
  private final Duration requestedInterval;

  private WatchEventsRequest next; // asks for a snapshot until one is complete
  private Duration interval;
  private Duration bound; // of the next random pause
  private Duration asked = Duration.ZERO; // the pause that the gateway asks for
  private boolean first; // no part of a snapshot came since the watch was opened
  private boolean parts; // some of a snapshot was handed over, but not its last part
  private boolean reset; // the next snapshot replaces what was handed over

  /**
   * @param chance picks a number from 0 to the given one
   */
  Resumption(WatchEventsRequest request, WatchOptions options, LongUnaryOperator chance) {
    this.next = request;
    this.options = options;
    this.chance = chance;
    this.requestedInterval = or(request.getBookmarkInterval(), USUAL_INTERVAL);
    this.interval = requestedInterval;
    this.bound = options.initialBackoff();
  }

  /** Returns what to open the watch with, now. */
  WatchEventsRequest open() {
    interval = requestedInterval;
    asked = Duration.ZERO;
    first = true;
    reset |= parts;
    parts = false;
    return next;
  }

  /** Returns how long nothing may come before the connection counts as dead. */
  Duration silence() {
    return interval.multipliedBy(options.deadAfterIntervals());
  }

  /** Takes a message in, and returns what to hand over of it, if anything. */
  Optional<WatchItem> received(WatchEventsResponse response) {
    String cursor = response.getCursor();
    if (!response.hasOpened()) {
      bound =
          options
              .initialBackoff(); // a gateway that ends every watch as it opens is not to be stormed
    }
    switch (response.getKindCase()) {
      case EVENTS:
        arriveAt(cursor);
        return Optional.of(new WatchItem.Events(cursor, response.getEvents().getEventsList()));
      case SNAPSHOT:
        return Optional.of(part(cursor, response.getSnapshot()));
      case BOOKMARK:
        arriveAt(cursor);
        return Optional.of(new WatchItem.Bookmark(cursor));
      case OPENED:
        interval = or(response.getOpened().getBookmarkInterval(), interval);
        break;
      case CLOSING:
        asked = or(response.getClosing().getRetryAfter(), Duration.ZERO);
        break;
      case KIND_NOT_SET: // a kind of a later version
        break;
    }
    if (!next.getIncludeSnapshot()) {
      arriveAt(
          cursor); // inside a snapshot it would skip the rest; else "now" is settled from here on
    }
    return Optional.empty();
  }

  /**
   * Decides on a watch that has ended with an error.
   *
   * @return how long to pause before {@link #open}; empty if the error is the user's
   */
  Optional<Duration> failed(StatusRuntimeException error) {
    switch (error.getStatus().getCode()) {
      case OUT_OF_RANGE: // CURSOR_COMPACTED, EPOCH_CHANGED, CURSOR_AHEAD: what is known can't be
        // carried on from
        next = next.toBuilder().clearStart().setIncludeSnapshot(true).build();
        reset = true;
        break;
      case CANCELLED: // by a server in the last moment of its shutdown: the user's own never comes
      // here
      case UNAVAILABLE:
        break;
      default:
        if (!isReset(error.getStatus())) {
          return Optional.empty();
        }
    }
    Duration told =
        ErrorDetails.find(error, RetryInfo.class)
            .map(info -> or(info.getRetryDelay(), Duration.ZERO))
            .orElse(Duration.ZERO);
    Duration wanted = told.compareTo(asked) > 0 ? told : asked;
    Duration pause = wanted.plusNanos(chance.applyAsLong(bound.toNanos()));
    Duration doubled = bound.multipliedBy(2);
    bound = doubled.compareTo(options.maxBackoff()) < 0 ? doubled : options.maxBackoff();
    return Optional.of(pause);
  }

  private WatchItem part(String cursor, WatchSnapshot part) {
    boolean last = part.getLast();
    var item =
        new WatchItem.Snapshot(
            cursor, part.getStreamsList(), part.getCallsList(), first, last, reset);
    first = false;
    parts = !last;
    if (last) {
      arriveAt(cursor);
    }
    return item;
  }

  private void arriveAt(String cursor) {
    next = next.toBuilder().setAfterCursor(cursor).clearIncludeSnapshot().build();
    reset = false;
  }

  /**
   * Tells whether a proxy that has lost its upstream broke the RPC off. The gateway answers no
   * INTERNAL like this.
   */
  private static boolean isReset(Status status) {
    return status.getCode() == Status.Code.INTERNAL
        && String.valueOf(status.getDescription()).contains("RST_STREAM");
  }

  private static Duration or(com.google.protobuf.Duration told, Duration usual) {
    Duration duration = Duration.ofSeconds(told.getSeconds(), told.getNanos());
    return duration.isZero() || duration.isNegative() ? usual : duration;
  }
}
