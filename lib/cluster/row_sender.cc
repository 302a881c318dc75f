#include "lib/cluster/row_sender.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/wire/features.h"
#include "lib/wire/methods.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {
namespace {

// Bytes under way to one node before it counts as stalled: more than the
// concurrent writes of a healthy insert node ever hold.
constexpr int64_t kWindowBytes = 64 << 20;

// Histograms and exemplars are large: frames are also cut by bytes. A frame
// takes 64 MiB, a series' own in one request at most half of that.
constexpr size_t kFrameKindBytes = 16 << 20;

void AddRows(const SeriesRows& row, uint64_t ref,
             wire::DataFrameBuilder& builder) {
  if (!row.values.empty()) {
    builder.Add(row.tenant, ref, row.timestamps_ms, row.values);
  }
  if (row.others == nullptr) return;
  const OtherRows& others = *row.others;
  for (size_t i = 0; i < others.histograms.size(); ++i) {
    builder.kinds().AddHistogram(row.tenant, ref,
                                 others.histogram_timestamps_ms[i],
                                 others.histograms[i]);
  }
  for (const model::ExemplarView& one : others.exemplars) {
    builder.kinds().AddExemplar(row.tenant, ref, one.timestamp_ms, one.value,
                                one.labels);
  }
  for (const model::StartRun& run : others.starts) {
    builder.kinds().AddStart(row.tenant, ref, run);
  }
}

}  // namespace

RowSender::~RowSender() {
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].bytes == 0) continue;
    WriterNode& shared = *attempt_.view().writers[node];
    shared.in_flight_bytes -= nodes_[node].bytes;
    shared.bytes_pending->Add(-static_cast<double>(nodes_[node].bytes));
    shared.rows_pending->Add(-static_cast<double>(nodes_[node].rows));
  }
}

int64_t RowSender::NextAcceptMs() {
  // Never back: what a later delete hides must not depend on a set clock.
  WriterCore& core = attempt_.core();
  const int64_t now_ms = core.options.clock->NowMs();
  int64_t last = core.accept_ms.load();
  while (last < now_ms &&
         !core.accept_ms.compare_exchange_weak(last, now_ms)) {
  }
  return std::max(last, now_ms);
}

void RowSender::SendFrame(uint16_t lane, wire::DataFrameBuilder& builder) {
  const WriteView& view = attempt_.view();
  const WriterOptions& options = attempt_.core().options;
  const bool hint = view.is_hint(lane);
  const uint16_t node = view.node_of(lane);
  std::string payload =
      builder.Finish(options.ack,
                     hint ? view.hint_log(lane) : view.ref_epochs[node],
                     options.compress &&
                         (view.features & wire::kFeatureLz4) != 0);
  if (hint) {
    std::string owner;
    base::PutFixedLe(owner, view.node_ids[view.hinted_owner(lane)]);
    payload.insert(0, owner);
  }
  nodes_[node].bytes += static_cast<int64_t>(payload.size());
  lanes_[lane].calls.push_back(view.nodes->channel(node).Start(
      hint ? wire::kHintData : wire::kData, std::move(payload)));
}

void RowSender::AddMetadata(std::vector<wire::DataFrameBuilder>& builders,
                            int64_t accept_ms) const {
  if (metadata_.empty()) return;
  for (uint16_t node = 0; node < nodes_.size(); ++node) {
    if (!attempt_.usable(node)) continue;
    wire::DataFrameBuilder& builder = builders[node];
    if (builder.rows() == 0) {
      builder.Start(attempt_.view().ring->id(), accept_ms);
    }
    for (const MetadataRows& rows : metadata_) {
      for (const model::MetricMetadata& one : rows.metadata) {
        builder.kinds().AddMetadata(rows.tenant, one);
      }
    }
  }
}

