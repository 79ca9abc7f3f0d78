#ifndef CALLSTREAM_WATCH_H_
#define CALLSTREAM_WATCH_H_

#include <google/protobuf/repeated_ptr_field.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "callstream/v1/stream_service.pb.h"

namespace callstream {

/// Matching events, in order.
struct Events {
  /// The place after the last of them.
  std::string cursor;
  google::protobuf::RepeatedPtrField<v1::Event> events;
};

/// A part of what there is now: the streams and calls that have not ended.
struct Snapshot {
  /// The place that the snapshot shows. A later watch can go on there only once the last part was seen.
  std::string cursor;
  google::protobuf::RepeatedPtrField<v1::Stream> streams;
  google::protobuf::RepeatedPtrField<v1::Call> calls;
  /// True on the last part.
  bool last = false;
  /// True on every part of a snapshot that replaces all that was handed over before it: history was lost (the cursor
  /// was compacted away, or the journal is another one), or a snapshot broke off. Forget what you know when it begins.
  bool reset = false;
};

/// Nothing matched up to the cursor.
struct Bookmark {
  std::string cursor;
};

using WatchItem = std::variant<Events, Snapshot, Bookmark>;

/// How a watch is taken up again.
struct WatchOptions {
  /// The first pause lasts at most this long, each further one at most twice as long as the one before.
  std::chrono::nanoseconds backoff_initial = std::chrono::milliseconds(100);
  /// No pause lasts longer, unless the gateway asks for it.
  std::chrono::nanoseconds backoff_max = std::chrono::seconds(10);
  /// So many bookmark intervals without any message mean that the connection is dead.
  double dead_after_intervals = 3;
};

/// Follows events across broken connections, restarts of the gateway and lost history: in order, none twice, none
/// missing. It has one RPC open at a time, and no thread of its own. One thread calls Next; any thread may call Cancel
/// meanwhile. Its end closes the RPC.
///
/// It is opened again at its last cursor after UNAVAILABLE, after a broken connection, and, over a new connection, when
/// nothing came for three bookmark intervals. After OUT_OF_RANGE (what follows the cursor is gone) it begins again with
/// a snapshot, marked as a reset.
class ResumingWatch {
 public:
  ResumingWatch(ResumingWatch&&) noexcept;
  ResumingWatch& operator=(ResumingWatch&&) noexcept;
  ~ResumingWatch();

  /// Waits for what comes next. Empty at the end, which `status` explains.
  std::optional<WatchItem> Next();

  /// Ends the watch: Next returns empty from now on, also where it is waiting.
  void Cancel();

  /// After the end: OK if the request's `until` was reached, CANCELLED after Cancel, else the error that opening the
  /// watch again would not mend (INVALID_ARGUMENT, RESOURCE_EXHAUSTED, …). OK before the end.
  const grpc::Status& status() const;

  /// Where a later watch, of another process too, can go on (`after_cursor`). Empty before the first such place.
  const std::string& cursor() const;

 private:
  friend class Client;
  class Impl;
  explicit ResumingWatch(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace callstream

#endif  // CALLSTREAM_WATCH_H_
