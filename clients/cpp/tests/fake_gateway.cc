#include "fake_gateway.h"

#include <google/protobuf/util/time_util.h>

#include <thread>
#include <utility>

namespace callstream::testing {
namespace {

using google::protobuf::util::TimeUtil;

/// Where a request begins, in words.
std::string StartOf(const v1::WatchEventsRequest& request) {
  if (request.has_after_cursor()) return "after " + request.after_cursor();
  if (request.from_oldest()) return "oldest";
  return request.include_snapshot() ? "snapshot" : "now";
}

}  // namespace

FakeGateway::FakeGateway(std::deque<Rpc> script, std::shared_ptr<grpc::ServerCredentials> credentials)
    : credentials_(std::move(credentials)), script_(std::move(script)) {
  Serve();
}

FakeGateway::~FakeGateway() { server_->Shutdown(std::chrono::system_clock::now()); }

void FakeGateway::Serve() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(target(), credentials_, &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void FakeGateway::Restart() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  Serve();
}

std::vector<Asked> FakeGateway::asked() {
  const std::lock_guard lock(mutex_);
  return asked_;
}

std::vector<std::string> FakeGateway::starts() {
  std::vector<std::string> starts;
  for (const Asked& one : asked()) starts.push_back(one.start);
  return starts;
}

void FakeGateway::AwaitBegin() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return open_; });
}

void FakeGateway::AwaitEnd() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !open_; });
}

int FakeGateway::calls() {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::string FakeGateway::authorization() {
  const std::lock_guard lock(mutex_);
  return authorization_;
}

grpc::Status FakeGateway::WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                                      grpc::ServerWriter<v1::WatchEventsResponse>* writer) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !open_; });  // a watch that had two of them open would stay here for ever
  asked_.push_back({StartOf(*request), context->peer()});
  if (script_.empty()) return {grpc::StatusCode::FAILED_PRECONDITION, "not in the script"};
  const Rpc now = std::move(script_.front());
  script_.pop_front();
  open_ = true;
  changed_.notify_all();
  lock.unlock();
  for (const v1::WatchEventsResponse& message : now.messages) writer->Write(message);
  // gRPC's synchronous server tells nobody that a client has left: it has to be asked.
  while (now.hang && !context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  lock.lock();
  open_ = false;
  changed_.notify_all();
  return now.end;
}

grpc::Status FakeGateway::GetStream(grpc::ServerContext* context, const v1::GetStreamRequest* /*request*/,
                                    v1::GetStreamResponse* /*response*/) {
  return Tire(*context);
}

grpc::Status FakeGateway::StartStream(grpc::ServerContext* context, const v1::StartStreamRequest* /*request*/,
                                      v1::StartStreamResponse* /*response*/) {
  return Tire(*context);
}

grpc::Status FakeGateway::Tire(const grpc::ServerContext& context) {
  const std::lock_guard lock(mutex_);
  const auto token = context.client_metadata().find("authorization");
  if (token != context.client_metadata().end()) authorization_ = {token->second.data(), token->second.size()};
  if (++calls_ < 3) return {grpc::StatusCode::UNAVAILABLE, "not yet"};
  return grpc::Status::OK;
}

v1::WatchEventsResponse Opened(const std::string& cursor, std::chrono::milliseconds bookmark_interval) {
  v1::WatchEventsResponse message;
  message.set_cursor(cursor);
  *message.mutable_opened()->mutable_bookmark_interval() = TimeUtil::MillisecondsToDuration(bookmark_interval.count());
  return message;
}

v1::WatchEventsResponse EventAt(const std::string& cursor, std::uint64_t sequence) {
  v1::WatchEventsResponse message;
  message.set_cursor(cursor);
  message.mutable_events()->add_events()->set_sequence(sequence);
  return message;
}

v1::WatchEventsResponse Part(const std::string& cursor, bool last) {
  v1::WatchEventsResponse message;
  message.set_cursor(cursor);
  message.mutable_snapshot()->set_last(last);
  message.mutable_snapshot()->add_streams()->set_control_id("s1");
  message.mutable_snapshot()->add_calls()->set_call_id("call");
  return message;
}

v1::WatchEventsResponse BookmarkAt(const std::string& cursor) {
  v1::WatchEventsResponse message;
  message.set_cursor(cursor);
  message.mutable_bookmark();
  return message;
}

v1::WatchEventsResponse Closing(const std::string& cursor, std::chrono::seconds retry_after) {
  v1::WatchEventsResponse message;
  message.set_cursor(cursor);
  *message.mutable_closing()->mutable_retry_after() = TimeUtil::SecondsToDuration(retry_after.count());
  return message;
}

}  // namespace callstream::testing
