package io.callstream;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.callstream.v1.CallServiceGrpc;
import io.callstream.v1.Event;
import io.callstream.v1.EventBatch;
import io.callstream.v1.GetCallRequest;
import io.callstream.v1.GetCallResponse;
import io.callstream.v1.PassCallRequest;
import io.callstream.v1.PassCallResponse;
import io.callstream.v1.Stream;
import io.callstream.v1.StreamServiceGrpc;
import io.callstream.v1.WatchBookmark;
import io.callstream.v1.WatchClosing;
import io.callstream.v1.WatchEventsRequest;
import io.callstream.v1.WatchEventsResponse;
import io.callstream.v1.WatchOpened;
import io.callstream.v1.WatchSnapshot;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** A gateway on a real socket that plays a script: what it does with one RPC after the other. */
final class FakeGateway extends StreamServiceGrpc.StreamServiceImplBase implements AutoCloseable {
  private static final Context.Key<SocketAddress> PEER = Context.key("peer");
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** What the gateway does with one watch: it sends the messages, and then ends as told. */
  record Rpc(List<WatchEventsResponse> messages, StatusRuntimeException end) {
    /** Ends with OK. */
    static Rpc complete(WatchEventsResponse... messages) {
      return new Rpc(List.of(messages), Status.OK.asRuntimeException());
    }

    /** Ends with UNAVAILABLE. */
    static Rpc unavailable(WatchEventsResponse... messages) {
      return failed(Status.UNAVAILABLE.asRuntimeException(), messages);
    }

    static Rpc failed(StatusRuntimeException error, WatchEventsResponse... messages) {
      return new Rpc(List.of(messages), error);
    }

    /** Says nothing more until the client leaves. */
    static Rpc silent(WatchEventsResponse... messages) {
      return new Rpc(List.of(messages), null);
    }
  }

  private final Calls calls = new Calls();
  private final Queue<Rpc> script = new ArrayDeque<>();
  private final List<WatchEventsRequest> requests = new ArrayList<>();
  private final List<SocketAddress> peers = new ArrayList<>();
  private final BlockingQueue<String> authorizations = new LinkedBlockingQueue<>();
  private final List<CallstreamClient> clients = new ArrayList<>();
  private final BlockingQueue<Object> departures = new LinkedBlockingQueue<>();
  private int open;
  private int mostOpen;
  private Server server;
  private int port;

  FakeGateway(Rpc... script) throws IOException {
    this(InsecureServerCredentials.create(), script);
  }

  FakeGateway(ServerCredentials credentials, Rpc... script) throws IOException {
    this.script.addAll(List.of(script));
    start(0, credentials);
  }

  private void start(int port, ServerCredentials credentials) throws IOException {
    server =
        Grpc.newServerBuilderForPort(port, credentials)
            .addService(this)
            .addService(calls)
            .intercept(new Headers())
            .build()
            .start();
    this.port = server.getPort();
  }

  String target() {
    return "127.0.0.1:" + port;
  }

  Calls calls() {
    return calls;
  }

  /** Returns a client that is closed with the gateway. */
  CallstreamClient connect() {
    return keep(
        CallstreamClient.builder(target())
            .credentials(InsecureChannelCredentials.create())
            .build());
  }

  CallstreamClient keep(CallstreamClient client) {
    clients.add(client);
    return client;
  }

  void stop() throws InterruptedException {
    server.shutdownNow().awaitTermination();
  }

  /** Waits, while it is stopped, for somebody to connect in vain. */
  void refuseOnce() throws IOException {
    try (var listener = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
      listener.accept().close();
    }
  }

  /** Is a new process at the same address. */
  void restart() throws IOException {
    start(port, InsecureServerCredentials.create());
  }

  @Override
  public void close() {
    clients.forEach(CallstreamClient::close);
    server.shutdownNow();
  }

  /** Waits until a client has left a watch. */
  void awaitDeparture() throws InterruptedException {
    departures.take();
  }

  /** Returns the authorization of the next request that was not asked about yet, or "null". */
  String authorization() throws InterruptedException {
    return authorizations.take();
  }

  /** Returns how many watches were open at the same time. */
  synchronized int mostOpen() {
    return mostOpen;
  }

  /** Returns where watches came from, in order. */
  synchronized List<SocketAddress> peers() {
    return List.copyOf(peers);
  }

  /**
   * Returns in short where watches were asked to begin: "now", "oldest", "after c1", "snapshot".
   */
  synchronized List<String> asked() {
    return requests.stream()
        .map(
            request ->
                switch (request.getStartCase()) {
                  case AFTER_CURSOR -> "after " + request.getAfterCursor();
                  case FROM_OLDEST -> "oldest";
                  case START_TIME -> "time";
                  case START_NOT_SET -> request.getIncludeSnapshot() ? "snapshot" : "now";
                })
        .toList();
  }

