#include "lib/storenode/rollup_search.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <string>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/rollup/counter_name.h"
#include "lib/rollup/step_blocks.h"
#include "lib/storenode/rollup_groups.h"
#include "lib/wire/sample_limit.h"

namespace varve::storenode {
namespace {

constexpr uint32_t kStepsMax = 1 << 20;
constexpr int kGroupingMax = 1 << 10;
// When a message is sent, and how often a thread looks up.
constexpr size_t kMessageBytes = 256 << 10;
constexpr int64_t kSeriesPerLook = 64;

std::vector<std::string> NamesOf(const proto::RollupRequest& request) {
  return {request.grouping().begin(), request.grouping().end()};
}

std::string_view MetricNameOf(std::string_view labels) {
  base::ByteReader reader(labels);
  while (reader.ok() && !reader.empty()) {
    const std::string_view name = reader.LengthPrefixed();
    const std::string_view value = reader.LengthPrefixed();
    if (name == model::kMetricName) return value;
  }
  return {};
}

bool IsAbsent(double value) { return model::IsStaleNan(value); }

absl::Status CheckPick(const proto::RollupRequest& request) {
  if (request.k() == 0) return base::InvalidArgument("ROLLUP of the best 0");
  if (request.k() <= rollup::kBestMax) return absl::OkStatus();
  return base::Unimplemented("ROLLUP of the best ", request.k());
}

}  // namespace

// What one thread has made so far.
struct RollupSearch::Lane {
  explicit Lane(RollupGroups none) : groups(std::move(none)) {}

