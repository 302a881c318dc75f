// The inverted index on the two data sets of Prometheus' and of our own
// measurements: selectors, new series, disk and memory.
//
//   bazel run -c opt //bench/micro:index_bench -- 5000000 1000000 /some/folder
//
// Arguments: series of H, series of R, a folder for the databases ($TMPDIR).
// H:   Prometheus' HeadPostingForMatchers: {i, n, j}, a fifth of the series
//      with each of five forms of n and j, 10 values of n times series / 50 of i.
// R:   scrape order, 10 labels: name, cluster, namespace, job, instance, pod,
//      node, container, endpoint, mode; 500 series of each target.
// Out: a selector's CPU milliseconds, best and median of 5 runs, and how many
//      series it gives; CPU microseconds of a new series, flushes included.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/micro/bench_report.h"
#include "lib/base/strings.h"
#include "lib/model/label.h"
#include "storage/index/index.h"

namespace varve::storage {
namespace {

using model::MatchType;

const model::TenantId kTenant = model::TenantId::Numeric(0, 0);
constexpr size_t kBatch = 8'192;
constexpr size_t kFlushSeries = 200'000;
constexpr int32_t kDay = 20'000;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

struct Store {
  explicit Store(const std::string& path) {
    std::filesystem::remove_all(path);
    KvOptions options;
    options.path = path;
    options.cache = std::make_shared<KvCache>(256 << 20);
    options.family_options = Index::FamilyOptions;
    options.families = Index::FamilyNames();
    auto opened = KvDb::Open(options);
    Check(opened.status());
    db = *std::move(opened);
    auto made = Index::Open(*db, {});
    Check(made.status());
    index = *std::move(made);
  }

  void Add(const model::LabelSet& labels) {
    canonical.emplace_back();
    model::AppendCanonicalBytes(canonical.back(), labels);
    if (canonical.size() == kBatch) Define();
  }
  void Define() {
    const double begin = bench::CpuNanoseconds();
    std::vector<IndexDefinition> definitions;
    for (const std::string& labels : canonical) {
      definitions.push_back(
          {kTenant, model::HashSeries(kTenant, labels), labels});
    }
    std::vector<IndexDefined> defined;
    Check(index->FindOrCreate(definitions, defined));
    std::vector<uint64_t> ids;
    for (const IndexDefined& one : defined) ids.push_back(one.id);
    index->MarkActive(kTenant, kDay, ids);
    since_flush += canonical.size();
    series += canonical.size();
    canonical.clear();
    if (since_flush >= kFlushSeries) Flush();
    cpu_ns += bench::CpuNanoseconds() - begin;
  }
  void Flush() {
    if (since_flush > ram_series) {
      ram_bytes = index->stats().ram_bytes;
      ram_series = since_flush;
    }
    since_flush = 0;
    Check(index->Flush());
  }
  void Finish(const char* name) {
    Define();
    const double begin = bench::CpuNanoseconds();
    Flush();
    while (db->running_compactions() > 0) {
    }
    cpu_ns += bench::CpuNanoseconds() - begin;
    for (const std::string& family : Index::FamilyNames()) {
      Check(db->CompactRange(*db->Find(family), "", ""));
    }
    const auto n = static_cast<double>(series);
    std::printf("%s: %zu series, %.2f CPU us each with flushes, %.1f B each on "
                "disk, %.1f B each in memory before the flush\n",
                name, series, cpu_ns / n / 1e3,
                static_cast<double>(db->TotalBytes()) / n,
                static_cast<double>(ram_bytes) /
                    static_cast<double>(std::max<size_t>(ram_series, 1)));
  }

