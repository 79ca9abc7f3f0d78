package io.callstream;

import io.callstream.v1.CallServiceGrpc;
import io.callstream.v1.GatewayServiceGrpc;
import io.callstream.v1.StreamServiceGrpc;
import io.callstream.v1.WatchEventsRequest;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.MetadataUtils;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A connection to the gateway, with its typed stubs and a watch that resumes. It connects when it
 * is used, and can be used by many threads at the same time.
 *
 * <p>Calls that are safe to repeat are repeated up to three times while the gateway is UNAVAILABLE.
 * {@code StartStream} and {@code Dial} are safe only with a {@code control_id} or {@code tag} of
 * the caller's, and {@code PassCall} is not: repeating those is left to the caller. Give calls a
 * deadline: {@code calls().withDeadlineAfter(…)}.
 */
public final class CallstreamClient implements AutoCloseable {
  private static final Pattern LOOPBACK =
      Pattern.compile("(dns:///)?(localhost|127(\\.\\d{1,3}){3}|\\[::1])(:\\d+)?");
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private final Connection connection;
  private final Set<Watch> watches = ConcurrentHashMap.newKeySet();

  private CallstreamClient(Connection connection) {
    this.connection = connection;
  }

  /**
   * Begins a client.
   *
   * @param target where the gateway is: {@code host:port}, or any name that gRPC resolves
   * @return what makes the client
   */
  public static Builder builder(String target) {
    return new Builder(target);
  }

  /**
   * Returns the stub for streams. Its {@code watchEvents} is the plain RPC; {@link
   * #watch(WatchEventsRequest)} resumes.
   *
   * @return a stub that blocks
   */
  public StreamServiceGrpc.StreamServiceBlockingStub streams() {
    return StreamServiceGrpc.newBlockingStub(connection);
  }

  /**
   * Returns the stub for calls.
   *
   * @return a stub that blocks
   */
  public CallServiceGrpc.CallServiceBlockingStub calls() {
    return CallServiceGrpc.newBlockingStub(connection);
  }

  /**
   * Returns the stub for the gateway itself.
   *
   * @return a stub that blocks
   */
  public GatewayServiceGrpc.GatewayServiceBlockingStub gateway() {
    return GatewayServiceGrpc.newBlockingStub(connection);
  }

  /**
   * Returns the channel, for stubs of other kinds ({@code StreamServiceGrpc.newFutureStub}) and of
   * other services.
   *
   * @return a channel that the client owns
   */
  public Channel channel() {
    return connection;
  }

  /**
   * Watches events across broken connections, restarted gateways and lost history.
   *
   * @param request what to watch, and from where on
   * @return the watch, to be closed
   */
  public Watch watch(WatchEventsRequest request) {
    return watch(request, WatchOptions.DEFAULT);
  }

  /**
   * Watches events across broken connections, restarted gateways and lost history.
   *
   * @param request what to watch, and from where on
   * @param options how to deal with interruptions
   * @return the watch, to be closed
   */
  public Watch watch(WatchEventsRequest request, WatchOptions options) {
    var resumption =
        new Resumption(request, options, bound -> ThreadLocalRandom.current().nextLong(bound + 1));
    var watch = new Watch(connection, resumption, watches::remove);
    watches.add(watch);
    if (connection.isClosed()) {
      watch.close();
    }
    return watch;
  }

  /** Ends all that is under way, and closes the connection. */
  @Override
  public void close() {
    connection.close(); // first: a watch that is made meanwhile finds it closed
    watches.forEach(Watch::close);
  }

  /** Makes a client. */
  public static final class Builder {
    private final String target;
    private ChannelCredentials credentials = TlsChannelCredentials.create();
    private String token = "";

    private Builder(String target) {
      this.target = target;
    }

    /**
     * Sets how the connection is encrypted; if not called, by TLS that trusts the system's
     * certificates.
     *
     * @param credentials {@code TlsChannelCredentials} with {@code trustManager} for an authority
     *     of your own and {@code keyManager} for mutual TLS, or {@code InsecureChannelCredentials}
     *     for no encryption
     * @return this builder
     */
    public Builder credentials(ChannelCredentials credentials) {
      this.credentials = credentials;
      return this;
    }

    /**
     * Sets what is sent with every call as {@code authorization: Bearer …}.
     *
     * @param token the token; empty for none
     * @return this builder
     */
    public Builder token(String token) {
      this.token = token;
      return this;
    }

    /**
     * Makes the client. It does not connect yet.
     *
     * @return the client
     * @throws IllegalArgumentException if the token would leave this machine without encryption
     */
    public CallstreamClient build() {
      var channel =
          Grpc.newChannelBuilder(target, credentials)
              .keepAliveTime(30, TimeUnit.SECONDS)
              .keepAliveTimeout(10, TimeUnit.SECONDS)
              .defaultServiceConfig(serviceConfig());
      if (!token.isEmpty()) {
        authorize(channel);
      }
      return new CallstreamClient(new Connection(channel.build()));
    }

    private void authorize(ManagedChannelBuilder<?> channel) {
      if (credentials instanceof InsecureChannelCredentials
          && !LOOPBACK.matcher(target).matches()) {
        throw new IllegalArgumentException(
            "a token is not sent to " + target + " without encryption");
      }
      var headers = new Metadata();
      headers.put(AUTHORIZATION, "Bearer " + token);
      channel.intercept(MetadataUtils.newAttachHeadersInterceptor(headers));
    }
  }

  /**
   * Repeats what only asks, and what succeeds when it has been done already. A watch looks after
   * itself.
   */
  private static Map<String, ?> serviceConfig() {
    var methods =
        Stream.of(
                GatewayServiceGrpc.getGetGatewayInfoMethod(),
                GatewayServiceGrpc.getUpdateContextsMethod(),
                CallServiceGrpc.getAnswerCallMethod(),
                CallServiceGrpc.getEndCallMethod(),
                CallServiceGrpc.getGetCallMethod(),
                CallServiceGrpc.getListCallsMethod(),
                StreamServiceGrpc.getStopStreamMethod(),
                StreamServiceGrpc.getStopCallStreamsMethod(),
                StreamServiceGrpc.getGetStreamMethod(),
                StreamServiceGrpc.getListStreamsMethod(),
                StreamServiceGrpc.getWaitStreamMethod(),
                StreamServiceGrpc.getListEventsMethod())
            .map(
                method ->
                    Map.of(
                        "service", method.getServiceName(), "method", method.getBareMethodName()))
            .toList();
    var retryPolicy =
        Map.of(
            "maxAttempts",
            4.0,
            "initialBackoff",
            "0.1s",
            "maxBackoff",
            "2s",
            "backoffMultiplier",
            2.0,
            "retryableStatusCodes",
            List.of("UNAVAILABLE"));
    return Map.of("methodConfig", List.of(Map.of("name", methods, "retryPolicy", retryPolicy)));
  }
}
