#ifndef CALLSTREAM_TESTS_FAKE_GATEWAY_H_
#define CALLSTREAM_TESTS_FAKE_GATEWAY_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "callstream/v1/stream_service.grpc.pb.h"

namespace callstream::testing {

/// What the gateway does with one WatchEvents: it sends the messages, and then ends as told.
struct Rpc {
  std::vector<v1::WatchEventsResponse> messages = {};
  grpc::Status end = grpc::Status::OK;
  /// Says nothing more until the client leaves.
  bool hang = false;
};

/// A request for a watch, and whose it was.
struct Asked {
  std::string start;
  std::string peer;
};

/// A gateway on a socket of its own. It serves WatchEvents by a script, one RPC after the other, and refuses whatever
/// comes after the last. GetStream and StartStream are UNAVAILABLE the first two times.
class FakeGateway final : public v1::StreamService::Service {
 public:
  explicit FakeGateway(std::deque<Rpc> script,
                       std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials());
  ~FakeGateway() override;

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

  /// The watches that were asked for.
  std::vector<Asked> asked();
  std::vector<std::string> starts();

  /// Waits until a watch is open.
  void AwaitBegin();
  /// Waits until none is.
  void AwaitEnd();

  /// Breaks all connections and serves on, on the same port.
  void Restart();

  /// How often GetStream and StartStream were called, and the last one's token.
  int calls();
  std::string authorization();

  grpc::Status WatchEvents(grpc::ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override;
  grpc::Status GetStream(grpc::ServerContext* context, const v1::GetStreamRequest* request,
                         v1::GetStreamResponse* response) override;
  grpc::Status StartStream(grpc::ServerContext* context, const v1::StartStreamRequest* request,
                           v1::StartStreamResponse* response) override;

 private:
  void Serve();
  grpc::Status Tire(const grpc::ServerContext& context);

  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Rpc> script_;
  std::vector<Asked> asked_;
  bool open_ = false;
  int calls_ = 0;
  std::string authorization_;
};

/// The first message of a watch.
v1::WatchEventsResponse Opened(const std::string& cursor,
                               std::chrono::milliseconds bookmark_interval = std::chrono::minutes(1));
/// A batch of one event.
v1::WatchEventsResponse EventAt(const std::string& cursor, std::uint64_t sequence);
/// A part of a snapshot.
v1::WatchEventsResponse Part(const std::string& cursor, bool last);
v1::WatchEventsResponse BookmarkAt(const std::string& cursor);
v1::WatchEventsResponse Closing(const std::string& cursor, std::chrono::seconds retry_after = {});

}  // namespace callstream::testing

#endif  // CALLSTREAM_TESTS_FAKE_GATEWAY_H_
