#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "lib/base/clock.h"
#include "lib/storenode/digest_answer.h"
#include "lib/storenode/test_node.h"
#include "lib/wire/convert.h"
#include "lib/wire/features.h"
#include "lib/wire/hello.h"
#include "net/rpc/local_channel.h"
#include "tests/support/becomes_true.h"

namespace varve::storenode {
namespace {

using model::kDayMs;
using repair::kHourMs;

// Midnight, two days ago and more.
int64_t OverMs() {
  return (base::SystemClock().NowMs() / kDayMs - 3) * kDayMs;
}

proto::DigestRequest Request(model::TimeRange range) {
  proto::DigestRequest request;
  wire::ToProto(kTestTenant, *request.mutable_tenant());
  request.set_start_ms(range.start_ms);
  request.set_end_ms(range.end_ms);
  return request;
}

// All messages of the answer; the last one has its coverage.
absl::StatusOr<std::vector<proto::DigestResponse>> Digest(
    TestNode& node, const proto::DigestRequest& request) {
  const auto call =
      node.selects->Start(wire::kDigest, request.SerializeAsString());
  std::vector<proto::DigestResponse> all;
  const int64_t deadline_ms = base::SystemClock().SteadyMs() + 10'000;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     call->Next(deadline_ms));
    if (!bytes) break;
    REQUIRE(all.emplace_back().ParseFromString(*bytes));
  }
  REQUIRE(!all.empty());
  for (const auto& one : all) {
    CHECK(one.has_coverage() == (&one == &all.back()));
  }
  CHECK(all.back().counts_size() == 0);
  return all;
}

struct Node : TestNode {
  Node() {
    for (int i = 0; i < 3; ++i) {
      const model::LabelSet labels = {{"__name__", "up"},
                                      {"job", std::to_string(i)}};
      const auto defined = Define(labels);
      std::string canonical;
      model::AppendCanonicalBytes(canonical, labels);
      slots.push_back(
          model::SlotOf(model::HashSeries(kTestTenant, canonical)));
      for (const int64_t hour : {0, 5, 30}) {
        Data(defined.ref_epoch(), defined.refs(0),
             OverMs() + hour * kHourMs, 1.5);
      }
    }
  }
  std::vector<uint16_t> slots;
};

TEST_CASE("DIGEST tells the rows of days, and coverage at its end",
          "[storenode]") {
  Node node;
  const auto hello = wire::DecodeHello(node.selects->peer_hello());
  REQUIRE(hello.ok());
  CHECK((hello->features & wire::kFeatureDigests) != 0);
  const auto answer =
      Digest(node, Request({OverMs(), OverMs() + 2 * kDayMs - 1}));
  REQUIRE(answer.ok());
  REQUIRE(answer->size() == 3);
  const proto::DigestResponse& first = (*answer)[0];
  CHECK(first.day() == OverMs() / kDayMs);
  CHECK(first.settled());
  REQUIRE(first.counts_size() == 6);
  CHECK(first.sums_high_size() == 6);
  CHECK(first.sums_low_size() == 6);
  CHECK(first.kinds(0) == 0);
  CHECK(first.hours(0) == 0);
  CHECK(first.hours(3) == 5);
  CHECK(first.counts(3) == 1);
  std::vector<uint32_t> parts;
  for (const uint16_t slot : node.slots) parts.push_back(slot / 64u);
  std::sort(parts.begin(), parts.end());
  CHECK(std::vector<uint32_t>(first.parts().begin(),
                              first.parts().begin() + 3) == parts);
  CHECK((*answer)[1].day() == OverMs() / kDayMs + 1);
  CHECK((*answer)[1].counts_size() == 3);
  const proto::Coverage& coverage = answer->back().coverage();
  CHECK(coverage.node_id() == node.role->engine().node_id());
  CHECK_FALSE(coverage.damaged());
}

TEST_CASE("DIGEST is narrowed by hours and slots, and summed up",
          "[storenode]") {
  Node node;
  // Part of an hour is all of it; a day has all of its hours.
  proto::DigestRequest within =
      Request({OverMs() + kHourMs, OverMs() + 5 * kHourMs});
  const auto day = Digest(node, within);
  REQUIRE(day.ok());
  REQUIRE(day->size() == 2);
  CHECK((*day)[0].counts_size() == 6);
  within.set_by_hour(true);
  const auto hours = Digest(node, within);
  REQUIRE(hours.ok());
  REQUIRE(hours->size() == 2);
  CHECK((*hours)[0].counts_size() == 3);
  CHECK((*hours)[0].hours(0) == 5);

  within.set_totals(true);
  const auto hour = Digest(node, within);
  REQUIRE(hour.ok());
  REQUIRE(hour->size() == 2);
  REQUIRE((*hour)[0].counts_size() == 1);
  CHECK((*hour)[0].hours(0) == 5);
  CHECK((*hour)[0].counts(0) == 3);
  within.set_by_hour(false);
  const auto totals = Digest(node, within);
  REQUIRE(totals.ok());
  REQUIRE(totals->size() == 2);
  REQUIRE((*totals)[0].counts_size() == 1);
  CHECK((*totals)[0].hours(0) == 0);
  CHECK((*totals)[0].parts(0) == 0);
  CHECK((*totals)[0].counts(0) == 6);
  CHECK((*totals)[0].settled());
}

TEST_CASE("DIGEST is of exactly the slots that are asked for", "[storenode]") {
  Node node;
  proto::DigestRequest request = Request({OverMs(), OverMs()});
  const auto rows_of = [&](uint16_t slot) {
    model::SlotSet slots;
    slots.Add(slot);
    request.set_slots(slots.Bytes());
    const auto answer = Digest(node, request);
    REQUIRE(answer.ok());
    return answer->size() == 1 ? 0 : (*answer)[0].counts_size();
  };
  CHECK(rows_of(node.slots[0]) == 2);
  // Another one of the same part.
  CHECK(rows_of(static_cast<uint16_t>(node.slots[0] ^ 1)) == 0);
}

TEST_CASE("what other storage nodes read is given at the port for insert",
          "[storenode]") {
  Node node;
  proto::SearchRequest search;
  wire::ToProto(kTestTenant, *search.mutable_tenant());
  // Of the first day, which has no samples: answers of one message.
  for (const auto& [method, payload] :
       {std::pair{wire::kTenants, std::string()},
        {wire::kDigest, Request({0, 0}).SerializeAsString()},
        {wire::kSearch, search.SerializeAsString()}}) {
    CAPTURE(int{method});
    CHECK(node.Call(*node.inserts, method, payload).ok());
  }
  // Nothing else is.
  CHECK(absl::IsUnimplemented(
      node.Call(*node.inserts, wire::kHistory, "").status()));
}

TEST_CASE("DIGEST refuses what is no range or no set of slots",
          "[storenode]") {
  Node node;
  CHECK(absl::IsInvalidArgument(Digest(node, Request({2, 1})).status()));
  CHECK(absl::IsInvalidArgument(Digest(node, Request({-1, 1})).status()));
  CHECK(absl::IsInvalidArgument(
      Digest(node, Request({0, model::kTimestampMaxMs + 1})).status()));
  proto::DigestRequest request = Request({0, 1});
  request.set_slots("x");
  CHECK(absl::IsInvalidArgument(Digest(node, request).status()));
}

TEST_CASE("while a day is read, messages say that it goes on",
          "[storenode]") {
  Node node;
  repair::DayDigests& digests = *node.role->repair_parts().digests;
  DigestWanted wanted = {.tenant = kTestTenant, .range = {OverMs(), OverMs()}};
  int empty = 0;
  int rows = 0;
  const auto count = [&](const proto::DigestResponse& message) {
    rows += message.counts_size();
    empty += message.counts_size() == 0;
    return absl::OkStatus();
  };
  REQUIRE(SendDigests(digests, wanted, count).ok());
  CHECK(rows == 6);
  CHECK(empty == 0);
  wanted.range = {OverMs() + kDayMs, OverMs() + kDayMs};
  wanted.silence_max = absl::ZeroDuration();
  REQUIRE(SendDigests(digests, wanted, count).ok());
  CHECK(rows == 9);
  CHECK(empty > 0);
  // Nobody is there any more.
  wanted.range = {OverMs(), OverMs()};
  wanted.by_hour = true;
  CHECK(absl::IsCancelled(
      SendDigests(digests, wanted, [](const proto::DigestResponse&) {
        return absl::UnavailableError("gone");
      }).status()));
}

// How the call ends, its answers unread.
absl::Status EndOf(rpc::Channel& channel, wire::Method method) {
  std::string request;
  if (method == wire::kSearch) {
    proto::SearchRequest search;
    wire::ToProto(kTestTenant, *search.mutable_tenant());
    search.set_end_ms(OverMs());
    request = search.SerializeAsString();
  } else {
    request = Request({OverMs(), OverMs()}).SerializeAsString();
  }
  const auto call = channel.Start(method, std::move(request));
  while (true) {
    const auto message = call->Next(base::SystemClock().SteadyMs() + 10'000);
    RETURN_IF_ERROR(message.status());
    if (!*message) return absl::OkStatus();
  }
}

TEST_CASE("the repair of other nodes takes no place of a query",
          "[storenode]") {
  Node node;
  const NodeRepairParts parts = node.role->repair_parts();
  RequestGate queries(1, absl::ZeroDuration(), "");
  RequestGate repairs(1, absl::ZeroDuration(), "");
  SelectService service(parts.engine, parts.kept, parts.names, parts.digests,
                        {.queries = &queries, .repairs = &repairs}, {}, {});
  rpc::LocalChannel select("", &service, wire::EncodeHello("select", ""));
  rpc::LocalChannel storage("", &service, wire::EncodeHello("storage", ""));
  {
    const RequestGate::Pass held(repairs);
    CHECK(EndOf(select, wire::kSearch).ok());
    CHECK(absl::IsUnavailable(EndOf(select, wire::kDigest)));
    CHECK(absl::IsUnavailable(EndOf(storage, wire::kDigest)));
    CHECK(absl::IsUnavailable(EndOf(storage, wire::kSearch)));
    // By which they know what they lack, while a pass goes on as well.
    CHECK(EndOf(storage, wire::kCoverage).ok());
  }
  const RequestGate::Pass held(queries);
  CHECK(absl::IsUnavailable(EndOf(select, wire::kSearch)));
  CHECK(EndOf(storage, wire::kSearch).ok());
  CHECK(EndOf(storage, wire::kDigest).ok());
}

TEST_CASE("a gate lets few wait, and none whose caller has gone",
          "[storenode]") {
  RequestGate gate(1, absl::Hours(1), "", /*waiting_max=*/1);
  std::optional<RequestGate::Pass> first(std::in_place, gate);
  REQUIRE(first->status().ok());
  std::atomic<bool> gone{false};
  std::atomic<int> asked{0};
  const base::Alive alive{.cancelled = [&] {
    ++asked;
    return gone.load();
  }};
  std::thread second([&] {
    const RequestGate::Pass pass(gate, &alive);
    CHECK(absl::IsCancelled(pass.status()));
  });
  REQUIRE(tests::BecomesTrue([&asked] { return asked > 0; }));
  CHECK(absl::IsUnavailable(RequestGate::Pass(gate).status()));
  gone = true;
  second.join();
  first.reset();
  CHECK(RequestGate::Pass(gate).status().ok());
  CHECK(gate.current() == 0);
}

}  // namespace
}  // namespace varve::storenode
