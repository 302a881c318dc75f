#include "lib/protocol/remote_write_2.h"

#include <catch2/catch.hpp>

#include <bit>
#include <random>
#include <string>
#include <vector>

#include "lib/base/status.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/model/time_range.h"
#include "lib/protocol/check_body.h"
#include "lib/protocol/series_labels.h"
#include "proto/remote_write_v1.pb.h"
#include "proto/remote_write_v2.pb.h"

namespace varve::protocol {
namespace {

namespace rw = remote_write_v2;

// Builds requests as senders do: a symbol once, the empty one first.
struct Sender {
  rw::Request request;

  Sender() { request.add_symbols(""); }
  uint32_t Symbol(const std::string& text) {
    for (int i = 0; i < request.symbols_size(); ++i) {
      if (request.symbols(i) == text) return static_cast<uint32_t>(i);
    }
    request.add_symbols(text);
    return static_cast<uint32_t>(request.symbols_size() - 1);
  }
  rw::TimeSeries& Series(const std::vector<model::Label>& labels) {
    rw::TimeSeries& series = *request.add_timeseries();
    for (const model::Label& label : labels) {
      series.add_labels_refs(Symbol(label.name));
      series.add_labels_refs(Symbol(label.value));
    }
    return series;
  }
  static void AddSample(rw::TimeSeries& series, int64_t at, double value,
                        int64_t start = 0) {
    rw::Sample& sample = *series.add_samples();
    sample.set_timestamp(at);
    sample.set_value(value);
    sample.set_start_timestamp(start);
  }
  static void AddHistogram(rw::TimeSeries& series, int64_t at,
                           int64_t start = 0) {
    rw::Histogram& histogram = *series.add_histograms();
    histogram.set_timestamp(at);
    histogram.set_start_timestamp(start);
    histogram.set_count_int(3);
    histogram.set_zero_count_int(1);
    histogram.set_sum(2.5);
    histogram.add_positive_spans()->set_length(1);
    histogram.add_positive_deltas(2);
  }
};

// Everything a walk gave; the body and the walker are kept for its views.
struct Walked {
  std::string body;
  std::unique_ptr<RemoteWrite2Walker> walker;
  absl::Status status;
  SampleBatch batch;
};

std::vector<model::Label> LabelsOf(const SampleBatch& batch, size_t series) {
  std::vector<model::Label> labels;
  REQUIRE(ReadSeriesLabels(batch, batch.series[series], labels).ok());
  return labels;
}

std::unique_ptr<Walked> Walk(const rw::Request& request) {
  auto walked = std::make_unique<Walked>();
  walked->body = request.SerializeAsString();
  walked->batch.form = IdentityForm::kSymbolRefs;
  walked->walker = std::make_unique<RemoteWrite2Walker>(walked->body);
  const auto more = walked->walker->Next(walked->batch, SIZE_MAX);
  walked->status = more.status();
  if (more.ok()) CHECK_FALSE(*more);
  CHECK(CheckBody<RemoteWrite2Walker>(walked->body).ok() == more.ok());
  return walked;
}

model::StartRuns StartsOf(const SampleBatch& batch, size_t series) {
  const auto starts = batch.Starts(batch.series[series]);
  return {starts.begin(), starts.end()};
}

TEST_CASE("labels, samples and values of 2.0 are read through the symbols",
          "[protocol]") {
  Sender sender;
  rw::TimeSeries& up = sender.Series({{"__name__", "up"}, {"job", "a"}});
  Sender::AddSample(up, 1000, 1.5);
  Sender::AddSample(up, 2000, -0.0);
  Sender::AddSample(sender.Series({{"__name__", "down"}, {"job", "a"}}), 3000,
                    7);
  const auto walked = Walk(sender.request);
  const SampleBatch& batch = walked->batch;
  REQUIRE(batch.series.size() == 2);
  CHECK(LabelsOf(batch, 0) ==
        std::vector<model::Label>{{"__name__", "up"}, {"job", "a"}});
  CHECK(batch.timestamps_ms == std::vector<int64_t>{1000, 2000, 3000});
  CHECK(std::signbit(batch.values[1]));
  CHECK(batch.Values(batch.series[1])[0] == 7);
  CHECK(batch.starts.empty());
}

TEST_CASE("starts come with samples, or for the whole series", "[protocol]") {
  Sender sender;
  rw::TimeSeries& own = sender.Series({{"__name__", "a"}});
  Sender::AddSample(own, 1000, 1, 500);
  Sender::AddSample(own, 2000, 2, 500);
  Sender::AddSample(own, 3000, 0, 2500);
  Sender::AddSample(own, 4000, 0);
  rw::TimeSeries& created = sender.Series({{"__name__", "b"}});
  created.set_created_timestamp(700);
  Sender::AddSample(created, 1000, 1);
  Sender::AddSample(created, 2000, 2, 1500);  // its own wins
  Sender::AddSample(created, 3000, 3);
  rw::TimeSeries& histograms = sender.Series({{"__name__", "c"}});
  Sender::AddHistogram(histograms, 1000, 900);
  Sender::AddHistogram(histograms, 2000, 900);
  Sender::AddSample(sender.Series({{"__name__", "d"}}), 1000, 1);
  const auto walked = Walk(sender.request);
  using Runs = model::StartRuns;
  CHECK(StartsOf(walked->batch, 0) == Runs{{1000, 2000, 500},
                                           {3000, 3000, 2500}});
  CHECK(StartsOf(walked->batch, 1) ==
        Runs{{1000, 1000, 700}, {2000, 2000, 1500}, {3000, 3000, 700}});
  CHECK(StartsOf(walked->batch, 2) == Runs{{1000, 2000, 900}});
  CHECK(StartsOf(walked->batch, 3).empty());
}

TEST_CASE("samples of times that no storage keeps have no starts",
          "[protocol]") {
  Sender sender;
  rw::TimeSeries& series = sender.Series({{"__name__", "a"}});
  series.set_created_timestamp(5);
  for (const int64_t at_ms : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1000},
                              model::kTimestampMaxMs + 1, INT64_MAX}) {
    Sender::AddSample(series, at_ms, 1);
  }
  const auto walked = Walk(sender.request);
  CHECK(walked->batch.values.size() == 6);
  CHECK(StartsOf(walked->batch, 0) == model::StartRuns{{0, 1000, 5}});
}

