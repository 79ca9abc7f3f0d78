#include "resumption.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "callstream/details/status.pb.h"
#include "fake_gateway.h"

namespace callstream::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const grpc::Status kUnavailable(grpc::StatusCode::UNAVAILABLE, "gone");
const grpc::Status kOutOfRange(grpc::StatusCode::OUT_OF_RANGE, "compacted");

Resumption New(double chance, const v1::WatchEventsRequest& request = {}) {
  return Resumption(request, {}, [chance] { return chance; });
}

/// The bound of pauses doubles up to the limit, and is the first one again once something was heard; `opened` is
/// nothing.
TEST(Resumption, BacksOff) {
  Resumption resumption = New(1);
  for (const int bound : {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000}) {
    EXPECT_EQ(resumption.Failed(kUnavailable), milliseconds(bound));
    resumption.Received(Opened("c0"));
  }
  resumption.Received(BookmarkAt("c1"));
  EXPECT_EQ(resumption.Failed(kUnavailable), milliseconds(100));
}

/// Pauses are anything from nothing to their bound.
TEST(Resumption, PausesAtRandom) {
  EXPECT_EQ(New(0).Failed(kUnavailable), seconds(0));
  EXPECT_EQ(New(0.25).Failed(kUnavailable), milliseconds(25));
}

/// The gateway is not asked again sooner than `closing` says, once.
TEST(Resumption, HonoursThePauseThatClosingAsksFor) {
  Resumption resumption = New(1);
  resumption.Received(Closing("c1", hours(1)));
  EXPECT_EQ(resumption.Failed(kUnavailable), hours(1));
  EXPECT_EQ(resumption.Failed(kUnavailable), milliseconds(200));
}

/// Nor sooner than the status says.
TEST(Resumption, HonoursThePauseThatTheStatusAsksFor) {
  details::RetryInfo retry;
  *retry.mutable_retry_delay() = google::protobuf::util::TimeUtil::HoursToDuration(2);
  details::Status rich;
  google::protobuf::Any* packed = rich.add_details();
  packed->set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  retry.SerializeToString(packed->mutable_value());
  const grpc::Status draining(grpc::StatusCode::UNAVAILABLE, "draining", rich.SerializeAsString());
  EXPECT_EQ(New(1).Failed(draining), hours(2));
}

/// A cursor that was lost is news the first time, and a reason to pause after that.
TEST(Resumption, DoesNotStormAGatewayThatLosesEveryCursor) {
  Resumption resumption = New(1);
  resumption.Received(EventAt("c1", 1));
  EXPECT_EQ(resumption.Failed(kOutOfRange), seconds(0));
  EXPECT_EQ(resumption.Failed(kOutOfRange), milliseconds(200));
}

/// A connection is dead after three bookmark intervals: as the gateway says, before that as requested, or the usual
/// ones.
TEST(Resumption, KnowsWhenAConnectionIsDead) {
  EXPECT_EQ(New(1).silence(), seconds(45));
  v1::WatchEventsRequest request;
  request.mutable_bookmark_interval()->set_seconds(5);
  Resumption resumption = New(1, request);
  EXPECT_EQ(resumption.silence(), seconds(15));
  resumption.Received(Opened("c0", seconds(2)));
  EXPECT_EQ(resumption.silence(), seconds(6));
}

/// A proxy that loses its upstream resets the stream; the gateway's own INTERNAL is the user's.
TEST(Resumption, TakesAResetStreamForABrokenConnection) {
  EXPECT_EQ(New(1).Failed({grpc::StatusCode::INTERNAL, "Received RST_STREAM with error code 2"}), milliseconds(100));
  EXPECT_EQ(New(1).Failed({grpc::StatusCode::INTERNAL, "a defect"}), std::nullopt);
}

}  // namespace
}  // namespace callstream::testing
