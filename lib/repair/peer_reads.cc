#include "lib/repair/peer_reads.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/status.h"

namespace varve::repair {
namespace {

// A day of a billion samples is scanned in a minute or two.
constexpr absl::Duration kSilenceMax = absl::Minutes(10);

}  // namespace

absl::Status PeerReads::Stream(wire::Method method, std::string payload,
                               const Visit& visit) {
  const std::unique_ptr<rpc::Call> call =
      channel_->Start(method, std::move(payload));
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> message,
                     worker_->NextOf(*call, kSilenceMax));
    if (!message) return absl::OkStatus();
    RETURN_IF_ERROR(visit(*message));
  }
}

absl::StatusOr<std::vector<proto::Tenant>> PeerReads::Tenants(
    const model::TimeRange& range) {
  proto::TenantsRequest request;
  request.set_start_ms(range.start_ms);
  request.set_end_ms(range.end_ms);
  proto::TenantsResponse response;
  RETURN_IF_ERROR(Stream(wire::kTenants, request.SerializeAsString(),
                         [&response](const std::string& message) {
                           return response.ParseFromString(message)
                                      ? absl::OkStatus()
                                      : base::DataLoss("no answer to TENANTS");
                         }));
  return std::vector<proto::Tenant>(response.tenants().begin(),
                                    response.tenants().end());
}

absl::StatusOr<std::vector<proto::DigestResponse>> PeerReads::Digests(
    const proto::DigestRequest& request, proto::Coverage& coverage) {
  std::vector<proto::DigestResponse> digests;
  bool ended = false;
  RETURN_IF_ERROR(Stream(
      wire::kDigest, request.SerializeAsString(),
      [&](const std::string& message) -> absl::Status {
        proto::DigestResponse one;
        const bool parsed = one.ParseFromString(message);
        const int rows = one.counts_size();
        if (!parsed || ended || one.kinds_size() != rows ||
            one.hours_size() != rows || one.parts_size() != rows ||
            one.sums_high_size() != rows || one.sums_low_size() != rows) {
          return base::DataLoss("no answer to DIGEST");
        }
        ended = one.has_coverage();
        if (ended) {
          coverage = std::move(*one.mutable_coverage());
        } else {
          digests.push_back(std::move(one));
        }
        return absl::OkStatus();
      }));
  if (!ended) return base::DataLoss("an answer to DIGEST without its end");
  return digests;
}

absl::StatusOr<bool> PeerReads::Search(const proto::SearchRequest& request,
                                       const VisitSeries& visit) {
  bool ended = false;
  bool damaged = false;
  RETURN_IF_ERROR(
      Stream(wire::kSearch, request.SerializeAsString(),
             [&](const std::string& message) -> absl::Status {
               search_bytes_ += static_cast<int64_t>(message.size());
               ASSIGN_OR_RETURN(wire::SeriesBatch batch,
                                wire::DecodeSeriesBatch(message));
               ended = batch.is_end;
               if (ended) damaged = batch.coverage.damaged();
               for (wire::WireSeries& one : batch.series) {
                 RETURN_IF_ERROR(visit(one));
               }
               return rate_->Spend(*worker_, message.size());
             }));
  if (!ended) return base::DataLoss("an answer to SEARCH without its end");
  return !damaged;
}

}  // namespace varve::repair
