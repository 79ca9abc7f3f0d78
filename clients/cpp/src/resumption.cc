#include "resumption.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "callstream/errors.h"

namespace callstream {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;

// Between bookmarks, if the request names none.
constexpr std::chrono::seconds kUsualInterval(15);

Resumption::Duration DurationOf(const google::protobuf::Duration& duration) {
  return Resumption::Duration(google::protobuf::util::TimeUtil::DurationToNanoseconds(duration));
}

/// Whether opening the watch again can mend it. Servers end requests that reach them in the last moment of their
/// shutdown with CANCELLED. A proxy that loses its upstream resets the stream, which gRPC calls INTERNAL.
bool IsBroken(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
      return true;
    case grpc::StatusCode::INTERNAL:
      return status.error_message().find("RST_STREAM") != std::string::npos;
    default:
      return false;
  }
}

}  // namespace

Resumption::Resumption(v1::WatchEventsRequest request, const WatchOptions& options, std::function<double()> chance)
    : request_(std::move(request)),
      options_(options),
      chance_(std::move(chance)),
      interval_(request_.has_bookmark_interval() ? DurationOf(request_.bookmark_interval()) : kUsualInterval),
      snapshot_due_(request_.include_snapshot()) {}

Resumption::Duration Resumption::silence() const {
  return duration_cast<Duration>(options_.dead_after_intervals * duration<double, Duration::period>(interval_));
}

v1::WatchEventsRequest Resumption::NextRequest() const {
  v1::WatchEventsRequest request = request_;
  if (!cursor_.empty()) {
    request.set_include_snapshot(false);
    request.set_after_cursor(cursor_);
  }
  return request;
}

std::optional<WatchItem> Resumption::Received(v1::WatchEventsResponse response) {
  using Kind = v1::WatchEventsResponse::KindCase;
  // `opened` is no sign of health: a gateway that ends every watch at once is not to be stormed.
  if (response.kind_case() != Kind::kOpened) failures_ = 0;
  switch (response.kind_case()) {
    case Kind::kOpened:
      if (response.opened().has_bookmark_interval()) interval_ = DurationOf(response.opened().bookmark_interval());
      // "Now" is now, also if nothing happens before the connection breaks.
      if (!snapshot_due_) cursor_ = response.cursor();
      return std::nullopt;
    case Kind::kSnapshot:
      return SnapshotOf(&response);
    case Kind::kEvents:
      snapshot_due_ = false;
      cursor_ = response.cursor();
      return Events{cursor_, std::move(*response.mutable_events()->mutable_events())};
    case Kind::kBookmark:
      snapshot_due_ = false;
      cursor_ = response.cursor();
      return Bookmark{cursor_};
    case Kind::kClosing:
      wanted_pause_ = DurationOf(response.closing().retry_after());
      return std::nullopt;
    case Kind::KIND_NOT_SET:  // of a later version of the contract
      break;
  }
  return std::nullopt;
}

std::optional<Resumption::Duration> Resumption::Failed(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::OUT_OF_RANGE) {
    // What the user knows can't be carried on from. If that was news, the snapshot is there at once.
    const bool first = failures_ == 0;
    BeginAgain();
    const Duration pause = Pause();
    return first ? Duration::zero() : pause;
  }
  if (!IsBroken(status)) return std::nullopt;
  reset_ = reset_ || parts_shown_;  // what was shown of a broken snapshot may have ended before the next one
  parts_shown_ = false;
  const Duration asked = DetailsOf(status).retry_delay.value_or(Duration::zero());
  return std::max({Pause(), std::exchange(wanted_pause_, Duration::zero()), asked});
}

Snapshot Resumption::SnapshotOf(v1::WatchEventsResponse* response) {
  v1::WatchSnapshot* part = response->mutable_snapshot();
  Snapshot item{response->cursor(), std::move(*part->mutable_streams()), std::move(*part->mutable_calls()),
                part->last(), reset_};
  parts_shown_ = !part->last();
  if (part->last()) {
    snapshot_due_ = reset_ = false;
    cursor_ = response->cursor();
  }
  return item;
}

void Resumption::BeginAgain() {
  request_.clear_start();
  request_.set_include_snapshot(true);
  cursor_.clear();
  snapshot_due_ = reset_ = true;
  parts_shown_ = false;
}

Resumption::Duration Resumption::Pause() {
  const double doubled = static_cast<double>(options_.backoff_initial.count()) * std::exp2(std::min(failures_, 30));
  ++failures_;
  const double longest = std::min(doubled, static_cast<double>(options_.backoff_max.count()));
  return duration_cast<Duration>(duration<double, Duration::period>(longest * chance_()));
}

}  // namespace callstream
