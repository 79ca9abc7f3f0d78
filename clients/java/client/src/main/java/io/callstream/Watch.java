package io.callstream;

import io.callstream.v1.WatchEventsResponse;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * A watch that goes on by itself after every interruption.
 *
 * <p>It hands over what {@code WatchEvents} sends, in order, without a hole or a repetition. It
 * opens the RPC again at its last cursor when the connection breaks or falls silent, and when the
 * gateway is UNAVAILABLE. If the gateway no longer has what follows that cursor (OUT_OF_RANGE), it
 * goes on with a snapshot that is marked as a reset.
 *
 * <p>The RPC is opened when the iteration asks for its first item. Iteration blocks until there is
 * an item, and ends when the request's {@code until} is reached, or when the watch or its client is
 * closed. It throws {@link StatusRuntimeException} for an error that trying again would not mend,
 * and when the thread is interrupted or the {@link Context} in which the watch was made is
 * cancelled.
 *
 * <p>A watch is iterated by one thread, and closed by any. It holds resources until it is closed or
 * its iteration has ended.
 */
public final class Watch implements Iterable<WatchItem>, AutoCloseable {
  private static final System.Logger LOGGER = System.getLogger(Watch.class.getName());

  private final Connection connection;
  private final Resumption resumption;
  private final Consumer<Watch> onClose;
  private final Context.CancellableContext context = Context.current().withCancellation();
  private final CountDownLatch cancelled = new CountDownLatch(1); // with the context
  private final Iterator<WatchItem> items = new Items();
  private volatile boolean closed;

  Watch(Connection connection, Resumption resumption, Consumer<Watch> onClose) {
    this.connection = connection;
    this.resumption = resumption;
    this.onClose = onClose;
    context.addListener(context -> cancelled.countDown(), Runnable::run);
  }

  /**
   * Returns the items still to come.
   *
   * @return always the same iterator: another loop goes on where the one before was left
   */
  @Override
  public Iterator<WatchItem> iterator() {
    return items;
  }

  /** Ends the watch, also while another thread waits in it. */
  @Override
  public void close() {
    closed = true;
    context.cancel(null); // and with it the RPC
    onClose.accept(this);
  }

  private final class Items implements Iterator<WatchItem> {
    private Reading reading; // null while none is open
    private long number; // of the connection that it is on
    private WatchItem item;

    @Override
    public boolean hasNext() {
      if (item == null && !closed) {
        try {
          item = advance();
        } catch (InterruptedException interruption) {
          close();
          Thread.currentThread().interrupt();
          throw Status.CANCELLED
              .withDescription("the thread was interrupted")
              .withCause(interruption)
              .asRuntimeException();
        } catch (StatusRuntimeException error) {
          close();
          throw error;
        }
      }
      return item != null;
    }

    @Override
    public WatchItem next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the watch has ended");
      }
      WatchItem next = item;
      item = null;
      return next;
    }

    /** Returns the next item, or null once the watch has ended as it should. */
    private WatchItem advance() throws InterruptedException {
      while (!context.isCancelled()) {
        try {
          if (reading == null) {
            number = connection.current();
            context.run(() -> reading = new Reading(connection, resumption.open()));
          }
          WatchEventsResponse response = reading.next(resumption.silence());
          if (response == null) {
            close();
            return null;
          }
          var received = resumption.received(response);
          if (received.isPresent()) {
            return received.get();
          }
        } catch (TimeoutException silence) {
          reading.cancel(silence.getMessage());
          connection.leave(number);
          pause(Status.UNAVAILABLE.withDescription(silence.getMessage()).asRuntimeException());
        } catch (StatusRuntimeException error) {
          if (!context.isCancelled()) { // else it is the end that was asked for
            pause(error);
          }
        }
      }
      if (closed) {
        return null;
      }
      throw Contexts.statusFromCancelled(context).asRuntimeException();
    }

    /**
     * Waits before the RPC is opened again, or throws an error that opening it again would not
     * mend.
     */
    private void pause(StatusRuntimeException error) throws InterruptedException {
      reading = null;
      Duration pause = resumption.failed(error).orElseThrow(() -> error);
      // gRPC's own words for a failed connection are "io exception"; the cause tells more.
      var cause = error.getCause() == null ? "" : " (" + error.getCause().getMessage() + ")";
      LOGGER.log(
          System.Logger.Level.INFO,
          () -> "again in %d ms: %s%s".formatted(pause.toMillis(), error.getMessage(), cause));
      cancelled.await(pause.toNanos(), TimeUnit.NANOSECONDS);
    }
  }
}
