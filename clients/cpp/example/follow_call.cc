// Waits for an inbound call, answers it, streams what the caller says to a WebSocket endpoint, and follows the call to
// its end.
//
//   follow_call wss://example.com/audio-stream      (the gateway: CALLSTREAM_TARGET)
#include <callstream/client.h>
#include <grpcpp/client_context.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <variant>

namespace v1 = callstream::v1;

namespace {

/// Shows an error; returns the program's exit code.
int Failed(const grpc::Status& status) {
  std::cerr << callstream::DetailsOf(status).reason << ' ' << status.error_message() << '\n';
  return EXIT_FAILURE;
}

std::optional<std::string> InboundCall(callstream::ResumingWatch& watch) {
  while (auto item = watch.Next()) {
    if (const auto* batch = std::get_if<callstream::Events>(&*item)) return batch->events.at(0).call_id();
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: follow_call wss://…\n";
    return EXIT_FAILURE;
  }
  const char* target = std::getenv("CALLSTREAM_TARGET");
  const callstream::Client client(target != nullptr ? target : "127.0.0.1:50051");

  v1::WatchEventsRequest inbound;
  inbound.mutable_filter()->add_types(v1::EVENT_TYPE_CALL_RECEIVED);
  auto arrivals = client.Watch(inbound);
  const auto call_id = InboundCall(arrivals);
  if (!call_id) return Failed(arrivals.status());

  v1::AnswerCallRequest answer;
  answer.set_call_id(*call_id);
  v1::AnswerCallResponse answered;
  grpc::ClientContext answering;
  if (auto status = client.calls().AnswerCall(&answering, answer, &answered); !status.ok()) return Failed(status);

  v1::StartStreamRequest start;
  start.set_call_id(*call_id);
  start.set_control_id("transcription");  // makes a retry harmless
  start.set_url(argv[1]);
  start.set_track(v1::TRACK_INBOUND);
  start.set_codec("PCMU");
  (*start.mutable_custom_parameters()->mutable_fields())["session_id"].set_string_value("abc123");
  v1::StartStreamResponse started;
  grpc::ClientContext starting;
  if (auto status = client.streams().StartStream(&starting, start, &started); !status.ok()) return Failed(status);

  v1::WatchEventsRequest history;
  history.mutable_filter()->add_call_ids(*call_id);
  history.set_from_oldest(true);
  history.set_until(v1::WATCH_UNTIL_CALL_ENDED);
  auto watch = client.Watch(history);
  while (auto item = watch.Next()) {
    if (const auto* batch = std::get_if<callstream::Events>(&*item)) {
      for (const v1::Event& event : batch->events) {
        std::cout << event.sequence() << ' ' << v1::EventType_Name(event.type()) << std::endl;
      }
    }
  }
  return watch.status().ok() ? EXIT_SUCCESS : Failed(watch.status());
}
