#include "lib/query/upper_level_service.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status.h"
#include "lib/base/stopwatch.h"
#include "lib/model/label.h"
#include "lib/wire/convert.h"
#include "lib/wire/hello.h"
#include "lib/wire/methods.h"
#include "lib/wire/request.h"
#include "lib/wire/series_batch.h"

namespace varve::query {
namespace {

// For as long as the caller waits.
cluster::ReadRequest ReadFor(const rpc::ServerCall& call) {
  cluster::ReadRequest read;
  read.cancelled = [&call] { return call.cancelled(); };
  return read;
}

absl::Status ReadTenant(const proto::Tenant& from, cluster::ReadRequest& read) {
  ASSIGN_OR_RETURN(read.tenant, wire::FromProto(from));
  read.tenant_name = from.name();
  return absl::OkStatus();
}

// What all requests about series have.
template <typename Message>
absl::StatusOr<cluster::ReadRequest> ReadOf(const rpc::ServerCall& call,
                                            const Message& message) {
  cluster::ReadRequest read = ReadFor(call);
  RETURN_IF_ERROR(ReadTenant(message.tenant(), read));
  ASSIGN_OR_RETURN(read.matcher_groups, wire::FromProto(message.groups()));
  read.range = {message.start_ms(), message.end_ms()};
  read.deadline_steady_ms = wire::DeadlineOf(message.timeout_ms());
  return read;
}


// The series of one search on their way to the caller.
class SeriesSender {
 public:
  SeriesSender(rpc::ServerCall& call, const proto::SearchRequest& request,
               const model::TenantId& tenant)
      : call_(call),
        tenant_(tenant),
        all_kinds_(request.all_kinds()),
        writer_(request.all_kinds(), request.starts()) {}

  absl::Status Send(const std::vector<cluster::MergedSeries>& batch) {
    for (const cluster::MergedSeries& one : batch) {
      canonical_.clear();
      model::AppendCanonicalBytes(canonical_, one.labels);
      const model::SeriesHash hash = model::HashSeries(tenant_, canonical_);
      if (!sent_.insert(hash).second) continue;
      if (writer_.samples() + one.samples.size() + one.histograms.size() >
          wire::kBatchSamplesMax) {
        RETURN_IF_ERROR(Flush());
      }
      if (all_kinds_) {
        writer_.Add(hash, canonical_, one.samples, one.histograms,
                    one.exemplars, one.starts);
      } else {
        writer_.Add(hash, canonical_, one.samples);
      }
      samples_ +=
          static_cast<int64_t>(one.samples.size() + one.histograms.size());
      if (writer_.full()) RETURN_IF_ERROR(Flush());
    }
    return absl::OkStatus();
  }

  // `coverage` without what the search took.
  absl::Status End(proto::Coverage coverage, const cluster::ReadMeter& meter) {
    if (!writer_.empty()) RETURN_IF_ERROR(Flush());
    proto::ReadCost& cost = *coverage.mutable_cost();
    cost.set_series_matched(static_cast<int64_t>(sent_.size()));
    cost.set_series(static_cast<int64_t>(sent_.size()));
    cost.set_samples(samples_);
    cost.set_bytes(bytes_);
    cost.set_blocks(meter.blocks.load());
    cost.set_block_bytes(meter.block_bytes.load());
    cost.set_total_us(watch_.ElapsedUs());
    cost.set_cpu_us(cpu_.ElapsedUs() + meter.storage_cpu_us.load());
    return call_.Send(wire::EncodeSearchEnd(coverage));
  }

 private:
  absl::Status Flush() {
    const std::string message = writer_.Finish();
    bytes_ += static_cast<int64_t>(message.size());
    return call_.Send(message);
  }

