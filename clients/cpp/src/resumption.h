#ifndef CALLSTREAM_SRC_RESUMPTION_H_
#define CALLSTREAM_SRC_RESUMPTION_H_

#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "callstream/watch.h"

namespace callstream {

/// How a watch goes on: what to open next, what to hand over, how long to pause. Decides only; it moves no bytes.
class Resumption {
 public:
  using Duration = std::chrono::nanoseconds;

  /// @param chance Draws from 0 to 1, for the jitter of pauses.
  Resumption(v1::WatchEventsRequest request, const WatchOptions& options, std::function<double()> chance);

  /// As ResumingWatch::cursor.
  const std::string& cursor() const { return cursor_; }

  /// The time without a message after which the connection is dead.
  Duration silence() const;

  /// What to open now: the user's request, from the last cursor on if there is one.
  v1::WatchEventsRequest NextRequest() const;

  /// Takes a message in, and returns what the user is to see of it.
  std::optional<WatchItem> Received(v1::WatchEventsResponse response);

  /// Decides on an RPC that ended with an error; a dead connection is UNAVAILABLE, and CANCELLED is the other side's.
  ///
  /// @return how long to pause before opening NextRequest(); empty if the error is the user's to handle.
  std::optional<Duration> Failed(const grpc::Status& status);

 private:
  Snapshot SnapshotOf(v1::WatchEventsResponse* response);
  void BeginAgain();
  Duration Pause();

  v1::WatchEventsRequest request_;
  const WatchOptions options_;
  const std::function<double()> chance_;
  std::string cursor_;
  Duration interval_;         // of bookmarks
  bool snapshot_due_;         // a cursor would skip what is left of the snapshot
  bool parts_shown_ = false;  // some of the snapshot that is due
  bool reset_ = false;        // the snapshot that is due replaces what was shown
  int failures_ = 0;          // since something was heard
  Duration wanted_pause_{0};
};

}  // namespace callstream

#endif  // CALLSTREAM_SRC_RESUMPTION_H_
