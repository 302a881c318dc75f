#include "lib/cluster/writer.h"

#include <algorithm>
#include <cassert>

#include "lib/base/status.h"
#include "lib/cluster/write_operation.h"
#include "lib/wire/methods.h"

namespace varve::cluster {

class Writer::Impl {
 public:
  explicit Impl(NodeSet* nodes) : nodes(nodes) {}
  ~Impl() { nodes->Listen(nullptr); }

  NodeSet* const nodes;
  WriterCore core;
};

Writer::Writer(NodeSet* nodes, WriterOptions options)
    : impl_(std::make_unique<Impl>(nodes)) {
  assert(options.metrics != nullptr);
  WriterCore& core = impl_->core;
  options.replication_factor =
      std::clamp(options.replication_factor, 1,
                 static_cast<int>(kReplicationFactorMax));
  if (options.copies_min == 0) {
    options.copies_min = std::max(1, options.replication_factor - 1);
  }
  options.copies_min =
      std::clamp(options.copies_min, 1, options.replication_factor);
  core.options = options;
  core.per_node = std::make_unique<WriterNodes>(options.metrics);
  core.keeper = std::make_unique<ViewKeeper>(
      nodes, core.per_node.get(),
      ViewKeeperOptions{
          .replication_factor =
              static_cast<uint32_t>(options.replication_factor),
          .copies_min = static_cast<uint32_t>(options.copies_min),
          .start_grace_ms = absl::ToInt64Milliseconds(options.start_grace),
          .hint_age_max_ms = absl::ToInt64Milliseconds(options.hint_age_max),
          .reroute_unavailable = options.reroute_unavailable,
          .reroute_slow = options.reroute_slow,
          .clock = options.clock});
  // Their metrics are there before the first write.
  (void)core.per_node->Of(*nodes->list());
  core.rows_incomplete = &options.metrics->AddCounter(
      "vm_rpc_rows_incompletely_replicated_total", {{"name", "vminsert"}});
  // A node that left must not be held until the next write.
  nodes->Listen([this] { (void)View(); });
}

Writer::~Writer() = default;

std::shared_ptr<const WriteView> Writer::View() {
  return impl_->core.keeper->Current();
}

absl::Status Writer::Write(const WriteView& view, std::span<SeriesRows> rows,
                           std::span<const MetadataRows> metadata,
                           const model::Tenant* named, bool last_attempt,
                           int64_t accept_ms) {
  return WriteOperation(impl_->core, view, rows, metadata, named, last_attempt,
                        accept_ms)
      .Run();
}

absl::Status Writer::Repeat(
    const std::function<absl::Status(const WriteView&, bool last)>& write) {
  absl::Status status;
  for (int attempt = 0; attempt < kWriteAttemptsMax; ++attempt) {
    const std::shared_ptr<const WriteView> view = View();
    status = write(*view, attempt + 1 == kWriteAttemptsMax);
    if (status.code() != absl::StatusCode::kFailedPrecondition) return status;
  }
  return base::Unavailable(base::Message(status));
}

absl::Status Writer::RegisterName(const model::Tenant& tenant) {
  return Repeat([&](const WriteView& view, bool last) -> absl::Status {
    RETURN_IF_ERROR(view.Writable());
    return Write(view, {}, {}, &tenant, last);
  });
}

absl::Status Writer::StoreMissed(std::string_view record) {
  return Repeat([&](const WriteView& view, bool last) -> absl::Status {
    RETURN_IF_ERROR(view.Writable());
    WriteAttempt attempt(impl_->core, view, last);
    std::vector<std::unique_ptr<rpc::Call>> calls(view.node_count());
    for (size_t node = 0; node < calls.size(); ++node) {
      if (!view.live[node]) continue;
      calls[node] = view.nodes->channel(node).Start(wire::kMissed,
                                                    std::string(record));
    }
    for (uint16_t node = 0; node < calls.size(); ++node) {
      if (calls[node] == nullptr) continue;
      ASSIGN_OR_RETURN(const auto answer,
                       attempt.Take(*calls[node], node, "MISSED"));
      if (!answer.has_value()) return attempt.TooFewNow();
    }
    // Who has come up since may have been told what the others had before.
    if (View()->liveness != view.liveness) {
      return Outdated("other nodes are up than were told of a MISSED record");
    }
    return absl::OkStatus();
  });
}

}  // namespace varve::cluster