TEST_CASE("histograms of 2.0 are those of 1.0, bad ones are counted",
          "[protocol]") {
  Sender sender;
  rw::TimeSeries& series = sender.Series({{"__name__", "h"}});
  Sender::AddHistogram(series, 1000);
  Sender::AddHistogram(series, 2000, 1500);
  series.mutable_histograms(0)->set_count_int(1);  // fewer than its buckets
  const auto walked = Walk(sender.request);
  const SampleBatch& batch = walked->batch;
  REQUIRE(batch.series.size() == 1);
  CHECK(batch.series[0].bad_histograms == 1);
  REQUIRE(batch.series[0].histograms == 1);
  CHECK(batch.histogram_timestamps_ms[0] == 2000);
  const auto read = model::ParseHistogramBytes(batch.histograms[0]);
  REQUIRE(read.ok());
  CHECK(read->count == 3);
  CHECK(read->sum == 2.5);
  CHECK(read->buckets == std::vector<uint64_t>{2});
  CHECK(StartsOf(batch, 0) == model::StartRuns{{2000, 2000, 1500}});
}

TEST_CASE("exemplars of 2.0 have labels of symbols and a time", "[protocol]") {
  Sender sender;
  const uint32_t name = sender.Symbol("trace_id");
  const uint32_t value = sender.Symbol("abc");
  const uint32_t large = sender.Symbol(std::string(2000, 'x'));
  rw::TimeSeries& series = sender.Series({{"__name__", "up"}});
  Sender::AddSample(series, 1000, 1);
  Sender::AddSample(series, 2000, 1);
  for (const uint32_t text : {value, large, value}) {
    rw::Exemplar& exemplar = *series.add_exemplars();
    exemplar.add_labels_refs(name);
    exemplar.add_labels_refs(text);
    exemplar.set_value(0.5);
  }
  series.mutable_exemplars(2)->set_timestamp(1500);
  const auto walked = Walk(sender.request);
  const auto exemplars = walked->batch.Exemplars(walked->batch.series[0]);
  REQUIRE(exemplars.size() == 2);  // the large one is left out
  CHECK(exemplars[0].timestamp_ms == 2000);
  CHECK(exemplars[1].timestamp_ms == 1500);
  CHECK(exemplars[0].value == 0.5);
  std::string canonical;
  model::AppendCanonicalBytes(canonical,
                              model::LabelSet({{"trace_id", "abc"}}));
  CHECK(exemplars[0].labels == canonical);
}

