package io.callstream;

import io.callstream.v1.StreamServiceGrpc;
import io.callstream.v1.WatchEventsRequest;
import io.callstream.v1.WatchEventsResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** One WatchEvents RPC. The blocking stub has no time limit for a single message. */
final class Reading extends ClientCall.Listener<WatchEventsResponse> {
  private static final int AHEAD = 2;

  private final ClientCall<WatchEventsRequest, WatchEventsResponse> call;
  // As many messages as were asked for, and the end.
  private final BlockingQueue<Supplier<WatchEventsResponse>> arrived =
      new ArrayBlockingQueue<>(AHEAD + 1);

  Reading(Channel channel, WatchEventsRequest request) {
    call = channel.newCall(StreamServiceGrpc.getWatchEventsMethod(), CallOptions.DEFAULT);
    call.start(this, new Metadata());
    call.request(AHEAD);
    call.sendMessage(request);
    call.halfClose();
  }

  /**
   * Returns the next message, or null when the watch is complete.
   *
   * @throws StatusRuntimeException if the RPC has failed
   * @throws TimeoutException if nothing comes in time
   */
  WatchEventsResponse next(Duration limit) throws InterruptedException, TimeoutException {
    Supplier<WatchEventsResponse> next = arrived.poll(limit.toNanos(), TimeUnit.NANOSECONDS);
    if (next == null) {
      throw new TimeoutException("nothing came for " + limit);
    }
    WatchEventsResponse response = next.get();
    if (response != null) {
      call.request(1);
    }
    return response;
  }

  void cancel(String why) {
    call.cancel(why, null);
  }

  @Override
  public void onMessage(WatchEventsResponse response) {
    arrived.add(() -> response);
  }

  @Override
  public void onClose(Status status, Metadata trailers) {
    arrived.add(
        () -> {
          if (status.isOk()) {
            return null;
          }
          throw status.asRuntimeException(trailers);
        });
  }
}
