// The steps of a scenario that are the nodes' own, those of an operator, and
// its end.
#include <algorithm>

#include "lib/base/status.h"
#include "tests/simulation/scenario.h"

namespace varve::simulation {
namespace {

constexpr size_t kPlacesMax = 7;
// Passes over all nodes until none pulls anything.
constexpr int kRepairsMax = 6;

}  // namespace

// Also as an interruption of a write: then of nodes that do nothing else.
void Scenario::WorkOfSome() {
  const size_t i = AnyPlace();
  const int what = random_.Below(8);
  Place& place = cluster_.places[i];
  if (what == 7) return DeliverLate();
  if (place.node == nullptr || place.node->busy()) return;
  const Weather before = cluster_.network.weather;
  cluster_.network.weather = weather_;
  if (what <= 2) {
    Say(base::StrCat(place.address, " replays its hints"));
    place.node->Replay();
  } else if (what <= 4) {
    Say(base::StrCat(place.address, " strikes out records"));
    place.node->Strike();
  } else {
    const int64_t rows = place.node->Repair(what == 5);
    Say(base::StrCat(place.address, " has repaired ", rows, " rows"));
  }
  cluster_.network.weather = before;
}

void Scenario::DeliverLate() {
  if (cluster_.network.DeliverLate()) Say("a late call arrives");
}

void Scenario::AddNode() {
  // A place that had left, if there is one, or another.
  size_t i = 0;
  while (i < cluster_.places.size() && list_.contains(i)) ++i;
  if (i == kPlacesMax) return;
  if (i == cluster_.places.size()) cluster_.AddPlace();
  list_.insert(i);
  Say(base::StrCat("add ", cluster_.places[i].address, " to the lists"));
  // First to readers: what is written to a node is to be found there.
  std::set<size_t> list = cluster_.reader.list;
  list.insert(i);
  cluster_.SetList(cluster_.reader, list);
}

void Scenario::RemoveNode() {
  const size_t i = AnyPlace();
  const auto left_min =
      static_cast<size_t>(std::max(2, cluster_.options.replication_factor));
  if (!list_.contains(i) || list_.size() <= left_min) return;
  list_.erase(i);
  Say(base::StrCat("remove ", cluster_.places[i].address, " from the lists"));
}

void Scenario::Follow(WriterProcess& writer) {
  if (writer.list == list_) return;
  Say(base::StrCat(writer.name, " takes the new list"));
  cluster_.SetList(writer, list_);
}

void Scenario::FollowList() { Follow(AnyWriter()); }

// After the writers: nobody writes to what is not read.
void Scenario::ShrinkReaderList() {
  std::set<size_t> list = list_;
  for (const WriterProcess& one : cluster_.writers) {
    list.insert(one.list.begin(), one.list.end());
  }
  if (list == cluster_.reader.list) return;
  Say("the reader takes the new list");
  checker_.BeforeLoss();
  const size_t before = cluster_.reader.list.size();
  cluster_.SetList(cluster_.reader, list);
  checker_.AfterLoss(static_cast<int>(before - list.size()));
}

void Scenario::Calm() {
  Say("everything comes back");
  weather_ = {};
  cluster_.network.weather = {};
  cluster_.network.HealAll();
  while (cluster_.network.DeliverLate()) {
  }
  for (Place& place : cluster_.places) place.disk->hints.full = false;
  for (WriterProcess& one : cluster_.writers) Follow(one);
  // Else those that writers have left are drained.
  if (random_.Below(2) == 0) ShrinkReaderList();
  for (const size_t i : cluster_.reader.list) {
    if (!cluster_.Runs(i)) cluster_.Start(i);
  }
  const auto each = [this](auto work) {
    for (const size_t i : cluster_.reader.list) {
      work(*cluster_.places[i].node);
    }
  };
  for (int round = 0; round < 4; ++round) {
    cluster_.clock.Advance(31'000);
    for (WriterProcess& one : cluster_.writers) (void)one.writer->View();
    each([](StorageNode& node) { node.Replay(); });
    each([](StorageNode& node) { node.Strike(); });
    each([this](StorageNode& node) { node.Hear(cluster_.history.size()); });
  }
  // The hour is over, and rings are told again.
  cluster_.clock.Advance(70 * 60'000);
  for (WriterProcess& one : cluster_.writers) (void)one.writer->View();
  int64_t rows = 1;
  for (int round = 0; round < kRepairsMax && rows > 0; ++round) {
    rows = 0;
    // By /internal/force_repair: from one that has left and was not heard of
    // for most of a day nothing is pulled otherwise.
    each([&rows](StorageNode& node) { rows += node.Repair(true); });
  }
  if (rows > 0) return checker_.Refused("repair does not come to its end");
  each([this](StorageNode& node) { node.Hear(cluster_.history.size()); });
  checker_.Whole();
}

void Scenario::CheckWhole() {
  const int64_t now_ms = cluster_.clock.NowMs();
  Say("reads of what is whole");
  for (const bool one_copy : {true, false}) {
    checker_.Read({0, now_ms}, one_copy, /*reliable=*/true);
  }
  for (const size_t i : cluster_.reader.list) {
    const std::string& address = cluster_.places[i].address;
    cluster_.network.Cut(cluster_.reader.name, address);
    checker_.Read({0, now_ms}, /*one_copy=*/false, /*reliable=*/true);
    cluster_.network.Heal(cluster_.reader.name, address);
  }
  for (int n = 0; n < 3 && !checker_.failed(); ++n) CheckSubset();
}

}  // namespace varve::simulation
