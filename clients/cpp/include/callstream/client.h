#ifndef CALLSTREAM_CLIENT_H_
#define CALLSTREAM_CLIENT_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "callstream/errors.h"
#include "callstream/v1/call_service.grpc.pb.h"
#include "callstream/v1/gateway_service.grpc.pb.h"
#include "callstream/v1/stream_service.grpc.pb.h"
#include "callstream/watch.h"

namespace callstream {

class Connection;

/// How to talk to a gateway: in plain text, if nothing is said.
struct Options {
  /// Sent with each RPC as "authorization: Bearer …". Unencrypted it goes to this machine only.
  std::string token;
  /// Encrypts, and trusts the system's certificates.
  bool tls = false;
  /// A file of PEM certificates to trust in place of the system's. Implies `tls`.
  std::string ca_file;
  /// Files of the PEM certificate to show to the gateway, and its key (mutual TLS). Imply `tls`.
  std::string certificate_file;
  std::string key_file;
};

/// The services of a gateway, over one connection that is made when it is needed. Threads may share it. RPCs that may
/// be sent twice are tried again, up to four times, while they are UNAVAILABLE; StartStream, Dial and PassCall are not.
///
/// Errors of RPCs are grpc::Status, as everywhere in gRPC. Only the constructor throws.
class Client {
 public:
  /// @param target "host:port", "unix:/path", or any other name that gRPC resolves.
  /// @throws std::invalid_argument if a token would leave this machine unencrypted, or a file can't be read.
  explicit Client(std::string target, const Options& options = {});

  /// `Watch` is the better WatchEvents.
  v1::StreamService::Stub& streams() const { return *streams_; }
  v1::CallService::Stub& calls() const { return *calls_; }
  v1::GatewayService::Stub& gateway() const { return *gateway_; }

  /// For stubs of other services, such as gRPC health.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  /// A watch that goes on where it was. Nothing is opened before its Next. It may outlive the client.
  ResumingWatch Watch(v1::WatchEventsRequest request, const WatchOptions& options = {}) const;

 private:
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::StreamService::Stub> streams_;
  std::unique_ptr<v1::CallService::Stub> calls_;
  std::unique_ptr<v1::GatewayService::Stub> gateway_;
};

}  // namespace callstream

#endif  // CALLSTREAM_CLIENT_H_
