// What a simulated node does as lib/repair/repairer.cc and peer_repair.cc: the
// order of things is theirs, the parts are the product's. Instead of digests
// the rows of the other node are asked for, and digests made of them here.
#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/repair/digest_difference.h"
#include "lib/repair/missing_rows.h"
#include "lib/repair/row_writer.h"
#include "lib/wire/methods.h"
#include "lib/wire/series_batch.h"
#include "tests/simulation/storage_node.h"

namespace varve::simulation {
namespace {

// As Repairer's and PeerRepair's.
constexpr int64_t kAwayMaxMs = 20 * repair::kHourMs;
constexpr uint64_t kBatchSamples = 512 << 10;

constexpr model::TenantId kTenant{};

// Of 20 to 80 KB.
constexpr size_t kSharesMax = 2'000;

// Repairer's NamesOf.
std::string NamesOf(const std::vector<proto::Ring>& rings) {
  std::string names;
  const proto::Ring* newest = nullptr;
  for (const proto::Ring& ring : rings) {
    base::PutFixedLe<uint64_t>(names, ring.ring_id());
    for (const auto& one : ring.members()) names += one.address();
    if (newest == nullptr || ring.last_ms() >= newest->last_ms()) {
      newest = &ring;
    }
  }
  base::PutFixedLe<uint64_t>(names, newest == nullptr ? 0 : newest->ring_id());
  return names;
}

// SharesOf takes a millisecond. Its result is kept over all seeds: but for
// last_ms it is of the rings and their order.
repair::SlotShares SharesOf(uint64_t node_id, std::vector<proto::Ring> rings) {
  std::ranges::sort(rings, {}, [](const proto::Ring& one) {
    return std::pair(one.last_ms(), one.ring_id());
  });
  std::string key;
  base::PutFixedLe<uint64_t>(key, node_id);
  std::map<uint64_t, int64_t> last_ms;
  for (const proto::Ring& ring : rings) {
    base::PutFixedLe<uint64_t>(key, ring.ring_id());
    for (const auto& one : ring.members()) {
      key += one.address();
      last_ms[one.node_id()] = ring.last_ms();
    }
  }
  static std::map<std::string, repair::SlotShares> all;
  auto found = all.find(key);
  if (found == all.end()) {
    if (all.size() >= kSharesMax) all.clear();
    found = all.emplace(key, repair::SharesOf(node_id, rings)).first;
  }
  repair::SlotShares shares = found->second;
  for (repair::SlotShare& one : shares.others) {
    one.last_ms = last_ms[one.node_id];
  }
  return shares;
}

using Rows = std::map<model::SeriesHash, wire::WireSeries>;

// By day: digests of hours and parts.
std::map<int32_t, std::vector<repair::DigestRow>> DigestsOf(const Rows& rows) {
  std::map<std::tuple<int32_t, uint8_t, uint16_t>, repair::SampleDigest> cells;
  for (const auto& [hash, series] : rows) {
    const auto part = static_cast<uint16_t>(model::SlotOf(hash) /
                                            repair::kSlotsPerDigestPart);
    for (size_t i = 0; i < series.samples.size(); ++i) {
      const int64_t at_ms = series.samples.timestamps_ms[i];
      std::string bytes;
      base::PutFixedLe<uint64_t>(bytes, hash.high);
      base::PutFixedLe<uint64_t>(bytes, hash.low);
      base::PutFixedLe<int64_t>(bytes, at_ms);
      base::PutFixedLe<double>(bytes, series.samples.values[i]);
      const auto hour = static_cast<uint8_t>(
          at_ms / repair::kHourMs % static_cast<int64_t>(repair::kHoursPerDay));
      cells[{model::DayOf(at_ms), hour, part}].Add(base::Hash128Of(bytes));
    }
  }
  std::map<int32_t, std::vector<repair::DigestRow>> days;
  for (const auto& [cell, digest] : cells) {
    days[std::get<0>(cell)].push_back({.hour = std::get<1>(cell),
                                       .part = std::get<2>(cell),
                                       .digest = digest});
  }
  return days;
}

// The node, the day and both digests, as PeerRepair::HashOf.
uint64_t HashOf(uint64_t node_id, int32_t day, const repair::DigestUnit& unit) {
  std::string bytes;
  base::PutFixedLe<uint64_t>(bytes, node_id);
  base::PutFixedLe<int32_t>(bytes, day);
  base::PutFixedLe<uint32_t>(bytes, unit.hour);
  base::PutFixedLe<uint32_t>(bytes, unit.part);
  for (const repair::DigestTotals* side : {&unit.own, &unit.theirs}) {
    for (const repair::SampleDigest& one : *side) {
      base::PutFixedLe<uint64_t>(bytes, one.count);
      base::PutFixedLe<uint64_t>(bytes, one.sum.high);
      base::PutFixedLe<uint64_t>(bytes, one.sum.low);
    }
  }
  return base::Hash64Of(bytes);
}

// What of `series` lies in the batch's hours and parts.
repair::SeriesRows Within(const wire::WireSeries& series, int32_t day,
                          const repair::UnitBatch& batch) {
  repair::SeriesRows rows;
  const auto part = static_cast<uint16_t>(model::SlotOf(series.hash) /
                                          repair::kSlotsPerDigestPart);
  if (std::ranges::find(batch.parts, part) == batch.parts.end()) return rows;
  const int64_t start_ms = day * model::kDayMs;
  const int64_t first_ms = start_ms + batch.first_hour * repair::kHourMs;
  const int64_t end_ms = start_ms + (batch.last_hour + 1) * repair::kHourMs;
  for (size_t i = 0; i < series.samples.size(); ++i) {
    const int64_t at_ms = series.samples.timestamps_ms[i];
    if (at_ms < first_ms || at_ms >= end_ms) continue;
    rows.samples.push_back(at_ms, series.samples.values[i]);
  }
  return rows;
}

absl::Status AddAnswer(const std::string& message, Rows& rows, bool& ended) {
  ASSIGN_OR_RETURN(wire::SeriesBatch batch, wire::DecodeSeriesBatch(message));
  ended = batch.is_end;
  for (wire::WireSeries& one : batch.series) {
    const model::SeriesHash hash = one.hash;
    rows[hash] = std::move(one);
  }
  return absl::OkStatus();
}

// PeerReads::Search.
absl::Status Fetch(rpc::Channel& channel, const model::SlotSet& slots,
                   int64_t end_ms, Rows& rows) {
  proto::SearchRequest request;
  request.mutable_tenant();
  request.set_end_ms(end_ms);
  request.set_series_max(INT64_MAX);
  request.set_slots(slots.Bytes());
  request.set_keep_all(true);
  request.set_all_kinds(true);
  request.set_of_repair(true);
  const auto call = channel.Start(wire::kSearch, request.SerializeAsString());
  bool ended = false;
  while (true) {
    ASSIGN_OR_RETURN(const auto message, call->Next(INT64_MAX));
    if (!message) break;
    RETURN_IF_ERROR(AddAnswer(*message, rows, ended));
  }
  return ended ? absl::OkStatus() : base::DataLoss("an answer without its end");
}

}  // namespace

// Repairer::Pass.
int64_t StorageNode::Repair(bool forced) {
  const std::vector<proto::Ring> rings = Rings();
  const std::string names = NamesOf(rings);
  if (shared_by_ != names) {
    shares_ = SharesOf(disk_.node_id, rings);
    shared_by_ = names;
  }
  const Depth depth(this);
  const int64_t began_ms = network_.clock().NowMs();
  pulled_.Begin(model::DayOf(began_ms));
  const bool open_hours = kept_.ring_coverage().LacksLost() ||
                          kept_.ring_coverage().ToCompare();
  const auto members =
      std::ranges::count_if(shares_.others, &repair::SlotShare::is_member);
  bool whole =
      open_hours && static_cast<size_t>(members) + 1 == shares_.members;
  int64_t rows = 0;
  for (const repair::SlotShare& one : shares_.others) {
    const absl::StatusOr<rpc::Channel*> channel = ChannelTo(one, forced);
    const bool has_left =
        absl::IsUnavailable(channel.status()) && !one.is_member;
    const bool compared =
        channel.ok() && RepairFrom(one, **channel, open_hours, rows).ok();
    whole = whole && (compared || has_left);  // else the next pass goes on
  }
  if (whole) {
    (void)kept_.ring_coverage().NoteCompared(began_ms, /*from_ms=*/0);
  }
  return rows;
}

// Repairer::ChannelTo and IsTooOld.
absl::StatusOr<rpc::Channel*> StorageNode::ChannelTo(
    const repair::SlotShare& share, bool forced) {
  ASSIGN_OR_RETURN(rpc::Channel* const channel, peers_.Reach(share.node_id));
  if (channel == nullptr) return base::Unavailable("it cannot be reached");
  const int64_t now_ms = network_.clock().NowMs();
  const int64_t last_ms = std::max(share.last_ms, heard_ms_[share.node_id]);
  if (!forced && !share.is_member && now_ms - last_ms > kAwayMaxMs) {
    return base::Unavailable("it has left");
  }
  return channel;
}

absl::Status StorageNode::RepairFrom(const repair::SlotShare& share,
                                     rpc::Channel& channel, bool open_hours,
                                     int64_t& rows) {
  const int64_t now_ms = network_.clock().NowMs();
  for (const model::SlotSet* slots : {&share.slots, &share.strays}) {
    if (slots->Count() == 0) continue;
    RETURN_IF_ERROR(Compare(share, *slots, open_hours, channel, rows));
  }
  heard_ms_[share.node_id] = now_ms;
  return absl::OkStatus();
}

// PeerRepair::CompareTenant to PullBatch.
absl::Status StorageNode::Compare(const repair::SlotShare& share,
                                  const model::SlotSet& slots, bool open_hours,
                                  rpc::Channel& channel, int64_t& rows) {
  const int64_t over_ms =
      open_hours ? network_.clock().NowMs() + 2 * model::kDayMs
                 : engine_.HistoryOf(kTenant, {}).settled.end_ms + 1;
  const int64_t end_ms = over_ms / repair::kHourMs * repair::kHourMs - 1;
  Rows theirs;
  RETURN_IF_ERROR(Fetch(channel, slots, end_ms, theirs));
  Rows mine;
  ASSIGN_OR_RETURN(const auto cursor,
                   engine_.Search({.range = {0, end_ms}, .slots = &slots}));
  storage::SearchSeries series;
  while (*cursor->Next(series)) {
    mine[series.hash] = {.hash = series.hash,
                         .labels = series.labels,
                         .samples = std::move(series.samples)};
  }
  auto own = DigestsOf(mine);
  for (const auto& day_digests : DigestsOf(theirs)) {
    const int32_t day = day_digests.first;
    std::vector<repair::DigestUnit> units =
        repair::UnlikeUnits(own[day], day_digests.second);
    std::erase_if(units, [&](const repair::DigestUnit& unit) {
      return pulled_.StateOf(HashOf(share.node_id, day, unit)) !=
             repair::PulledUnits::State::kUnknown;
    });
    for (const repair::UnitBatch& batch :
         repair::BatchesOf(units, kBatchSamples)) {
      repair::OwnRows own_rows;
      for (const auto& [hash, one] : mine) {
        storage::SearchSeries known{.hash = hash};
        known.samples = Within(one, day, batch).samples;
        own_rows.Add(known);
      }
      if (!share.is_member) {
        RETURN_IF_ERROR(kept_.ring_coverage().NoteForeign());
      }
      repair::RowWriter writer(&engine_, kTenant, shares_.ring_id);
      for (const auto& [hash, one] : theirs) {
        repair::SeriesRows missing =
            own_rows.MissingOf(hash, Within(one, day, batch));
        if (missing.empty()) continue;
        RETURN_IF_ERROR(writer.Add(one.labels, std::move(missing)));
      }
      RETURN_IF_ERROR(writer.Flush());
      rows += writer.rows();
      for (const repair::DigestUnit* unit : batch.units) {
        pulled_.Add(HashOf(share.node_id, day, *unit),
                    repair::PulledUnits::State::kWhole);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::simulation
