// Drives the C++ client for the conformance tests: reads commands as JSON lines, and writes what came of them as JSON
// lines.
#include <callstream/client.h>
#include <callstream/details/status.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace pb = google::protobuf;
namespace v1 = callstream::v1;

std::string Json(const pb::Message& message) {
  std::string text;
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  const auto status = pb::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) std::cerr << status.ToString() << '\n';
  return text;
}

std::string Json(const std::string& value) {
  pb::StringValue wrapped;
  wrapped.set_value(value);
  return Json(wrapped);
}

std::string Json(bool value) { return value ? "true" : "false"; }

template <typename Message>
std::string Json(const pb::RepeatedPtrField<Message>& all) {
  std::string text;
  for (const Message& message : all) text += (text.empty() ? "" : ",") + Json(message);
  return "[" + text + "]";
}

std::string CodeName(grpc::StatusCode code) {
  static const char* const names[] = {
      "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED",
  };
  return names[code];
}

template <typename Message>
std::string Unpacked(const pb::Any& packed) {
  Message message;
  message.ParseFromString(packed.value());
  return Json(message);
}

std::string Details(const grpc::Status& status) {
  callstream::details::Status rich;
  rich.ParseFromString(status.error_details());
  std::string text;
  for (const pb::Any& packed : rich.details()) {
    const std::string type = packed.type_url().substr(packed.type_url().rfind('/') + 1);
    std::string value = "{}";
    if (type == "google.rpc.ErrorInfo") value = Unpacked<callstream::details::ErrorInfo>(packed);
    if (type == "google.rpc.BadRequest") value = Unpacked<callstream::details::BadRequest>(packed);
    if (type == "google.rpc.RetryInfo") value = Unpacked<callstream::details::RetryInfo>(packed);
    text += (text.empty() ? "" : ",");
    text += R"({"type":)" + Json(type) + R"(,"value":)" + value + "}";
  }
  return "[" + text + "]";
}

/// The members that tell how an RPC ended.
std::string Ended(const grpc::Status& status) {
  std::string text = R"("code":)" + Json(CodeName(status.error_code()));
  if (status.ok()) return text;
  return text + R"(,"message":)" + Json(status.error_message()) + R"(,"details":)" + Details(status);
}

std::string Invalid(const std::string& why) { return R"("code":"INVALID_COMMAND","message":)" + Json(why); }

struct ItemJson {
  std::string operator()(const callstream::Events& item) const {
    return R"({"kind":"events","cursor":)" + Json(item.cursor) + R"(,"events":)" + Json(item.events) + "}";
  }
  std::string operator()(const callstream::Snapshot& item) const {
    return R"({"kind":"snapshot","cursor":)" + Json(item.cursor) + R"(,"streams":)" + Json(item.streams) +
           R"(,"calls":)" + Json(item.calls) + R"(,"last":)" + Json(item.last) + R"(,"reset":)" + Json(item.reset) +
           "}";
  }
  std::string operator()(const callstream::Bookmark& item) const {
    return R"({"kind":"bookmark","cursor":)" + Json(item.cursor) + "}";
  }
};

/// One line of the input.
class Command {
 public:
  /// Whether the line is a JSON object.
  bool Parse(const std::string& line) { return pb::util::JsonStringToMessage(line, &members_).ok(); }

  std::int64_t id() const { return Number("id").value_or(0); }
  std::string Text(const std::string& name) const { return Member(name).string_value(); }
  bool Flag(const std::string& name) const { return Member(name).bool_value(); }
  std::optional<std::int64_t> Number(const std::string& name) const { return NumberOf(Member(name)); }

  /// Reads the request; returns what is wrong with it.
  std::string Request(pb::Message* request) const {
    return std::string(pb::util::JsonStringToMessage(Json(Member("request").struct_value()), request).message());
  }

  callstream::WatchOptions Options() const {
    callstream::WatchOptions options;
    for (const auto& [name, value] : Member("options").struct_value().fields()) {
      const std::int64_t number = NumberOf(value).value_or(0);
      if (name == "dead_after_intervals") options.dead_after_intervals = value.number_value();
      if (name == "backoff_initial_ms") options.backoff_initial = std::chrono::milliseconds(number);
      if (name == "backoff_max_ms") options.backoff_max = std::chrono::milliseconds(number);
    }
    return options;
  }

 private:
  static std::optional<std::int64_t> NumberOf(const pb::Value& value) {
    if (!value.has_number_value()) return std::nullopt;
    return static_cast<std::int64_t>(value.number_value());
  }

  const pb::Value& Member(const std::string& name) const {
    const auto found = members_.fields().find(name);
    return found == members_.fields().end() ? pb::Value::default_instance() : found->second;
  }

  pb::Struct members_;
};

class Driver {
 public:
  explicit Driver(const callstream::Client& client) : client_(client) {}

