package io.callstream;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import java.time.Duration;

/**
 * The client's channel, which connects anew when a call needs it. gRPC's own pause between attempts
 * grows to two minutes and can't be set in Java, and calls fail meanwhile.
 */
final class Connection extends Channel {
  private static final long BETWEEN_ATTEMPTS = Duration.ofMillis(100).toNanos();

  private final ManagedChannel channel;
  private long left; // how often a connection was left
  private long attempt = System.nanoTime() - BETWEEN_ATTEMPTS;

  Connection(ManagedChannel channel) {
    this.channel = channel;
  }

  /** Returns a number for the connection that is in use now. */
  synchronized long current() {
    return left;
  }

  /**
   * Has what comes next use a new connection, unless the one of this number was left already. Calls
   * that are under way on it stay: a live connection finishes them, a dead one fails them at its
   * next ping.
   */
  synchronized void leave(long number) {
    if (number == left) {
      left++;
      channel.enterIdle();
    }
  }

  void close() {
    channel.shutdownNow();
  }

  boolean isClosed() {
    return channel.isShutdown();
  }

  @Override
  public <Q, A> ClientCall<Q, A> newCall(MethodDescriptor<Q, A> method, CallOptions options) {
    if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
      connectAgain();
    }
    return channel.newCall(method, options);
  }

  @Override
  public String authority() {
    return channel.authority();
  }

  private synchronized void connectAgain() {
    long now = System.nanoTime();
    if (now - attempt >= BETWEEN_ATTEMPTS) {
      attempt = now;
      channel.enterIdle();
    }
  }
}