  rpc::ServerCall& call_;
  const model::TenantId tenant_;
  const bool all_kinds_;
  wire::SeriesBatchWriter writer_;
  const base::Stopwatch watch_;
  const base::CpuStopwatch cpu_;
  std::string canonical_;
  // A read that is made again sends only what has not been sent.
  absl::flat_hash_set<model::SeriesHash> sent_;
  int64_t samples_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace

std::string UpperLevelService::Hello() {
  return wire::EncodeSelectServerHello();
}

absl::Status UpperLevelService::Accept(std::string_view client_hello) {
  return wire::AcceptHello(client_hello, /*token=*/"");
}

absl::Status UpperLevelService::Handle(rpc::ServerCall& call) {
  if (call.method() == wire::kPing) return call.Send("");
  const ConcurrencyGate::Pass pass(*gate_,
                                   [&call] { return call.cancelled(); });
  if (!pass.held()) {
    return base::Unavailable("all ", gate_->capacity(),
                             " places for queries are taken "
                             "(-search.maxConcurrentRequests)");
  }
  switch (call.method()) {
    case wire::kSearch:
      return Search(call);
    case wire::kLabels:
      return Labels(call);
    case wire::kCardinality:
      return Cardinality(call);
    case wire::kMetadata:
      return Metadata(call);
    case wire::kNameUsage:
      return NameUsage(call);
    case wire::kTenants:
      return Tenants(call);
    case wire::kDelete:
      return Delete(call);
    case wire::kHistory:
      // Not the request's fault: the caller then keeps no answers.
      return base::Unavailable("a select node has no history");
    default:
      return base::Unimplemented("port of a select node for upper levels: "
                                 "method ",
                                 int{call.method()});
  }
}

proto::Coverage UpperLevelService::Told(const cluster::ReadOutcome& outcome) {
  proto::Coverage coverage;
  coverage.set_partial(outcome.is_partial);
  coverage.mutable_warnings()->Assign(outcome.warnings.begin(),
                                      outcome.warnings.end());
  coverage.set_dedup_interval_ms(outcome.dedup.interval_ms);
  coverage.set_dedup_keep_all(outcome.dedup.keep_all);
  for (const uint64_t owner : outcome.lacking) {
    proto::Coverage::MissedSpan& missed = *coverage.add_missed();
    missed.set_owner(owner);
    missed.set_start_ms(INT64_MIN);  // somewhere in the range asked for
    missed.set_end_ms(INT64_MAX);
  }
  for (const auto& [ring, levels_above] : outcome.short_rings) {
    proto::Coverage::MissedSpan& missed = *coverage.add_missed();
    missed.set_ring(ring);
    missed.set_levels_above(levels_above - 1);
    missed.set_start_ms(INT64_MIN);
    missed.set_end_ms(INT64_MAX);
  }
  const std::vector<uint64_t> ids = cluster_ids_->Get();
  coverage.mutable_cluster_ids()->Assign(ids.begin(), ids.end());
  return coverage;
}

absl::Status UpperLevelService::Search(rpc::ServerCall& call) {
  proto::SearchRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  ASSIGN_OR_RETURN(cluster::ReadRequest read, ReadOf(call, request));
  cluster::ReadMeter meter;
  read.meter = &meter;
  read.slots = request.slots();
  read.series_max = request.series_max();
  read.labels_only = request.labels_only();
  read.keep_all = request.keep_all();
  read.exemplars = request.exemplars() && request.all_kinds();
  read.starts = request.starts() && request.all_kinds();
  read.one_copy = true;
  SeriesSender sender(call, request, read.tenant);
  std::vector<cluster::MergedSeries> batch;
  while (true) {
    ASSIGN_OR_RETURN(const auto merge, reader_->Search(read));
    absl::Status status;
    do {
      status = merge->Next(batch);
      if (status.ok()) RETURN_IF_ERROR(sender.Send(batch));
    } while (status.ok() && !batch.empty());
    if (status.ok()) return sender.End(Told(merge->outcome()), meter);
    if (!absl::IsAborted(status) || !read.one_copy) return status;
    read.one_copy = false;  // a node failed in the middle of its share
  }
}

absl::Status UpperLevelService::Labels(rpc::ServerCall& call) {
  proto::LabelsRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, ReadOf(call, request));
  cluster::ReadOutcome outcome;
  ASSIGN_OR_RETURN(
      const std::vector<std::string> items,
      reader_->Labels(read, request.label(), request.limit(), outcome));
  proto::LabelsResponse response;
  response.mutable_items()->Assign(items.begin(), items.end());
  *response.mutable_coverage() = Told(outcome);
  return call.Send(response.SerializeAsString());
}

absl::Status UpperLevelService::Cardinality(rpc::ServerCall& call) {
  proto::CardinalityRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  if (request.digests() || !request.slots().empty()) {
    return base::Unimplemented("a select node has no digests of slots");
  }
  ASSIGN_OR_RETURN(const cluster::ReadRequest read, ReadOf(call, request));
  cluster::ReadOutcome outcome;
  ASSIGN_OR_RETURN(proto::CardinalityResponse response,
                   reader_->Cardinality(read, request.focus_label(),
                                        request.top_n(), outcome));
  *response.mutable_coverage() = Told(outcome);
  return call.Send(response.SerializeAsString());
}

absl::Status UpperLevelService::Metadata(rpc::ServerCall& call) {
  proto::MetadataRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  cluster::ReadRequest read = ReadFor(call);
  RETURN_IF_ERROR(ReadTenant(request.tenant(), read));
  cluster::ReadOutcome outcome;
  ASSIGN_OR_RETURN(
      const std::vector<model::StoredMetadata> stored,
      reader_->Metadata(read, request.metric(), request.limit(), outcome));
  proto::MetadataResponse response;
  for (const model::StoredMetadata& one : stored) {
    wire::ToProto(one, *response.add_entries());
  }
  *response.mutable_coverage() = Told(outcome);
  return call.Send(response.SerializeAsString());
}

absl::Status UpperLevelService::NameUsage(rpc::ServerCall& call) {
  proto::NameUsageRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  cluster::ReadRequest read = ReadFor(call);
  proto::NameUsageResponse response;
  cluster::ReadOutcome outcome;
  if (request.reset()) {
    RETURN_IF_ERROR(reader_->ResetNameUsage(read));
  } else {
    RETURN_IF_ERROR(ReadTenant(request.tenant(), read));
    ASSIGN_OR_RETURN(response, reader_->NameUsage(read, outcome));
  }
  *response.mutable_coverage() = Told(outcome);
  return call.Send(response.SerializeAsString());
}

absl::Status UpperLevelService::Tenants(rpc::ServerCall& call) {
  proto::TenantsRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  cluster::ReadRequest read = ReadFor(call);
  read.range = {request.start_ms(), request.end_ms()};
  cluster::ReadOutcome outcome;
  ASSIGN_OR_RETURN(const std::vector<model::Tenant> tenants,
                   reader_->Tenants(read, outcome));
  proto::TenantsResponse response;
  for (const model::Tenant& one : tenants) {
    wire::ToProto(one.id, one.name, *response.add_tenants());
  }
  *response.mutable_coverage() = Told(outcome);
  return call.Send(response.SerializeAsString());
}

absl::Status UpperLevelService::Delete(rpc::ServerCall& call) {
  proto::DeleteRequest request;
  RETURN_IF_ERROR(wire::ParseMessage(call.payload(), request));
  cluster::DeleteCommand command;
  ASSIGN_OR_RETURN(command.tenant, wire::FromProto(request.tenant()));
  command.tenant_name = request.tenant().name();
  ASSIGN_OR_RETURN(command.matcher_groups, wire::FromProto(request.groups()));
  command.range = {request.start_ms(), request.end_ms()};
  command.series_max = request.series_max();
  command.accept_ms = request.accept_ms();
  ASSIGN_OR_RETURN(const int64_t series, reader_->Delete(command));
  proto::DeleteResponse response;
  response.set_series(series);
  return call.Send(response.SerializeAsString());
}

}  // namespace varve::query