  std::unique_ptr<KvDb> db;
  std::unique_ptr<Index> index;
  std::vector<std::string> canonical;
  size_t series = 0;
  size_t since_flush = 0;
  size_t ram_series = 0;
  int64_t ram_bytes = 0;
  double cpu_ns = 0;
};

void Ask(const Store& store, const char* text, const model::Matchers& matchers,
         const DayRange& days = {}) {
  std::array<double, bench::kRuns> ms;
  size_t found = 0;
  for (double& one : ms) {
    const double begin = bench::CpuNanoseconds();
    const auto ids = store.index->Select(kTenant, {&matchers, 1}, days);
    one = (bench::CpuNanoseconds() - begin) / 1e6;
    Check(ids.status());
    found = ids->size();
  }
  std::printf("  %-44s first %9.3f best %9.3f ms %9zu series\n", text, ms[0],
              *std::min_element(ms.begin(), ms.end()), found);
}

void RunH(int64_t series, const std::string& folder) {
  Store store(folder + "/index-bench-h");
  const int64_t values = std::max<int64_t>(series / 50, 1);
  // As Prometheus' benchmark: values are long, so that comparing them costs.
  const std::string suffix = "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd";
  for (int n = 0; n < 10; ++n) {
    const std::string ns = std::to_string(n);
    for (int64_t i = 0; i < values; ++i) {
      const std::string is = std::to_string(i) + suffix;
      store.Add({{"i", is}, {"n", ns}, {"j", "foo"}});
      store.Add({{"i", is}, {"n", ns}, {"j", "bar"}});
      store.Add({{"i", is}, {"n", "0_" + ns}, {"j", "bar"}});
      store.Add({{"i", is}, {"n", "1_" + ns}, {"j", "bar"}});
      store.Add({{"i", is}, {"n", "2_" + ns}, {"j", "foo"}});
    }
  }
  store.Finish("H");
  const model::Matcher n1{MatchType::kEqual, "n", "1"};
  const model::Matcher foo{MatchType::kEqual, "j", "foo"};
  const model::Matcher not2{MatchType::kNotEqual, "i", "2" + suffix};
  const DayRange day{kDay, kDay};
  Ask(store, "n=\"1\"", {n1});
  Ask(store, "n=\"1\",j=\"foo\"", {n1, foo});
  Ask(store, "n=\"1\",j=\"foo\" on a day", {n1, foo}, day);
  Ask(store, "j=\"foo\",n=\"1\"", {foo, n1});
  Ask(store, "n=\"1\",j!=\"foo\"",
      {n1, {MatchType::kNotEqual, "j", "foo"}});
  Ask(store, "i=~\".*\"", {{MatchType::kRegex, "i", ".*"}});
  Ask(store, "i=~\".+\"", {{MatchType::kRegex, "i", ".+"}});
  Ask(store, "i=~\"\"", {{MatchType::kRegex, "i", ""}});
  Ask(store, "n=\"1\",i=~\".*\",i!=\"2\",j=\"foo\"",
      {n1, {MatchType::kRegex, "i", ".*"}, not2, foo});
  Ask(store, "n=\"1\",i=~\"1.+\",j=\"foo\"",
      {n1, {MatchType::kRegex, "i", "1.+"}, foo});
  Ask(store, "n=\"1\",i=~\".+\",i!~\"2.*\",j=\"foo\"",
      {n1, {MatchType::kRegex, "i", ".+"},
       {MatchType::kNotRegex, "i", "2.*"}, foo});
}

void RunR(int64_t series, const std::string& folder) {
  Store store(folder + "/index-bench-r");
  constexpr int64_t kPerTarget = 500;
  constexpr int64_t kModes = 2;
  for (int64_t s = 0; s < series; ++s) {
    const int64_t target = s / kPerTarget;
    const std::string t = std::to_string(target);
    store.Add(
        {{"__name__",
          base::StrCat("metric_", s % kPerTarget / kModes, "_total")},
         {"cluster", base::StrCat("cluster-", target % 3)},
         {"namespace", base::StrCat("namespace-", target % 40)},
         {"job", base::StrCat("job-", target % 20)},
         {"instance", base::StrCat("10.0.", target / 256, ".", target % 256)},
         {"pod", base::StrCat("deployment-", target % 100, "-", t)},
         {"node", base::StrCat("node-", target / 30)},
         {"container", base::StrCat("container-", target % 100)},
         {"endpoint", "http-metrics"},
         {"mode", s % 2 == 0 ? "read" : "write"}});
  }
  store.Finish("R");
  const model::Matcher name{MatchType::kEqual, "__name__", "metric_7_total"};
  const DayRange day{kDay, kDay};
  Ask(store, "name", {name});
  Ask(store, "name on a day", {name}, day);
  Ask(store, "name, instance",
      {name, {MatchType::kEqual, "instance", "10.0.0.3"}});
  Ask(store, "name, job, namespace",
      {name, {MatchType::kEqual, "job", "job-3"},
       {MatchType::kEqual, "namespace", "namespace-3"}});
  Ask(store, "name, mode", {name, {MatchType::kEqual, "mode", "read"}});
  Ask(store, "name, cluster!=, job=~prefix",
      {name, {MatchType::kNotEqual, "cluster", "cluster-1"},
       {MatchType::kRegex, "job", "job-1.*"}});
  Ask(store, "name, pod=~prefix",
      {name, {MatchType::kRegex, "pod", "deployment-1-.*"}});
  Ask(store, "pod=~\".*-1\" (RE2 over all values)",
      {{MatchType::kRegex, "pod", ".*-1"}});
}

}  // namespace
}  // namespace varve::storage

int main(int argc, char** argv) {
  const int64_t h = argc > 1 ? std::atoll(argv[1]) : 5'000;
  const int64_t r = argc > 2 ? std::atoll(argv[2]) : 5'000;
  const char* const tmp = std::getenv("TMPDIR");
  const char* const test_tmp = std::getenv("TEST_TMPDIR");
  const std::string folder = argc > 3              ? argv[3]
                             : test_tmp != nullptr ? test_tmp
                             : tmp != nullptr      ? tmp
                                                   : "/tmp";
  varve::storage::RunH(h, folder);
  varve::storage::RunR(r, folder);
  return 0;
}
