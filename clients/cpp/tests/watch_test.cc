#include "callstream/watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "callstream/client.h"
#include "fake_gateway.h"

namespace callstream::testing {
namespace {

using std::chrono::milliseconds;

const grpc::Status kUnavailable(grpc::StatusCode::UNAVAILABLE, "gone");

WatchOptions Soon() {
  WatchOptions options;
  options.backoff_initial = options.backoff_max = milliseconds(1);
  return options;
}

v1::WatchEventsRequest Snapshots() {
  v1::WatchEventsRequest request;
  request.set_include_snapshot(true);
  return request;
}

v1::WatchEventsRequest FromOldest() {
  v1::WatchEventsRequest request;
  request.set_from_oldest(true);
  return request;
}

struct InWords {
  std::string operator()(const Events& item) const {
    std::string text = "events " + item.cursor;
    for (const v1::Event& event : item.events) text += " " + std::to_string(event.sequence());
    return text;
  }
  std::string operator()(const Snapshot& item) const {
    return "snapshot " + item.cursor + " " + item.streams.at(0).control_id() + " of " + item.calls.at(0).call_id() +
           (item.reset ? " reset" : "") + (item.last ? " last" : "");
  }
  std::string operator()(const Bookmark& item) const { return "bookmark " + item.cursor; }
};

/// What a watch hands over, in words, until it ends.
std::vector<std::string> Collect(ResumingWatch& watch) {
  std::vector<std::string> items;
  while (const auto item = watch.Next()) items.push_back(std::visit(InWords(), *item));
  return items;
}

/// A script of the gateway; what the user sees and what the gateway is asked for must come out of it.
struct Story {
  std::string name;
  v1::WatchEventsRequest request;
  std::deque<Rpc> script;
  std::vector<std::string> items;
  std::vector<std::string> starts;
};

class WatchStory : public ::testing::TestWithParam<Story> {};

TEST_P(WatchStory, GoesOnWhereItWas) {
  FakeGateway gateway(GetParam().script);
  auto watch = Client(gateway.target()).Watch(GetParam().request, Soon());
  EXPECT_EQ(Collect(watch), GetParam().items);
  EXPECT_EQ(gateway.starts(), GetParam().starts);
  EXPECT_TRUE(watch.status().ok()) << watch.status().error_message();
  EXPECT_FALSE(watch.Next().has_value());
}

INSTANTIATE_TEST_SUITE_P(
    All, WatchStory,
    ::testing::Values(Story{"HandsOverInOrder",
                            Snapshots(),
                            {{{Opened("c1"), Part("c1", false), Part("c1", true), EventAt("c2", 2), BookmarkAt("c3")}}},
                            {"snapshot c1 s1 of call", "snapshot c1 s1 of call last", "events c2 2", "bookmark c3"},
                            {"snapshot"}},
                      Story{"ResumesAfterEventsAndBookmarks",
                            FromOldest(),
                            {{{Opened("c0"), EventAt("c1", 1)}, kUnavailable},
                             {{Opened("c1"), BookmarkAt("c2")}, kUnavailable},
                             {{Opened("c2"), Closing("c2")}, kUnavailable},
                             {{Opened("c2"), EventAt("c4", 4)}}},
                            {"events c1 1", "bookmark c2", "events c4 4"},
                            {"oldest", "after c1", "after c2", "after c2"}},
                      Story{"AsksForTheOriginalStartUntilItWasOpened",
                            FromOldest(),
                            {{{}, kUnavailable}, {{}, kUnavailable}, {{EventAt("c1", 1)}}},
                            {"events c1 1"},
                            {"oldest", "oldest", "oldest"}},
                      Story{"MissesNothingBetweenNowAndABreak",
                            {},
                            {{{Opened("c7")}, kUnavailable}, {{EventAt("c8", 8)}}},
                            {"events c8 8"},
                            {"now", "after c7"}},
                      Story{"ResumesWhenAServerCancelsIt",
                            FromOldest(),
                            {{{EventAt("c1", 1)}, grpc::Status::CANCELLED}, {{EventAt("c2", 2)}}},
                            {"events c1 1", "events c2 2"},
                            {"oldest", "after c1"}},
                      Story{"BeginsABrokenSnapshotAgainAndSaysSo",
                            Snapshots(),
                            {{{Opened("c1"), Closing("c1")}, kUnavailable},
                             {{Opened("c2"), Part("c2", false)}, kUnavailable},
                             {{Opened("c3"), Part("c3", false), Part("c3", true)}, kUnavailable},
                             {{Opened("c3"), EventAt("c4", 4)}}},
                            {"snapshot c2 s1 of call", "snapshot c3 s1 of call reset",
                             "snapshot c3 s1 of call reset last", "events c4 4"},
                            {"snapshot", "snapshot", "snapshot", "after c3"}},
                      Story{"GoesOnWithASnapshotWhereHistoryIsLost",
                            FromOldest(),
                            {{{Opened("c0"), EventAt("c1", 1)}, kUnavailable},
                             {{}, {grpc::StatusCode::OUT_OF_RANGE, "compacted"}},
                             {{}, kUnavailable},
                             {{Opened("d5"), Part("d5", true), EventAt("d6", 6)}, kUnavailable},
                             {{Opened("d6")}}},
                            {"events c1 1", "snapshot d5 s1 of call reset last", "events d6 6"},
                            {"oldest", "after c1", "snapshot", "snapshot", "after d6"}},
                      Story{"LeavesOutWhatItDoesNotKnow",
                            FromOldest(),
                            {{{v1::WatchEventsResponse(), EventAt("c2", 2)}}},
                            {"events c2 2"},
                            {"oldest"}}),
    [](const auto& info) { return info.param.name; });

/// What opening again would not mend is the user's.
TEST(ResumingWatch, EndsWithOtherErrors) {
  for (const auto code : {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::RESOURCE_EXHAUSTED,
                          grpc::StatusCode::PERMISSION_DENIED, grpc::StatusCode::INTERNAL}) {
    FakeGateway gateway({{{EventAt("c1", 1)}, {code, "no"}}});
    auto watch = Client(gateway.target()).Watch(FromOldest(), Soon());
    EXPECT_EQ(Collect(watch), std::vector<std::string>{"events c1 1"});
    EXPECT_EQ(watch.status().error_code(), code);
    EXPECT_EQ(watch.status().error_message(), "no");
  }
}

/// A connection that breaks is made again, and the watch goes on over the new one.
TEST(ResumingWatch, SurvivesARestartOfTheGateway) {
  FakeGateway gateway({{{Opened("c0"), EventAt("c1", 1)}, grpc::Status::OK, true}, {{EventAt("c2", 2)}}});
  auto watch = Client(gateway.target()).Watch(FromOldest(), Soon());
  ASSERT_TRUE(watch.Next().has_value());
  EXPECT_EQ(watch.cursor(), "c1");
  gateway.Restart();
  EXPECT_EQ(Collect(watch), std::vector<std::string>{"events c2 2"});
  EXPECT_EQ(gateway.starts(), (std::vector<std::string>{"oldest", "after c1"}));
}

/// A connection on which bookmarks are missing is left for a new one, which later watches use as well.
TEST(ResumingWatch, LeavesASilentConnection) {
  FakeGateway gateway({{{Opened("c0", milliseconds(200)), EventAt("c1", 1)}, grpc::Status::OK, true},
                       {{Opened("c1"), EventAt("c2", 2)}},
                       {{EventAt("c3", 3)}}});
  const Client client(gateway.target());
  auto watch = client.Watch(FromOldest(), Soon());
  EXPECT_EQ(Collect(watch), (std::vector<std::string>{"events c1 1", "events c2 2"}));
  auto later = client.Watch(FromOldest(), Soon());
  EXPECT_EQ(Collect(later), std::vector<std::string>{"events c3 3"});
  const std::vector<Asked> asked = gateway.asked();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[1].start, "after c1");
  EXPECT_NE(asked[0].peer, asked[1].peer);
  EXPECT_EQ(asked[1].peer, asked[2].peer);
}

/// Cancel ends the watch, and the RPC at the gateway, while another thread waits for a message.
TEST(ResumingWatch, CanBeCancelledWhileItWaits) {
  FakeGateway gateway({{{}, grpc::Status::OK, true}});
  WatchOptions patient;
  patient.dead_after_intervals = 1000;
  auto watch = Client(gateway.target()).Watch(FromOldest(), patient);
  std::thread other([&watch] { EXPECT_FALSE(watch.Next().has_value()); });
  gateway.AwaitBegin();
  watch.Cancel();
  other.join();
  EXPECT_EQ(watch.status().error_code(), grpc::StatusCode::CANCELLED);
  gateway.AwaitEnd();
}

/// Cancel also ends the pause before the next RPC.
TEST(ResumingWatch, CanBeCancelledBetweenRpcs) {
  FakeGateway gateway({{{EventAt("c1", 1), Closing("c1", std::chrono::hours(1))}, kUnavailable}});
  auto watch = Client(gateway.target()).Watch(FromOldest());
  ASSERT_TRUE(watch.Next().has_value());
  gateway.AwaitEnd();
  std::thread other([&watch] { watch.Cancel(); });
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_EQ(watch.status().error_code(), grpc::StatusCode::CANCELLED);
  other.join();
  EXPECT_EQ(gateway.asked().size(), 1U);
}

/// A watch that was cancelled before it began asks for nothing.
TEST(ResumingWatch, CanBeCancelledBeforeItBegins) {
  FakeGateway gateway({});
  auto watch = Client(gateway.target()).Watch(FromOldest());
  watch.Cancel();
  EXPECT_FALSE(watch.Next().has_value());
  EXPECT_EQ(watch.status().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(gateway.asked().empty());
}

/// The end of the object ends the RPC, with messages that nobody has read.
TEST(ResumingWatch, LeavesNothingOpen) {
  FakeGateway gateway({{{EventAt("c1", 1), EventAt("c2", 2)}, grpc::Status::OK, true}});
  {
    auto watch = Client(gateway.target()).Watch(FromOldest(), Soon());
    const ResumingWatch unused = Client(gateway.target()).Watch(FromOldest(), Soon());
    auto moved = std::move(watch);
    ASSERT_TRUE(moved.Next().has_value());
  }
  gateway.AwaitEnd();
  EXPECT_EQ(gateway.asked().size(), 1U);
}

}  // namespace
}  // namespace callstream::testing
