#include "callstream/client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "callstream/details/status.pb.h"
#include "fake_gateway.h"

namespace callstream::testing {
namespace {

grpc::StatusCode GetStream(const Client& client) {
  grpc::ClientContext context;
  v1::GetStreamResponse response;
  return client.streams().GetStream(&context, {}, &response).error_code();
}

/// What is safe to repeat is repeated while the gateway is UNAVAILABLE, and nothing else.
TEST(Client, RepeatsWhatIsSafeToRepeat) {
  FakeGateway gateway({});
  const Client client(gateway.target());
  grpc::ClientContext context;
  v1::StartStreamResponse response;
  EXPECT_EQ(client.streams().StartStream(&context, {}, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(gateway.calls(), 1);
  EXPECT_EQ(GetStream(client), grpc::StatusCode::OK);
  EXPECT_EQ(gateway.calls(), 3);
}

/// The token goes out with every call, to this machine also without encryption.
TEST(Client, SendsTheToken) {
  FakeGateway gateway({});
  Options options;
  options.token = "secret";
  EXPECT_EQ(GetStream(Client(gateway.target(), options)), grpc::StatusCode::OK);
  EXPECT_EQ(gateway.authorization(), "Bearer secret");
}

/// Without a token none is sent.
TEST(Client, SendsNoEmptyToken) {
  FakeGateway gateway({});
  EXPECT_EQ(GetStream(Client(gateway.target())), grpc::StatusCode::OK);
  EXPECT_EQ(gateway.authorization(), "");
}

/// A token does not leave this machine for everyone to read.
TEST(Client, RefusesToSendATokenInTheClear) {
  Options options;
  options.token = "secret";
  for (const char* target : {"gateway.example.com:443", "127.0.0.1.example.com:443", "10.0.0.1:443", "localhost.com"}) {
    EXPECT_THROW(Client(target, options), std::invalid_argument) << target;
  }
  for (const char* target : {"localhost:1", "127.1.2.3:1", "[::1]:1", "unix:/tmp/socket"}) {
    EXPECT_NO_THROW(Client(target, options)) << target;
  }
  options.tls = true;
  EXPECT_NO_THROW(Client("gateway.example.com:443", options));
}

/// A file that can't be read is told at once.
TEST(Client, RefusesAFileThatIsNotThere) {
  Options options;
  options.ca_file = "/nowhere/ca.pem";
  EXPECT_THROW(Client("localhost:1", options), std::invalid_argument);
}

/// What `write` puts into memory.
template <typename Write>
std::string Pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  write(memory.get());
  char* text = nullptr;
  const auto length = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

/// A certificate for 127.0.0.1 that signs itself, and its key.
struct Certificate {
  Certificate() {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), X509_free);
    X509_set_version(x509.get(), X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
    X509_set_pubkey(x509.get(), pair.get());
    const auto* name = reinterpret_cast<const unsigned char*>("callstream test");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509.get()), "CN", MBSTRING_ASC, name, -1, -1, 0);
    X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get()));
    for (const auto& [id, value] :
         {std::pair(NID_subject_alt_name, "IP:127.0.0.1"), {NID_basic_constraints, "CA:TRUE"}}) {
      const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
          X509V3_EXT_conf_nid(nullptr, nullptr, id, value), X509_EXTENSION_free);
      X509_add_ext(x509.get(), extension.get(), -1);
    }
    X509_sign(x509.get(), pair.get(), EVP_sha256());
    certificate = Pem([&](BIO* out) { PEM_write_bio_X509(out, x509.get()); });
    key = Pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, pair.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

  std::string certificate;
  std::string key;
};

std::string File(const std::string& name, const std::string& contents) {
  std::string path = ::testing::TempDir() + name;
  std::ofstream(path) << contents;
  return path;
}

/// An encrypted connection believes no certificate but those of the system or of `ca_file`, and shows its own if it has
/// one.
TEST(Client, Encrypts) {
  const Certificate pair;
  grpc::SslServerCredentialsOptions server(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  server.pem_root_certs = pair.certificate;
  server.pem_key_cert_pairs.push_back({pair.key, pair.certificate});
  FakeGateway gateway({}, grpc::SslServerCredentials(server));

  Options options;
  options.tls = true;
  options.certificate_file = File("callstream-certificate.pem", pair.certificate);
  options.key_file = File("callstream-key.pem", pair.key);
  EXPECT_EQ(GetStream(Client(gateway.target(), options)), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(gateway.calls(), 0);
  options.ca_file = options.certificate_file;
  EXPECT_EQ(GetStream(Client(gateway.target(), options)), grpc::StatusCode::OK);
  EXPECT_EQ(gateway.calls(), 3);
}

void Pack(const std::string& type, const google::protobuf::Message& message, details::Status* status) {
  google::protobuf::Any* packed = status->add_details();
  packed->set_type_url("type.googleapis.com/google.rpc." + type);
  message.SerializeToString(packed->mutable_value());
}

/// The details are those of the gateway; what others packed in is left out.
TEST(DetailsOf, ReadsWhatTheGatewaySends) {
  details::Status rich;
  details::ErrorInfo info;
  info.set_reason("INVALID_REQUEST");
  info.set_domain("callstream");
  (*info.mutable_metadata())["relay_code"] = "404";
  Pack("ErrorInfo", info, &rich);
  info.set_reason("QUOTA");
  info.set_domain("proxy.example.com");
  Pack("ErrorInfo", info, &rich);
  details::BadRequest request;
  auto* wrong = request.add_field_violations();
  wrong->set_field("url");
  wrong->set_description("must be wss");
  Pack("BadRequest", request, &rich);
  details::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  Pack("RetryInfo", retry, &rich);
  Pack("Help", retry, &rich);

  const ErrorDetails details = DetailsOf({grpc::StatusCode::INVALID_ARGUMENT, "", rich.SerializeAsString()});
  EXPECT_EQ(details.reason, "INVALID_REQUEST");
  EXPECT_EQ(details.metadata, (std::map<std::string, std::string>{{"relay_code", "404"}}));
  ASSERT_EQ(details.violations.size(), 1U);
  EXPECT_EQ(details.violations[0].field, "url");
  EXPECT_EQ(details.violations[0].description, "must be wss");
  EXPECT_EQ(details.retry_delay, std::chrono::seconds(1));
}

/// A status without details, or with some that can't be read, has none.
TEST(DetailsOf, ReadsNothingWhereNothingIs) {
  for (const char* bytes : {"", "\xff\xff"}) {
    const ErrorDetails details = DetailsOf({grpc::StatusCode::UNAVAILABLE, "gone", bytes});
    EXPECT_EQ(details.reason, "");
    EXPECT_EQ(details.retry_delay, std::nullopt);
  }
}

}  // namespace
}  // namespace callstream::testing
