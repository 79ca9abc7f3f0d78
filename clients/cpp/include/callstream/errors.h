#ifndef CALLSTREAM_ERRORS_H_
#define CALLSTREAM_ERRORS_H_

#include <grpcpp/support/status.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace callstream {

/// A wrong field of a request, and what to write instead.
struct FieldViolation {
  std::string field;
  std::string description;
};

/// What the gateway says of an error beyond its code.
struct ErrorDetails {
  /// The word to switch on ("CALL_ENDED"); empty if the error is not the gateway's (a broken connection, for one).
  std::string reason;
  /// What a program needs to act on it: "relay_code", "oldest_cursor", …
  std::map<std::string, std::string> metadata;
  /// For INVALID_ARGUMENT every wrong field.
  std::vector<FieldViolation> violations;
  /// How long to wait before trying again, if the gateway says so.
  std::optional<std::chrono::nanoseconds> retry_delay;
};

/// Reads the details of a status. What can't be read is left out.
ErrorDetails DetailsOf(const grpc::Status& status);

}  // namespace callstream

#endif  // CALLSTREAM_ERRORS_H_
