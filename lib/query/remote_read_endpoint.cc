// Remote read: /api/v1/read, samples or chunks.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/protocol/remote_read.h"
#include "lib/query/cluster_source.h"
#include "lib/query/json.h"
#include "lib/query/select_api.h"

namespace varve::query {
namespace {

// Matchers of a few queries.
constexpr int64_t kRequestBytesMax = 4 << 20;

struct EncodedSeries {
  model::LabelSet labels;
  std::string bytes;
};

// All of one query's series, sorted: a reader merges answers by labels, so
// they are held, encoded, until all are known.
absl::Status EncodeAll(cluster::SeriesMerge& merge,
                       const cluster::ReadRequest& read, bool chunks,
                       int64_t query, int64_t bytes_max,
                       std::vector<EncodedSeries>& found) {
  std::vector<cluster::MergedSeries> batch;
  int64_t held_bytes = 0;
  while (true) {
    RETURN_IF_ERROR(merge.Next(batch));
    if (batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      ClipToRange(read.range, series);
      if (series.samples.empty() && series.histograms.empty()) continue;
      EncodedSeries& one = found.emplace_back();
      if (chunks) {
        protocol::AppendChunkFrames(one.bytes, query, series.labels,
                                    series.samples, series.histograms);
      } else {
        one.bytes = protocol::EncodeTimeSeries(series.labels, series.samples,
                                               series.histograms);
      }
      one.labels = std::move(series.labels);
      held_bytes += static_cast<int64_t>(one.bytes.size());
    }
    if (bytes_max > 0 && held_bytes > bytes_max) {
      return base::ResourceExhausted(
          "not enough memory for processing the remote read: its answer has "
          "more than ", bytes_max, " bytes; see -search.maxMemoryPerQuery");
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.labels < b.labels;
  });
  return absl::OkStatus();
}

}  // namespace

absl::Status SelectApi::RemoteRead(Context& context) {
  ASSIGN_OR_RETURN(
      const protocol::RemoteReadRequest request,
      protocol::ParseRemoteRead(context.request.body, kRequestBytesMax));
  ASSIGN_OR_RETURN(const auto filters, ExtraFilters(context));
  ASSIGN_OR_RETURN(cluster::ReadRequest read,
                   BaseRequest(context, options_.max_query_duration));
  read.deny_partial = true;  // the format has no place for a warning
  std::vector<std::vector<std::string>> results;
  Answer answer(context.writer,
                "application/x-streamed-protobuf; "
                "proto=prometheus.ChunkedReadResponse");
  for (size_t i = 0; i < request.queries.size(); ++i) {
    read.matcher_groups = WithFilters({request.queries[i].matchers}, filters);
    read.range = request.queries[i].range;
    std::vector<EncodedSeries> found;
    const auto merge = context.reader->Search(read);
    absl::Status status = merge.status();
    if (status.ok()) {
      status = EncodeAll(**merge, read, request.chunks,
                         static_cast<int64_t>(i),
                         options_.limits.memory_bytes_max, found);
    }
    if (!status.ok() && answer.begun()) {
      context.writer.Abort();
      return absl::OkStatus();
    }
    if (!status.ok()) return AsExecutionError(status);
    if (!request.chunks) results.emplace_back();
    for (EncodedSeries& one : found) {
      if (!request.chunks) {
        results.back().push_back(std::move(one.bytes));
        continue;
      }
      answer.text() += one.bytes;
      one.bytes = std::string();
      if (!answer.Flush().ok()) return absl::OkStatus();  // the client has gone
    }
  }
  if (request.chunks) {
    (void)answer.Finish();  // fails only when the client has gone
    return absl::OkStatus();
  }
  context.writer.SetHeader("Content-Encoding", "snappy");
  context.writer.Send(200, "application/x-protobuf",
                      protocol::EncodeReadResponse(results));
  return absl::OkStatus();
}

}  // namespace varve::query
