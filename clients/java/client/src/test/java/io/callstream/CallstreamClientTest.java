package io.callstream;

import static io.callstream.FakeGateway.refusal;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.rpc.BadRequest;
import com.google.rpc.RetryInfo;
import io.callstream.v1.GetCallRequest;
import io.callstream.v1.PassCallRequest;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.TlsServerCredentials;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class CallstreamClientTest {
  private static final StatusRuntimeException UNAVAILABLE =
      refusal(Status.Code.UNAVAILABLE, "RELAY_DISCONNECTED", 1000);

  private static void getCall(CallstreamClient client) {
    var response = client.calls().getCall(GetCallRequest.getDefaultInstance());
    assertEquals(0, response.getSerializedSize());
  }

  private static StatusRuntimeException fails(Status.Code code, Executable call) {
    var error = assertThrows(StatusRuntimeException.class, call);
    assertEquals(code, error.getStatus().getCode());
    return error;
  }

  /** What is safe to repeat is repeated while the gateway is UNAVAILABLE, and nothing else. */
  @Test
  void repeatsWhatIsSafeToRepeat() throws Exception {
    try (var gateway = new FakeGateway()) {
      var client = gateway.connect();
      gateway.calls().fail(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE);
      getCall(client);
      assertEquals(4, gateway.calls().count());
      gateway.calls().fail(UNAVAILABLE);
      fails(
          Status.Code.UNAVAILABLE,
          () -> client.calls().passCall(PassCallRequest.getDefaultInstance()));
      assertEquals(5, gateway.calls().count());
      gateway.calls().fail(refusal(Status.Code.NOT_FOUND, "CALL_NOT_FOUND", 0));
      var error = fails(Status.Code.NOT_FOUND, () -> getCall(client));
      assertEquals("CALL_NOT_FOUND", ErrorDetails.reason(error));
      assertEquals(6, gateway.calls().count());
    }
  }

  /**
   * The first call after the gateway came back succeeds, however long gRPC would have waited by
   * itself.
   */
  @Test
  void connectsWhenACallNeedsIt() throws Exception {
    try (var gateway = new FakeGateway()) {
      var client = gateway.connect();
      getCall(client);
      gateway.stop();
      for (var attempt = 0; attempt < 3; attempt++) {
        fails(Status.Code.UNAVAILABLE, () -> getCall(client));
      }
      gateway.restart();
      getCall(client);
    }
  }

  /** What is under way, and what comes later, fails when the client is closed. */
  @Test
  void failsCallsOnceClosed() throws Exception {
    try (var gateway = new FakeGateway()) {
      var client = gateway.connect();
      getCall(client);
      client.close();
      fails(Status.Code.UNAVAILABLE, () -> getCall(client));
    }
  }

  /** The token goes out with every request, if there is one. */
  @Test
  void sendsItsToken() throws Exception {
    try (var gateway = new FakeGateway()) {
      getCall(gateway.connect());
      assertEquals("null", gateway.authorization());
      var builder = CallstreamClient.builder(gateway.target());
      builder.credentials(InsecureChannelCredentials.create()).token("t1");
      getCall(gateway.keep(builder.build()));
      assertEquals("Bearer t1", gateway.authorization());
    }
  }

  /** A token stays on this machine if the connection is not encrypted. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "gateway.example.com:443",
        "127.0.0.1.example.com:443",
        "localhost.example.com:443",
        "10.127.0.1:443",
        "[2001:db8::1]:443",
        "dns:///gateway:443"
      })
  void keepsItsTokenFromOthers(String target) {
    var builder = CallstreamClient.builder(target).token("t1");
    builder.build().close();
    builder.credentials(InsecureChannelCredentials.create());
    var error = assertThrows(IllegalArgumentException.class, builder::build);
    assertEquals("a token is not sent to " + target + " without encryption", error.getMessage());
  }

  /** All names of this machine are known. */
  @ParameterizedTest
  @ValueSource(
      strings = {"localhost:1", "127.0.0.1:1", "127.1.2.3", "[::1]:1", "dns:///localhost:1"})
  void knowsThisMachine(String target) {
    var builder = CallstreamClient.builder(target).token("t1");
    builder.credentials(InsecureChannelCredentials.create()).build().close();
  }

  /**
   * A connection is encrypted if nothing else was said, and trusts the authority it is told, each
   * side the other.
   */
  @Test
  void isEncrypted(@TempDir Path folder) throws Exception {
    var server = Certificate.make(folder, "server");
    var user = Certificate.make(folder, "user");
    var credentials =
        TlsServerCredentials.newBuilder()
            .keyManager(server.chain(), server.key())
            .trustManager(user.chain())
            .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
            .build();
    try (var gateway = new FakeGateway(credentials)) {
      var builder = CallstreamClient.builder(gateway.target()).token("t1");
      var stranger = gateway.keep(builder.build());
      fails(Status.Code.UNAVAILABLE, () -> getCall(stranger));
      var trusting = TlsChannelCredentials.newBuilder().trustManager(server.chain());
      var unknown = gateway.keep(builder.credentials(trusting.build()).build());
      fails(Status.Code.UNAVAILABLE, () -> getCall(unknown));
      trusting.keyManager(user.chain(), user.key());
      getCall(gateway.keep(builder.credentials(trusting.build()).build()));
      assertEquals("Bearer t1", gateway.authorization());
    }
  }

  /** Of a status without details, or with other details, nothing is told. */
  @Test
  void findsDetails() {
    assertEquals(
        1, ErrorDetails.find(UNAVAILABLE, RetryInfo.class).get().getRetryDelay().getSeconds());
    assertEquals(Optional.empty(), ErrorDetails.find(UNAVAILABLE, BadRequest.class));
    assertEquals("", ErrorDetails.reason(Status.UNAVAILABLE.asRuntimeException()));
    assertEquals("", ErrorDetails.reason(new IllegalStateException()));
  }
}
