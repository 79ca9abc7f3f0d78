#ifndef CALLSTREAM_SRC_CONNECTION_H_
#define CALLSTREAM_SRC_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <mutex>
#include <string>

#include "callstream/client.h"

namespace callstream {

/// The channel that watches are opened on. A client shares it with them.
class Connection {
 public:
  /// As Client::Client.
  Connection(std::string target, const Options& options);

  /// What to open a watch on.
  std::shared_ptr<grpc::Channel> channel() const;

  /// Has watches use a new channel, as this one is silent: gRPC itself would go on with it until its pings fail. The
  /// old one lives on for those who use it.
  void Leave(const std::shared_ptr<grpc::Channel>& silent);

 private:
  std::shared_ptr<grpc::Channel> NewChannel() const;

  const std::string target_;
  const bool local_;
  const std::string token_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;

  mutable std::mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace callstream

#endif  // CALLSTREAM_SRC_CONNECTION_H_
