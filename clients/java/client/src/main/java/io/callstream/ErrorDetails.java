package io.callstream;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import io.grpc.protobuf.StatusProto;
import java.util.Optional;

/** What the gateway says about an error beyond its status code. */
public final class ErrorDetails {
  private ErrorDetails() {}

  /**
   * Returns the gateway's word for what went wrong, such as {@code CALL_NOT_FOUND}.
   *
   * @param error what a stub or a watch has thrown
   * @return the word to switch on; empty if the error is not the gateway's
   */
  public static String reason(Throwable error) {
    return find(error, ErrorInfo.class)
        .filter(info -> info.getDomain().equals("callstream"))
        .map(ErrorInfo::getReason)
        .orElse("");
  }

  /**
   * Finds a detail of the status: {@code ErrorInfo} has reason and metadata, {@code BadRequest}
   * every wrong field, {@code RetryInfo} how long to wait.
   *
   * @param <T> the detail
   * @param error what a stub or a watch has thrown
   * @param type one of the messages of {@code com.google.rpc}
   * @return the first detail of this type, if there is one
   */
  public static <T extends Message> Optional<T> find(Throwable error, Class<T> type) {
    Status status = StatusProto.fromThrowable(error);
    if (status == null) {
      return Optional.empty();
    }
    for (Any detail : status.getDetailsList()) {
      if (detail.is(type)) {
        try {
          return Optional.of(detail.unpack(type));
        } catch (InvalidProtocolBufferException broken) {
          return Optional.empty(); // what can't be read tells no more than what is not there
        }
      }
    }
    return Optional.empty();
  }
}