  /// Executes commands until one says exit, or the input ends. Nothing is under way when it returns.
  void Serve(std::istream& input) {
    std::string line;
    while (std::getline(input, line)) {
      Command command;
      if (!command.Parse(line)) {
        Write(0, Invalid("not a JSON object"));
        continue;
      }
      const std::string op = command.Text("op");
      if (op == "unary") {
        Unary(command);
      } else if (op == "watch") {
        Watch(command);
      } else if (op == "cancel") {
        Cancel(command.Number("target").value_or(0));
        Write(command.id(), Ended(grpc::Status::OK));
      } else if (op == "exit") {
        Stop();
        Write(command.id(), Ended(grpc::Status::OK));
        return;
      } else {
        Write(command.id(), Invalid("unknown op"));
      }
    }
    Stop();
  }

 private:
  using Stub = grpc::TemplatedGenericStub<pb::Message, pb::Message>;

  /// Runs `execute` beside the other commands. It returns the members of the last line, which is written when nothing
  /// is left to cancel.
  void Begin(std::int64_t id, std::function<void()> cancel, std::function<std::string()> execute) {
    const std::lock_guard lock(mutex_);
    cancels_[id] = std::move(cancel);
    running_.emplace_back([this, id, execute = std::move(execute)] {
      const std::string last = execute();
      {
        const std::lock_guard lock(mutex_);
        cancels_.erase(id);
      }
      Write(id, last);
    });
  }

  void Cancel(std::int64_t id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = cancels_.find(id); found != cancels_.end()) found->second();
  }

  void Stop() {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, cancel] : cancels_) cancel();
    }
    for (std::thread& thread : running_) thread.join();
  }

  void Unary(const Command& command) {
    std::string name = command.Text("method");
    const std::string path = "/" + name;
    if (const auto slash = name.find('/'); slash != std::string::npos) name[slash] = '.';
    const pb::MethodDescriptor* method = pb::DescriptorPool::generated_pool()->FindMethodByName(name);
    if (method == nullptr) return Write(command.id(), Invalid("no such method"));
    pb::MessageFactory* factory = pb::MessageFactory::generated_factory();
    const std::shared_ptr<pb::Message> request(factory->GetPrototype(method->input_type())->New());
    const std::shared_ptr<pb::Message> response(factory->GetPrototype(method->output_type())->New());
    if (const std::string wrong = command.Request(request.get()); !wrong.empty()) {
      return Write(command.id(), Invalid(wrong));
    }
    const auto context = std::make_shared<grpc::ClientContext>();
    if (const auto timeout = command.Number("timeout_ms")) {
      context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(*timeout));
    }
    // Begun here, not in the thread: RPCs reach the gateway in the order of the commands.
    const auto ended = std::make_shared<std::promise<grpc::Status>>();
    Stub(client_.channel()).UnaryCall(context.get(), path, {}, request.get(), response.get(), [ended](auto status) {
      ended->set_value(std::move(status));
    });
    Begin(
        command.id(), [context] { context->TryCancel(); },
        [context, request, response, ended] {
          const grpc::Status status = ended->get_future().get();
          return Ended(status) + (status.ok() ? R"(,"response":)" + Json(*response) : "");
        });
  }

  void Watch(const Command& command) {
    v1::WatchEventsRequest request;
    if (const std::string wrong = command.Request(&request); !wrong.empty()) {
      return Write(command.id(), Invalid(wrong) + R"(,"done":true)");
    }
    const std::int64_t id = command.id();
    if (command.Flag("resume")) {
      const auto watch = std::make_shared<callstream::ResumingWatch>(client_.Watch(request, command.Options()));
      return Begin(
          id, [watch] { watch->Cancel(); },
          [this, id, watch] {
            while (const auto item = watch->Next()) Write(id, R"("item":)" + std::visit(ItemJson(), *item));
            return Ended(watch->status()) + R"(,"done":true)";
          });
    }
    const auto context = std::make_shared<grpc::ClientContext>();
    Begin(
        id, [context] { context->TryCancel(); },
        [this, id, context, request] {
          const auto reader = client_.streams().WatchEvents(context.get(), request);
          v1::WatchEventsResponse response;
          while (reader->Read(&response)) Write(id, R"("message":)" + Json(response));
          return Ended(reader->Finish()) + R"(,"done":true)";
        });
  }

  void Write(std::int64_t id, const std::string& members) {
    const std::lock_guard lock(writing_);
    std::cout << R"({"id":)" << id << ',' << members << '}' << std::endl;
  }

  const callstream::Client& client_;
  std::mutex writing_;
  std::mutex mutex_;
  std::map<std::int64_t, std::function<void()>> cancels_;  // of what is under way
  std::vector<std::thread> running_;
};

std::string Environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): there is one thread yet
  return value == nullptr ? "" : value;
}

}  // namespace

int main() {
  callstream::Options options;
  options.token = Environment("CALLSTREAM_TOKEN");
  options.ca_file = Environment("CALLSTREAM_CA_FILE");
  const callstream::Client client(Environment("CALLSTREAM_TARGET"), options);
  Driver(client).Serve(std::cin);
}
