#include "callstream/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "connection.h"

namespace callstream {
namespace {

// What may be sent twice. StartStream and Dial may only with an id that the caller chose, which gRPC can't see,
// PassCall may not, and a watch is taken up at its cursor.
constexpr const char* kServiceConfig = R"({"methodConfig": [{
  "name": [
    {"service": "callstream.v1.GatewayService"},
    {"service": "callstream.v1.CallService", "method": "AnswerCall"},
    {"service": "callstream.v1.CallService", "method": "EndCall"},
    {"service": "callstream.v1.CallService", "method": "GetCall"},
    {"service": "callstream.v1.CallService", "method": "ListCalls"},
    {"service": "callstream.v1.StreamService", "method": "StopStream"},
    {"service": "callstream.v1.StreamService", "method": "StopCallStreams"},
    {"service": "callstream.v1.StreamService", "method": "GetStream"},
    {"service": "callstream.v1.StreamService", "method": "ListStreams"},
    {"service": "callstream.v1.StreamService", "method": "WaitStream"},
    {"service": "callstream.v1.StreamService", "method": "ListEvents"}
  ],
  "retryPolicy": {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]
  }
}]})";

namespace experimental = grpc::experimental;

/// Sends the token with each RPC. gRPC's own credentials for this refuse every connection without TLS, also this
/// machine's.
class Bearer final : public experimental::Interceptor {
 public:
  explicit Bearer(const std::string& token) : header_("Bearer " + token) {}

  void Intercept(experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", header_);
    }
    methods->Proceed();
  }

 private:
  const std::string header_;
};

class BearerFactory final : public experimental::ClientInterceptorFactoryInterface {
 public:
  explicit BearerFactory(std::string token) : token_(std::move(token)) {}
  experimental::Interceptor* CreateClientInterceptor(experimental::ClientRpcInfo* /*info*/) override {
    return new Bearer(token_);  // gRPC owns it
  }

 private:
  const std::string token_;
};

bool IsLocal(const std::string& target) {
  static const std::regex local(R"((localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?|unix:.+)");
  return std::regex_match(target, local);
}

std::string Contents(const std::string& file) {
  if (file.empty()) return "";
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream || text.empty()) throw std::invalid_argument("can't read " + file);
  return text;
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const std::string& target, const Options& options) {
  if (options.tls || !options.ca_file.empty() || !options.certificate_file.empty() || !options.key_file.empty()) {
    return grpc::SslCredentials(
        {Contents(options.ca_file), Contents(options.key_file), Contents(options.certificate_file)});
  }
  if (!options.token.empty() && !IsLocal(target)) {
    throw std::invalid_argument("a token is not sent to " + target + " without encryption: set tls or ca_file");
  }
  return grpc::InsecureChannelCredentials();
}

}  // namespace

Connection::Connection(std::string target, const Options& options)
    : target_(std::move(target)),
      local_(IsLocal(target_)),
      token_(options.token),
      credentials_(CredentialsOf(target_, options)),
      channel_(NewChannel()) {}

std::shared_ptr<grpc::Channel> Connection::channel() const {
  const std::lock_guard lock(mutex_);
  return channel_;
}

void Connection::Leave(const std::shared_ptr<grpc::Channel>& silent) {
  const std::lock_guard lock(mutex_);
  if (silent == channel_) channel_ = NewChannel();  // else another watch has done it
}

std::shared_ptr<grpc::Channel> Connection::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no limit: a watch sends nothing for hours
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // gRPC's own is two minutes: a watch would learn too late that the gateway is back.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  // Channels share connections otherwise, and a new channel would be on the dead connection again.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetServiceConfigJSON(kServiceConfig);
  if (local_) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  std::vector<std::unique_ptr<experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!token_.empty()) interceptors.push_back(std::make_unique<BearerFactory>(token_));
  return experimental::CreateCustomChannelWithInterceptors(target_, credentials_, arguments, std::move(interceptors));
}

Client::Client(std::string target, const Options& options)
    : connection_(std::make_shared<Connection>(std::move(target), options)),
      channel_(connection_->channel()),
      streams_(v1::StreamService::NewStub(channel_)),
      calls_(v1::CallService::NewStub(channel_)),
      gateway_(v1::GatewayService::NewStub(channel_)) {}

}  // namespace callstream