  @Override
  public void watchEvents(WatchEventsRequest request, StreamObserver<WatchEventsResponse> answer) {
    Rpc rpc;
    synchronized (this) {
      requests.add(request);
      peers.add(PEER.get());
      mostOpen = Math.max(mostOpen, ++open);
      rpc = script.poll();
    }
    ((ServerCallStreamObserver<WatchEventsResponse>) answer).setOnCancelHandler(this::left);
    if (rpc == null) {
      ended();
      answer.onError(Status.FAILED_PRECONDITION.withDescription("not in the script").asException());
      return;
    }
    rpc.messages().forEach(answer::onNext);
    if (rpc.end() == null) {
      return;
    }
    ended();
    if (rpc.end().getStatus().isOk()) {
      answer.onCompleted();
    } else {
      answer.onError(rpc.end());
    }
  }

  private void left() {
    ended();
    departures.add("left");
  }

  private synchronized void ended() {
    open--;
  }

  static WatchEventsResponse opened(String cursor) {
    return opened(cursor, 60_000);
  }

  static WatchEventsResponse opened(String cursor, long intervalMillis) {
    var opened = WatchOpened.newBuilder().setBookmarkInterval(millis(intervalMillis));
    return WatchEventsResponse.newBuilder().setCursor(cursor).setOpened(opened).build();
  }

  static WatchEventsResponse event(String cursor, long sequence) {
    var batch = EventBatch.newBuilder().addEvents(Event.newBuilder().setSequence(sequence));
    return WatchEventsResponse.newBuilder().setCursor(cursor).setEvents(batch).build();
  }

  static WatchEventsResponse part(String cursor, String controlId, boolean last) {
    var stream = Stream.newBuilder().setControlId(controlId);
    var part = WatchSnapshot.newBuilder().addStreams(stream).setLast(last);
    return WatchEventsResponse.newBuilder().setCursor(cursor).setSnapshot(part).build();
  }

  static WatchEventsResponse bookmark(String cursor) {
    var bookmark = WatchBookmark.getDefaultInstance();
    return WatchEventsResponse.newBuilder().setCursor(cursor).setBookmark(bookmark).build();
  }

  static WatchEventsResponse closing(String cursor, long retryAfterMillis) {
    var closing = WatchClosing.newBuilder().setRetryAfter(millis(retryAfterMillis));
    return WatchEventsResponse.newBuilder().setCursor(cursor).setClosing(closing).build();
  }

  /** An error as the gateway makes it. */
  static StatusRuntimeException refusal(Status.Code code, String reason, long retryMillis) {
    var info = ErrorInfo.newBuilder().setDomain("callstream").setReason(reason).build();
    var retry = RetryInfo.newBuilder().setRetryDelay(millis(retryMillis)).build();
    return StatusProto.toStatusRuntimeException(
        com.google.rpc.Status.newBuilder()
            .setCode(code.value())
            .addDetails(Any.pack(info))
            .addDetails(Any.pack(retry))
            .build());
  }

  static Duration millis(long millis) {
    return Duration.newBuilder()
        .setSeconds(millis / 1000)
        .setNanos((int) (millis % 1000 * 1_000_000))
        .build();
  }

  /** Answers calls by a script too: with its errors, and then with OK. */
  static final class Calls extends CallServiceGrpc.CallServiceImplBase {
    private final Queue<StatusRuntimeException> script = new ArrayDeque<>();
    private int count;

    synchronized void fail(StatusRuntimeException... errors) {
      script.addAll(List.of(errors));
    }

    synchronized int count() {
      return count;
    }

    @Override
    public void getCall(GetCallRequest request, StreamObserver<GetCallResponse> answer) {
      answer(answer, GetCallResponse.getDefaultInstance());
    }

    @Override
    public void passCall(PassCallRequest request, StreamObserver<PassCallResponse> answer) {
      answer(answer, PassCallResponse.getDefaultInstance());
    }

    private synchronized <A> void answer(StreamObserver<A> answer, A response) {
      count++;
      var error = script.poll();
      if (error != null) {
        answer.onError(error);
      } else {
        answer.onNext(response);
        answer.onCompleted();
      }
    }
  }

  /** Remembers the authorization of each request, and tells its handler where it came from. */
  private final class Headers implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      authorizations.add(String.valueOf(headers.get(AUTHORIZATION)));
      var peer = call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
      return Contexts.interceptCall(Context.current().withValue(PEER, peer), call, headers, next);
    }
  }
}