// A request of one series with `count` exemplars of `label_bytes` of label,
// which take six bytes each.
rw::Request WithExemplars(int count, size_t label_bytes, int series_count = 1) {
  Sender sender;
  const uint32_t name = sender.Symbol("trace_id");
  const uint32_t value = sender.Symbol(std::string(label_bytes, 'x'));
  for (int i = 0; i < series_count; ++i) {
    rw::TimeSeries& series = sender.Series({{"__name__", "up"}});
    for (int j = 0; j < count; ++j) {
      rw::Exemplar& exemplar = *series.add_exemplars();
      exemplar.add_labels_refs(name);
      exemplar.add_labels_refs(value);
    }
  }
  return sender.request;
}

TEST_CASE("exemplars of a series are bounded, by labels and by number",
          "[protocol]") {
  const auto few = Walk(WithExemplars(500, 1000));
  REQUIRE(few->status.ok());
  CHECK(few->batch.exemplars.size() == 500);
  for (const auto& [count, label_bytes] :
       {std::pair<int, size_t>{1100, 1000}, {40'000, 1}}) {
    const auto walked = Walk(WithExemplars(count, label_bytes));
    CHECK(walked->status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(base::Message(walked->status)
              .find("exemplars of more than 1048576 bytes") !=
          std::string::npos);
    CHECK(walked->batch.exemplars.size() < 40'000);
  }
}

TEST_CASE("exemplars of all series are bounded, and those of a part",
          "[protocol]") {
  const std::string body = WithExemplars(900, 1000, 1300).SerializeAsString();
  CHECK(body.size() < 12 << 20);
  CHECK(base::Message(CheckBody<RemoteWrite2Walker>(body))
            .find("all time series have more than 1073741824 bytes") !=
        std::string::npos);
  SampleBatch batch;
  const auto more = RemoteWrite2Walker(body).Next(batch, SIZE_MAX);
  REQUIRE(more.ok());
  CHECK(*more);
  CHECK(batch.exemplars.size() < 20 * 900);  // 16 MiB of labels, one more
}

TEST_CASE("a batch knows which of its columns is large", "[protocol]") {
  SampleBatch batch;
  CHECK(batch.rows_capacity() == 0);
  batch.values.reserve(10);
  CHECK(batch.rows_capacity() == 10);
  batch.exemplars.reserve(20);
  CHECK(batch.rows_capacity() == 20);
  batch.histograms.reserve(30);
  CHECK(batch.rows_capacity() == 30);
  batch.starts.reserve(40);
  CHECK(batch.rows_capacity() == 40);
  batch.form = IdentityForm::kOfReader;
  batch.Clear();
  CHECK(batch.rows_capacity() == 40);
  // A thread keeps its batch for requests of other protocols.
  CHECK(batch.form == IdentityForm::kCanonical);
}

TEST_CASE("metadata of 2.0 is the metric's and told once", "[protocol]") {
  Sender sender;
  const uint32_t help = sender.Symbol("Seconds it took.");
  const uint32_t unit = sender.Symbol("seconds");
  for (const char* name : {"took_bucket", "took_count", "took_sum", "up"}) {
    rw::TimeSeries& series = sender.Series({{"__name__", name}});
    Sender::AddSample(series, 1000, 1);
    const bool gauge = std::string(name) == "up";
    series.mutable_metadata()->set_type(gauge ? 2 : 3);
    if (gauge) continue;
    series.mutable_metadata()->set_help_ref(help);
    series.mutable_metadata()->set_unit_ref(unit);
  }
  Sender::AddSample(sender.Series({{"__name__", "bare"}}), 1000, 1);
  const auto walked = Walk(sender.request);
  using model::MetricType;
  CHECK(walked->batch.metadata ==
        std::vector<model::MetricMetadata>{
            {"took", MetricType::kHistogram, "Seconds it took.", "seconds"},
            {"up", MetricType::kGauge, "", ""}});
}

TEST_CASE("references to nothing and half a pair are refused", "[protocol]") {
  const auto refused = [](auto&& damage, std::string_view text) {
    Sender sender;
    rw::TimeSeries& series = sender.Series({{"__name__", "up"}});
    Sender::AddSample(series, 1000, 1);
    damage(series);
    const auto walked = Walk(sender.request);
    CAPTURE(walked->status.ToString());
    CHECK(walked->status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(base::Message(walked->status).find(text) != std::string::npos);
  };
  refused([](auto& series) { series.add_labels_refs(1); }, "not pairs");
  refused([](auto& series) { series.set_labels_refs(1, 3); },
          "symbol 3 of 3");
  refused(
      [](auto& series) {
        auto& exemplar = *series.add_exemplars();
        exemplar.add_labels_refs(1);
        exemplar.add_labels_refs(77);
      },
      "symbol 77 of 3");
  refused([](auto& series) { series.mutable_metadata()->set_help_ref(9); },
          "symbol 9 of 3");
}

TEST_CASE("a body of 1.0 is told to be one", "[protocol]") {
  remote_write_v1::WriteRequest old;
  old.add_timeseries()->add_samples()->set_timestamp(1);
  SampleBatch batch;
  const std::string body = old.SerializeAsString();
  const auto status = RemoteWrite2Walker(body).Next(batch, 10).status();
  CHECK(base::Message(status).find("1.0 message") != std::string::npos);
}

TEST_CASE("long labels of short references are bounded", "[protocol]") {
  Sender sender;
  sender.Symbol(std::string(1 << 19, 'x'));
  rw::TimeSeries& series = sender.Series({});
  for (int i = 0; i < 4; ++i) series.add_labels_refs(1);
  Sender::AddSample(series, 1000, 1);
  const auto walked = Walk(sender.request);
  CHECK(base::Message(walked->status).find("labels of more than 1048576") !=
        std::string::npos);
}

TEST_CASE("a request in parts is the request, symbols wherever they stand",
          "[protocol]") {
  Sender sender;
  for (int i = 0; i < 50; ++i) {
    Sender::AddSample(sender.Series({{"__name__", "up"},
                                     {"n", std::to_string(i)}}),
                      1000 + i, i, i % 2 == 0 ? 77 : 0);
  }
  // The series first: fields of a message may come in any order.
  rw::Request series = sender.request;
  rw::Request symbols = sender.request;
  series.clear_symbols();
  symbols.clear_timeseries();
  const std::string body =
      series.SerializeAsString() + symbols.SerializeAsString();
  const auto whole = Walk(sender.request);
  RemoteWrite2Walker walker(body);
  size_t at = 0;
  for (bool more = true; more;) {
    SampleBatch batch;
    batch.form = RemoteWrite2Walker::kForm;
    const auto next = walker.Next(batch, 7);
    REQUIRE(next.ok());
    more = *next;
    CHECK(batch.series.size() <= 7);
    for (size_t i = 0; i < batch.series.size(); ++i, ++at) {
      CHECK(LabelsOf(batch, i) == LabelsOf(whole->batch, at));
      CHECK(batch.Timestamps(batch.series[i])[0] ==
            1000 + static_cast<int64_t>(at));
      CHECK(StartsOf(batch, i) == StartsOf(whole->batch, at));
    }
  }
  CHECK(at == 50);
}

TEST_CASE("a damaged body of 2.0 is refused or read as something else, whole",
          "[protocol]") {
  Sender sender;
  rw::TimeSeries& series = sender.Series({{"__name__", "up"}, {"job", "a"}});
  Sender::AddSample(series, 1000, 1, 500);
  Sender::AddHistogram(series, 2000, 500);
  series.mutable_metadata()->set_type(1);
  const std::string body = sender.request.SerializeAsString();
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = body;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    if (round % 3 == 0) damaged.resize(random() % damaged.size());
    SampleBatch batch;
    RemoteWrite2Walker walker(damaged);
    const auto next = walker.Next(batch, SIZE_MAX);
    CHECK(CheckBody<RemoteWrite2Walker>(damaged).ok() == next.ok());
  }
}

}  // namespace
}  // namespace varve::protocol
