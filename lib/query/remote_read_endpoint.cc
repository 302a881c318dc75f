// Remote read: /api/v1/read, samples or chunks.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/eval/memory_charge.h"
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

// A time and a value of a sample take at most so many bytes in either form; a
// histogram's are those that it holds already.
constexpr int64_t kSampleBytesMax = 24;

int64_t EncodedBytesMax(const cluster::MergedSeries& series) {
  return static_cast<int64_t>(series.samples.size()) * kSampleBytesMax;
}

// All of one query's series, sorted: a reader merges answers by labels, so
// they are held, encoded, until all are known.
absl::Status EncodeAll(cluster::SeriesMerge& merge,
                       const cluster::ReadRequest& read, bool chunks,
                       int64_t query, eval::MemoryAccount& account,
                       eval::MemoryCharge& held,
                       std::vector<EncodedSeries>& found) {
  std::vector<cluster::MergedSeries> batch;
  while (true) {
    RETURN_IF_ERROR(merge.Next(batch));
    if (batch.empty()) break;
    for (cluster::MergedSeries& series : batch) {
      ClipToRange(read.range, series);
      if (series.samples.empty() && series.histograms.empty()) continue;
      // Before it is made: one series may be larger than all that is held.
      eval::MemoryCharge making;
      RETURN_IF_ERROR(making.Add(account, EncodedBytesMax(series)));
      EncodedSeries& one = found.emplace_back();
      if (chunks) {
        protocol::AppendChunkFrames(one.bytes, query, series.labels,
                                    series.samples, series.histograms);
      } else {
        one.bytes = protocol::EncodeTimeSeries(series.labels, series.samples,
                                               series.histograms);
      }
      one.labels = std::move(series.labels);
      RETURN_IF_ERROR(held.Add(
          account, static_cast<int64_t>(one.bytes.capacity())));
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
  eval::MemoryAccount account(options_.limits.memory_bytes_max,
                              options_.limits.memory_pool);
  eval::MemoryCharge held_all;  // of an answer that is sent as one
  std::vector<std::vector<std::string>> results;
  Answer answer(context.writer,
                "application/x-streamed-protobuf; "
                "proto=prometheus.ChunkedReadResponse");
  for (size_t i = 0; i < request.queries.size(); ++i) {
    ASSIGN_OR_RETURN(read.matcher_groups,
                     WithFilters({request.queries[i].matchers}, filters));
    read.range = request.queries[i].range;
    std::vector<EncodedSeries> found;
    eval::MemoryCharge held_one;
    eval::MemoryCharge& held = request.chunks ? held_one : held_all;
    const auto merge = context.reader->Search(read);
    absl::Status status = merge.status();
    if (status.ok()) {
      status = EncodeAll(**merge, read, request.chunks,
                         static_cast<int64_t>(i), account, held, found);
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
