#include "callstream/watch.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>

#include "callstream/client.h"
#include "connection.h"
#include "resumption.h"

namespace callstream {
namespace {

using Duration = Resumption::Duration;

/// One WatchEvents RPC. gRPC's synchronous reads have no time limit, hence a completion queue with one operation at a
/// time.
class Attempt {
 public:
  Attempt(std::shared_ptr<grpc::Channel> channel, const v1::WatchEventsRequest& request)
      : channel_(std::move(channel)),
        reader_(v1::StreamService::Stub(channel_).PrepareAsyncWatchEvents(&context_, request, &queue_)) {}

  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  ~Attempt() {
    Cancel();
    if (started_ && !finished_) Finish();
    queue_.Shutdown();
    Completed();
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  /// Whether a Read waited in vain.
  bool silent() const { return silent_; }

  /// Waits for the next message. False if there is none: then Finish says why.
  bool Read(v1::WatchEventsResponse* response, Duration patience) {
    if (!started_) {
      started_ = true;
      reader_->StartCall(nullptr);
      if (!CompletedWithin(patience)) return false;
    }
    reader_->Read(response, nullptr);
    return CompletedWithin(patience);
  }

  grpc::Status Finish() {
    grpc::Status status;
    finished_ = true;
    reader_->Finish(&status, nullptr);
    Completed();
    return status;
  }

  /// Ends it at once. Any thread may.
  void Cancel() { context_.TryCancel(); }

 private:
  /// Waits for the end of the operation; returns whether it went well. One that takes too long is cancelled.
  bool CompletedWithin(Duration patience) {
    void* tag = nullptr;
    bool ok = false;
    const gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(patience.count(), GPR_TIMESPAN));
    if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::TIMEOUT) return ok;
    silent_ = true;
    Cancel();
    Completed();
    return false;
  }

  void Completed() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
  }

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  const std::unique_ptr<grpc::ClientAsyncReader<v1::WatchEventsResponse>> reader_;
  bool started_ = false;
  bool finished_ = false;
  bool silent_ = false;
};

/// Draws from 0 to 1.
double Chance() {
  thread_local std::mt19937 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>()(generator);
}

}  // namespace

class ResumingWatch::Impl {
 public:
  Impl(std::shared_ptr<Connection> connection, v1::WatchEventsRequest request, const WatchOptions& options)
      : connection_(std::move(connection)), resumption_(std::move(request), options, Chance) {}

  std::optional<WatchItem> Next() {
    while (!ended_) {
      if (!Open()) {
        End(grpc::Status::CANCELLED);
        break;
      }
      v1::WatchEventsResponse response;
      if (!attempt_->Read(&response, resumption_.silence())) {
        Interrupted();
      } else if (auto item = resumption_.Received(std::move(response))) {
        return item;
      }
    }
    return std::nullopt;
  }

  void Cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (attempt_ != nullptr) attempt_->Cancel();
    wake_.notify_all();
  }

  const grpc::Status& status() const { return status_; }
  const std::string& cursor() const { return resumption_.cursor(); }

 private:
  /// Makes sure that there is an RPC; false if the user wants none any more.
  bool Open() {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return false;
    if (attempt_ == nullptr) {
      attempt_ = std::make_unique<Attempt>(connection_->channel(), resumption_.NextRequest());
    }
    return true;
  }

  /// Decides what follows on an RPC that has no more messages, and pauses if another is to follow.
  void Interrupted() {
    grpc::Status status = attempt_->Finish();
    if (attempt_->silent()) {
      connection_->Leave(attempt_->channel());
      status = grpc::Status(grpc::StatusCode::UNAVAILABLE, "bookmarks are missing");
    }
    if (status.ok()) return End(status);
    Close();
    const std::optional<Duration> pause = resumption_.Failed(status);
    if (!pause.has_value()) return End(status);
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, *pause, [this] { return cancelled_; });
  }

  void End(const grpc::Status& status) {
    Close();
    ended_ = true;
    status_ = status;
  }

  void Close() {
    std::unique_ptr<Attempt> former;
    const std::lock_guard lock(mutex_);  // released first, then the RPC is waited for
    former = std::move(attempt_);
  }

  const std::shared_ptr<Connection> connection_;
  Resumption resumption_;
  bool ended_ = false;
  grpc::Status status_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool cancelled_ = false;
  std::unique_ptr<Attempt> attempt_;  // changed under the mutex, so that Cancel finds it whole
};

ResumingWatch::ResumingWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ResumingWatch::ResumingWatch(ResumingWatch&&) noexcept = default;
ResumingWatch& ResumingWatch::operator=(ResumingWatch&&) noexcept = default;
ResumingWatch::~ResumingWatch() = default;

std::optional<WatchItem> ResumingWatch::Next() { return impl_->Next(); }
void ResumingWatch::Cancel() { impl_->Cancel(); }
const grpc::Status& ResumingWatch::status() const { return impl_->status(); }
const std::string& ResumingWatch::cursor() const { return impl_->cursor(); }

ResumingWatch Client::Watch(v1::WatchEventsRequest request, const WatchOptions& options) const {
  return ResumingWatch(std::make_unique<ResumingWatch::Impl>(connection_, std::move(request), options));
}

}  // namespace callstream
