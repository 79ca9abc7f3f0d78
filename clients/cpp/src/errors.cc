#include "callstream/errors.h"

#include <google/protobuf/util/time_util.h>

#include <string_view>

#include "callstream/details/status.pb.h"

namespace callstream {
namespace {

constexpr std::string_view kDomain = "callstream";

/// Reads what is packed into `message`, if that is what google.rpc calls `type`. The names of our own types differ, so
/// that Any::UnpackTo would refuse.
template <typename Message>
bool Unpack(const google::protobuf::Any& packed, const std::string& type, Message* message) {
  const std::string& url = packed.type_url();
  return url.substr(url.rfind('/') + 1) == type && message->ParseFromString(packed.value());
}

}  // namespace

ErrorDetails DetailsOf(const grpc::Status& status) {
  ErrorDetails result;
  details::Status rich;
  if (!rich.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& packed : rich.details()) {
    details::ErrorInfo info;
    details::BadRequest request;
    details::RetryInfo retry;
    if (Unpack(packed, "google.rpc.ErrorInfo", &info) && info.domain() == kDomain) {
      result.reason = info.reason();
      result.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (Unpack(packed, "google.rpc.BadRequest", &request)) {
      for (const auto& wrong : request.field_violations()) {
        result.violations.push_back({wrong.field(), wrong.description()});
      }
    } else if (Unpack(packed, "google.rpc.RetryInfo", &retry)) {
      result.retry_delay =
          std::chrono::nanoseconds(google::protobuf::util::TimeUtil::DurationToNanoseconds(retry.retry_delay()));
    }
  }
  return result;
}

}  // namespace callstream
