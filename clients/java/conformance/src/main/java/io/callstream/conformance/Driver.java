package io.callstream.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.callstream.CallstreamClient;
import io.callstream.WatchItem;
import io.callstream.WatchOptions;
import io.callstream.v1.CallServiceGrpc;
import io.callstream.v1.GatewayServiceGrpc;
import io.callstream.v1.StreamServiceGrpc;
import io.callstream.v1.WatchEventsRequest;
import io.callstream.v1.WatchEventsResponse;
import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.InsecureChannelCredentials;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Drives the Java client for the conformance suite: reads commands as JSON lines, and writes what
 * came of them as JSON lines.
 */
public final class Driver {
  private static final JsonFormat.Printer PRINTER =
      JsonFormat.printer().omittingInsignificantWhitespace();

  private static final Map<String, MethodDescriptor<?, ?>> METHODS =
      Stream.of(
              CallServiceGrpc.getServiceDescriptor(),
              GatewayServiceGrpc.getServiceDescriptor(),
              StreamServiceGrpc.getServiceDescriptor())
          .flatMap(service -> service.getMethods().stream())
          .collect(Collectors.toMap(MethodDescriptor::getFullMethodName, Function.identity()));

  /** What the details of a status can be, by name. */
  private static final Map<String, Message> DETAILS =
      Stream.<Message>of(
              BadRequest.getDefaultInstance(),
              ErrorInfo.getDefaultInstance(),
              RetryInfo.getDefaultInstance())
          .collect(
              Collectors.toMap(
                  message -> message.getDescriptorForType().getFullName(), Function.identity()));

  private final CallstreamClient client;
  private final PrintStream out;
  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final Map<Long, Context.CancellableContext> running = new ConcurrentHashMap<>();

  private Driver(CallstreamClient client, PrintStream out) {
    this.client = client;
    this.out = out;
  }

  /**
   * Serves until it is told to exit or the input ends.
   *
   * @param args none
   * @throws IOException if input or certificates can't be read
   * @throws InterruptedException never
   */
  public static void main(String[] args) throws IOException, InterruptedException {
    var builder = CallstreamClient.builder(System.getenv("CALLSTREAM_TARGET"));
    var authority = System.getenv("CALLSTREAM_CA_FILE");
    builder.credentials(
        authority == null
            ? InsecureChannelCredentials.create()
            : TlsChannelCredentials.newBuilder().trustManager(new File(authority)).build());
    builder.token(Optional.ofNullable(System.getenv("CALLSTREAM_TOKEN")).orElse(""));
    // A stream of its own: System.out may encode otherwise.
    var out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try (var client = builder.build()) {
      new Driver(client, out).serve(in);
    }
  }

  private void serve(BufferedReader in) throws IOException, InterruptedException {
    for (String text = in.readLine(); text != null; text = in.readLine()) {
      var command = JsonParser.parseString(text).getAsJsonObject();
      switch (command.has("op") ? command.get("op").getAsString() : "") {
        case "unary" -> begin(command, this::unary);
        case "watch" -> begin(command, this::watch);
        case "cancel" -> {
          var target = running.get(command.get("target").getAsLong());
          if (target != null) {
            target.cancel(null);
          }
          write(ended(command, Status.OK));
        }
        case "exit" -> {
          stop();
          write(ended(command, Status.OK));
          return;
        }
        default -> write(invalid(command, "unknown op"));
      }
    }
    stop();
  }

  private void stop() throws InterruptedException {
    running.values().forEach(context -> context.cancel(null));
    executor.shutdown();
    executor.awaitTermination(5, TimeUnit.SECONDS);
  }

  /** What a command does; returns its last line. */
  private interface Execution {
    JsonObject execute(JsonObject command) throws InvalidProtocolBufferException;
  }

  /** Executes a command beside the others. */
  private void begin(JsonObject command, Execution execution) {
    long id = command.get("id").getAsLong();
    var context = Context.current().withCancellation();
    running.put(id, context);
    executor.execute(
        context.wrap(
            () -> {
              JsonObject last;
              try {
                last = execution.execute(command);
              } catch (StatusRuntimeException error) {
                last = ended(command, error);
              } catch (InvalidProtocolBufferException error) {
                last = invalid(command, error.getMessage());
              }
              running.remove(id);
              context.cancel(null);
              if (command.get("op").getAsString().equals("watch")) {
                last.addProperty("done", true);
              }
              write(last);
            }));
  }

  private JsonObject unary(JsonObject command) throws InvalidProtocolBufferException {
    var method = METHODS.get(command.get("method").getAsString());
    if (method == null) {
      return invalid(command, "unknown method");
    }
    return call(command, method);
  }