  std::vector<double> column;
  std::string key;
  std::string plain;  // labels without metadata
  RollupGroups groups;
  std::vector<base::Hash128> label_hashes;
  std::string checked_name;
  std::set<std::string> metric_names;
  absl::Status status;
};

struct RollupSearch::Shared {
  std::atomic<int64_t> series{0};
  std::atomic<int64_t> samples{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<bool> unsupported{false};
  std::atomic<bool> stop{false};
  const std::function<bool()>* cancelled = nullptr;
};

absl::Status RollupSearch::CheckAlive(const Shared& shared) {
  if (!(*shared.cancelled)()) return absl::OkStatus();
  return base::Cancelled("the client has gone");
}

RollupSearch::RollupSearch(const proto::RollupRequest& request,
                           rollup::Function function)
    : function_(function),
      windows_{.first_end_ms = request.first_end_ms(),
               .end_step_ms = request.end_step_ms(),
               .range_ms = request.range_ms(),
               .count = request.steps()},
      aggregate_(static_cast<rollup::Aggregate>(request.aggregate())),
      k_(request.k()),
      grouping_(request.without(), NamesOf(request)),
      without_metadata_(request.without_metadata()),
      label_hashes_(request.label_hashes()),
      samples_max_(request.samples_max()),
      samples_per_series_max_(request.samples_per_series_max()) {}

RollupSearch::~RollupSearch() = default;

absl::StatusOr<std::unique_ptr<RollupSearch>> RollupSearch::Make(
    const proto::RollupRequest& request) {
  const auto function = rollup::FunctionByName(request.function());
  if (!function) {
    return base::Unimplemented("window function ", request.function());
  }
  if (request.aggregate() >= rollup::kAggregates) {
    return base::Unimplemented("aggregation ", request.aggregate());
  }
  if (rollup::IsPick(static_cast<rollup::Aggregate>(request.aggregate()))) {
    RETURN_IF_ERROR(CheckPick(request));
  }
  if (request.steps() == 0 || request.range_ms() <= 0 ||
      request.end_step_ms() < 0) {
    return base::InvalidArgument(
        "ROLLUP over ", request.steps(), " steps of ", request.end_step_ms(),
        " ms and windows of ", request.range_ms(), " ms");
  }
  if (request.steps() > kStepsMax || request.grouping_size() > kGroupingMax) {
    return base::Unimplemented("ROLLUP over ", request.steps(),
                               " steps grouped by ", request.grouping_size(),
                               " labels");
  }
  return std::unique_ptr<RollupSearch>(new RollupSearch(request, *function));
}

absl::StatusOr<proto::RollupResponse> RollupSearch::Run(
    std::vector<std::unique_ptr<storage::SeriesCursor>>& cursors,
    base::ThreadPool& pool, const std::function<bool()>& cancelled,
    const std::function<absl::Status(const proto::RollupResponse&)>& send) {
  Shared shared;
  shared.cancelled = &cancelled;
  std::vector<Lane> lanes(
      cursors.size(), Lane(RollupGroups(aggregate_, k_, windows_.count)));
  pool.ParallelFor(lanes.size(), lanes.size(), [&](size_t i) {
    lanes[i].status = ReadAll(*cursors[i], shared, lanes[i]);
    if (!lanes[i].status.ok()) shared.stop = true;
  });
  for (const Lane& lane : lanes) RETURN_IF_ERROR(lane.status);
  // In this order always: sums depend on it.
  for (size_t i = 1; i < lanes.size(); ++i) Join(lanes[i], lanes[0]);
  return Give(shared, lanes[0], send);
}

absl::Status RollupSearch::ReadAll(storage::SeriesCursor& cursor,
                                   Shared& shared, Lane& lane) const {
  lane.column.resize(windows_.count);
  storage::SearchSeries series;
  for (int64_t read = 0;; ++read) {
    if (read % kSeriesPerLook == 0) {
      if (shared.stop) return absl::OkStatus();
      RETURN_IF_ERROR(CheckAlive(shared));
    }
    ASSIGN_OR_RETURN(const bool more, cursor.Next(series));
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(AddSeries(series, shared, lane));
  }
}

absl::Status RollupSearch::AddSeries(storage::SearchSeries& series,
                                     Shared& shared, Lane& lane) const {
  if (!series.histograms.empty()) {
    shared.unsupported = shared.stop = true;
    return absl::OkStatus();
  }
  const auto samples = static_cast<int64_t>(series.samples.size());
  if (samples_per_series_max_ > 0 && samples > samples_per_series_max_) {
    ASSIGN_OR_RETURN(const model::LabelSet labels,
                     model::ParseCanonicalBytes(series.labels));
    return wire::CheckSeriesSamples(labels, samples, samples_per_series_max_);
  }
  shared.series.fetch_add(1, std::memory_order_relaxed);
  const int64_t before = shared.samples.fetch_add(samples);
  // The asker sees that there are more than it wants.
  if (samples_max_ > 0 && before + samples > samples_max_) {
    shared.stop = true;
    return absl::OkStatus();
  }
  rollup::DropGaps(function_, series.samples);
  RETURN_IF_ERROR(rollup::ComputeInBlocks(
      function_, {series.samples.timestamps_ms, series.samples.values},
      windows_, {}, lane.column, [&shared] { return CheckAlive(shared); }));
  if (std::all_of(lane.column.begin(), lane.column.end(), IsAbsent)) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(NoteLabels(series.labels, lane));
  return AddToGroup(series.labels, shared, lane);
}

absl::Status RollupSearch::NoteLabels(std::string_view labels,
                                      Lane& lane) const {
  if (rollup::WantsCounter(function_)) {
    const std::string_view name = MetricNameOf(labels);
    if (name != lane.checked_name) {
      lane.checked_name = name;
      if (!name.empty() && !rollup::LooksLikeCounter(name)) {
        lane.metric_names.insert(lane.checked_name);
      }
    }
  }
  if (!label_hashes_) return absl::OkStatus();
  static const rollup::Grouping kAll(true, {});
  if (!kAll.Key(labels, /*without_metadata=*/true, lane.plain)) {
    return base::DataLoss("labels that cannot be read");
  }
  lane.label_hashes.push_back(base::Hash128Of(lane.plain));
  return absl::OkStatus();
}

absl::Status RollupSearch::AddToGroup(std::string_view labels, Shared& shared,
                                      Lane& lane) const {
  if (!grouping_.Key(labels, without_metadata_, lane.key)) {
    return base::DataLoss("labels that cannot be read");
  }
  const int64_t bytes = lane.groups.Add(lane.key, labels, lane.column);
  if (bytes == 0) return absl::OkStatus();
  if (shared.bytes.fetch_add(bytes) + bytes > kRollupBytesMax) {
    shared.unsupported = shared.stop = true;
  }
  return absl::OkStatus();
}

void RollupSearch::Join(Lane& from, Lane& to) {
  to.groups.Join(from.groups);
  to.label_hashes.insert(to.label_hashes.end(), from.label_hashes.begin(),
                         from.label_hashes.end());
  from.label_hashes = {};
  to.metric_names.merge(from.metric_names);
}

absl::StatusOr<proto::RollupResponse> RollupSearch::Give(
    const Shared& shared, Lane& lane,
    const std::function<absl::Status(const proto::RollupResponse&)>& send)
    const {
  proto::RollupResponse message;
  if (shared.unsupported) {
    message.set_unsupported(true);
    return message;
  }
  size_t bytes = 0;
  const auto send_if_full = [&]() -> absl::Status {
    if (bytes < kMessageBytes) return absl::OkStatus();
    RETURN_IF_ERROR(send(message));
    message.Clear();
    bytes = 0;
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(lane.groups.ForEachState(
      [&](std::string_view key, std::string_view state) {
        message.add_keys(key.data(), key.size());
        message.add_states(state.data(), state.size());
        bytes += key.size() + state.size();
        return send_if_full();
      }));
  for (const base::Hash128& hash : lane.label_hashes) {
    message.add_label_hashes(hash.high);
    message.add_label_hashes(hash.low);
    bytes += sizeof(hash);
    RETURN_IF_ERROR(send_if_full());
  }
  for (const std::string& name : lane.metric_names) {
    message.add_metric_names(name);
  }
  message.set_series(shared.series);
  message.set_samples(shared.samples);
  return message;
}

}  // namespace varve::storenode