void RowSender::Start() {
  const WriteView& view = attempt_.view();
  const int64_t accept_ms = accept_ms_ != 0 ? accept_ms_ : NextAcceptMs();
  for (uint16_t node = 0; node < nodes_.size(); ++node) {
    if (attempt_.usable(node) &&
        view.writers[node]->in_flight_bytes.load() > kWindowBytes) {
      attempt_.Fail(node, base::Unavailable("its window of ", kWindowBytes,
                                            " bytes is full"));
    }
  }
  std::vector<wire::DataFrameBuilder> builders(lanes_.size());
  for (const SeriesRows& row : rows_) {
    const auto count = static_cast<uint32_t>(row.size());
    for (uint32_t k = 0; k < kReplicationFactorMax; ++k) {
      if (!attempt_.Reaches(row, k)) continue;
      const uint16_t lane = row.route->lanes[k];
      wire::DataFrameBuilder& builder = builders[lane];
      if (builder.rows() > 0 && (builder.rows() + count > wire::kFrameRows ||
                                 builder.kinds().bytes() > kFrameKindBytes)) {
        SendFrame(lane, builder);
      }
      if (builder.rows() == 0) builder.Start(view.ring->id(), accept_ms);
      AddRows(row, row.route->refs[k], builder);
      lanes_[lane].rows += count;
    }
  }
  AddMetadata(builders, accept_ms);
  for (uint16_t lane = 0; lane < lanes_.size(); ++lane) {
    if (builders[lane].rows() > 0) SendFrame(lane, builders[lane]);
  }
  CountPending();
}

void RowSender::CountPending() {
  const WriteView& view = attempt_.view();
  for (uint16_t lane = 0; lane < lanes_.size(); ++lane) {
    nodes_[view.node_of(lane)].rows += lanes_[lane].rows;
  }
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (nodes_[node].bytes == 0) continue;
    WriterNode& shared = *view.writers[node];
    shared.in_flight_bytes += nodes_[node].bytes;
    shared.bytes_pending->Add(static_cast<double>(nodes_[node].bytes));
    shared.rows_pending->Add(static_cast<double>(nodes_[node].rows));
    shared.rows_pushed->Add(lanes_[node].rows);
  }
}

void RowSender::NoteMark(uint16_t node, uint64_t mark) {
  attempt_.core().ledger.NoteMark(attempt_.view().node_ids[node], mark);
}

absl::Status RowSender::TakeAck(uint16_t lane, const std::string& answer) {
  const WriteView& view = attempt_.view();
  ViewKeeper& keeper = *attempt_.core().keeper;
  if (view.is_hint(lane)) {
    proto::HintAck ack;
    if (!ack.ParseFromString(answer)) {
      attempt_.Fail(view.node_of(lane),
                    base::DataLoss("an answer to HINTDATA that is no HintAck"));
    } else if (ack.redefine()) {
      // Most likely its owner, which is back, has all of it.
      view.nodes->node(view.hinted_owner(lane)).health.Reconsider();
      keeper.RedefineHints(view.liveness);
      return Outdated("a node has ended its log of hints");
    } else {
      NoteMark(view.node_of(lane), ack.mark());
    }
    return absl::OkStatus();
  }
  proto::Ack ack;
  if (!ack.ParseFromString(answer)) {
    attempt_.Fail(lane, base::DataLoss("an answer to DATA that is no Ack"));
  } else if (ack.redefine()) {
    keeper.Redefine(view.generation);
    return Outdated("a node asks for definitions");
  } else {
    NoteMark(lane, ack.mark());
  }
  return absl::OkStatus();
}

absl::Status RowSender::Collect(uint16_t lane) {
  const WriteView& view = attempt_.view();
  if (lanes_[lane].calls.empty()) return absl::OkStatus();
  for (const std::unique_ptr<rpc::Call>& call : lanes_[lane].calls) {
    if (!attempt_.usable(lane)) break;
    ASSIGN_OR_RETURN(const std::optional<std::string> answer,
                     attempt_.Take(*call, lane, "a data record"));
    if (answer.has_value()) RETURN_IF_ERROR(TakeAck(lane, *answer));
  }
  if (view.is_hint(lane)) return absl::OkStatus();
  const int64_t now_ms = attempt_.core().options.clock->SteadyMs();
  view.writers[lane]->send_seconds->Add(
      static_cast<double>(now_ms - attempt_.start_ms()) * 1e-3);
  if (attempt_.usable(lane)) view.nodes->node(lane).health.Succeeded();
  return absl::OkStatus();
}

absl::Status RowSender::Run() {
  Start();
  for (uint16_t lane = 0; lane < lanes_.size(); ++lane) {
    RETURN_IF_ERROR(Collect(lane));
  }
  return absl::OkStatus();
}

void RowSender::CountSent() const {
  const WriteView& view = attempt_.view();
  for (uint16_t lane = 0; lane < lanes_.size(); ++lane) {
    if (!attempt_.usable(lane)) continue;
    const int64_t rows = lanes_[lane].rows;
    if (view.is_hint(lane)) {
      view.writers[view.hinted_owner(lane)]->hint_rows_sent->Add(rows);
    } else {
      view.writers[lane]->rows_sent->Add(rows);
    }
  }
}

}  // namespace varve::cluster