  private <Q, A> JsonObject call(JsonObject command, MethodDescriptor<Q, A> method)
      throws InvalidProtocolBufferException {
    Q prototype = ((PrototypeMarshaller<Q>) method.getRequestMarshaller()).getMessagePrototype();
    var request = ((Message) prototype).newBuilderForType();
    decode(command, request);
    var options = CallOptions.DEFAULT;
    if (command.has("timeout_ms")) {
      options =
          options.withDeadlineAfter(command.get("timeout_ms").getAsLong(), TimeUnit.MILLISECONDS);
    }
    @SuppressWarnings("unchecked") // the builder is the prototype's
    Q built = (Q) request.build();
    A response = ClientCalls.blockingUnaryCall(client.channel(), method, options, built);
    var last = ended(command, Status.OK);
    last.add("response", encode((Message) response));
    return last;
  }

  private JsonObject watch(JsonObject command) throws InvalidProtocolBufferException {
    var request = WatchEventsRequest.newBuilder();
    decode(command, request);
    if (command.has("resume") && command.get("resume").getAsBoolean()) {
      try (var watch = client.watch(request.build(), options(command))) {
        for (WatchItem item : watch) {
          write(line(command, "item", encode(item)));
        }
      }
    } else {
      var responses = client.streams().watchEvents(request.build());
      while (responses.hasNext()) {
        WatchEventsResponse response = responses.next();
        write(line(command, "message", encode(response)));
      }
    }
    return ended(command, Status.OK);
  }

  private static WatchOptions options(JsonObject command) {
    var told = command.has("options") ? command.getAsJsonObject("options") : new JsonObject();
    Function<String, Optional<JsonElement>> option = name -> Optional.ofNullable(told.get(name));
    var usual = WatchOptions.DEFAULT;
    return new WatchOptions(
        option
            .apply("backoff_initial_ms")
            .map(JsonElement::getAsLong)
            .map(Duration::ofMillis)
            .orElse(usual.initialBackoff()),
        option
            .apply("backoff_max_ms")
            .map(JsonElement::getAsLong)
            .map(Duration::ofMillis)
            .orElse(usual.maxBackoff()),
        option
            .apply("dead_after_intervals")
            .map(JsonElement::getAsInt)
            .orElse(usual.deadAfterIntervals()));
  }

  private void write(JsonObject line) {
    out.println(line);
  }

  private static JsonObject line(JsonObject command, String name, JsonElement value) {
    var line = new JsonObject();
    line.add("id", command.get("id"));
    line.add(name, value);
    return line;
  }

  private static JsonObject invalid(JsonObject command, String message) {
    var line = line(command, "message", new JsonPrimitive(message));
    line.addProperty("code", "INVALID_COMMAND");
    return line;
  }

  private static JsonObject ended(JsonObject command, Status status) {
    var line = new JsonObject();
    line.add("id", command.get("id"));
    line.addProperty("code", status.getCode().name());
    return line;
  }

  private static JsonObject ended(JsonObject command, StatusRuntimeException error) {
    var line = ended(command, error.getStatus());
    line.addProperty("message", error.getStatus().getDescription());
    var details = new JsonArray();
    for (Any packed : StatusProto.fromThrowable(error).getDetailsList()) {
      var name = packed.getTypeUrl().substring(packed.getTypeUrl().lastIndexOf('/') + 1);
      var detail = new JsonObject();
      detail.addProperty("type", name);
      detail.add("value", unpack(packed, DETAILS.get(name)));
      details.add(detail);
    }
    line.add("details", details);
    return line;
  }

  private static JsonElement unpack(Any packed, Message prototype) {
    try {
      return prototype == null ? new JsonObject() : encode(packed.unpackSameTypeAs(prototype));
    } catch (InvalidProtocolBufferException broken) {
      throw new IllegalStateException(broken);
    }
  }

  private static JsonObject encode(WatchItem item) {
    var line = new JsonObject();
    line.addProperty("cursor", item.cursor());
    if (item instanceof WatchItem.Events events) {
      line.addProperty("kind", "events");
      line.add("events", encode(events.events()));
    } else if (item instanceof WatchItem.Snapshot part) {
      line.addProperty("kind", "snapshot");
      line.add("streams", encode(part.streams()));
      line.add("calls", encode(part.calls()));
      line.addProperty("last", part.last());
      line.addProperty("reset", part.reset());
    } else {
      line.addProperty("kind", "bookmark");
    }
    return line;
  }

  private static JsonArray encode(List<? extends Message> messages) {
    var array = new JsonArray();
    messages.forEach(message -> array.add(encode(message)));
    return array;
  }

  private static JsonElement encode(MessageOrBuilder message) {
    try {
      return JsonParser.parseString(PRINTER.print(message));
    } catch (InvalidProtocolBufferException broken) {
      throw new IllegalStateException(broken); // only an Any of a type that is not registered
    }
  }

  private static void decode(JsonObject command, Message.Builder builder)
      throws InvalidProtocolBufferException {
    if (command.has("request")) {
      JsonFormat.parser().merge(command.get("request").toString(), builder);
    }
  }
}
