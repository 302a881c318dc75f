#include "cmd/inspect/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "cmd/inspect/comparison.h"
#include "cmd/inspect/select_reader.h"
#include "lib/base/clock.h"
#include "lib/base/flags.h"
#include "lib/base/status.h"
#include "net/tcp/event_loop.h"
#include "net/tcp/transport.h"

namespace varve::inspect {
namespace {

enum ExitCode { kAlike = 0, kDiffer = 1, kNotCompared = 2 };
using Kind = PartComparison::Kind;

// Holds a series at a time.
constexpr int64_t kMemoryBytesMin = 8 << 10;

struct CompareFlags {
  explicit CompareFlags(base::FlagSet& flags)
      : start(flags.String("start", "0",
                           "First time: Unix seconds or RFC 3339")),
        end(flags.String("end", "",
                         "Last time, as -start. Now by default: give an "
                         "earlier one while data comes in")),
        match(flags.List("match", "",
                         "Selectors of the series; by default all that have "
                         "a name")),
        tenant(flags.List("tenant", "",
                          "Tenants, by number or name; by default all of "
                          "both /admin/tenants. For URLs without one")),
        show(flags.Int("show", 10,
                       "How many series of each kind of difference are shown, "
                       "and samples of each")),
        memory(flags.Bytes("memory", "512MiB",
                           "For what is held of both sides at a time; with "
                           "less, more is asked for twice")),
        timeout(flags.Duration("timeout", "1h", "For one answer")),
        user(flags.String("httpAuth.username", "",
                          "Asked for by both sides' -httpAuth.username")),
        password(flags.Secret("httpAuth.password",
                              "Goes with -httpAuth.username")),
        bearer_token(flags.Secret("bearerToken",
                                  "Sent to both sides in Authorization")) {}

  const base::StringFlag& start;
  const base::StringFlag& end;
  const base::ListFlag& match;
  const base::ListFlag& tenant;
  const base::IntFlag& show;
  const base::BytesFlag& memory;
  const base::DurationFlag& timeout;
  const base::StringFlag& user;
  const base::StringFlag& password;
  const base::StringFlag& bearer_token;
};

absl::StatusOr<int64_t> ParseTime(const base::StringFlag& flag) {
  const std::string& text = flag.value();
  double seconds = 0;
  absl::Time time;
  std::string error;
  int64_t ms = -1;
  if (absl::SimpleAtod(text, &seconds)) {
    constexpr double kSecondsMax = model::kTimestampMaxMs / 1000;
    if (seconds >= 0 && seconds <= kSecondsMax) {
      ms = std::llround(seconds * 1000);
    }
  } else if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    ms = absl::ToUnixMillis(time);
  }
  if (ms >= 0 && ms <= model::kTimestampMaxMs) return ms;
  return base::InvalidArgument("-", flag.name(), "=", text,
                               ": expected Unix seconds or RFC 3339 from 1970 "
                               "to 2262");
}

class Comparer {
 public:
  Comparer(SelectReader a, SelectReader b, model::TimeRange range,
           std::vector<std::string> matches, size_t show,
           int64_t memory_bytes)
      : a_(std::move(a)),
        b_(std::move(b)),
        range_(range),
        matches_(std::move(matches)),
        show_(show),
        table_bytes_max_(memory_bytes * 3 / 8),
        series_max_(static_cast<size_t>(memory_bytes / 4) / kTallyBytes) {}

  // Of both sides' tenants where `tenants` is empty. True: alike.
  absl::StatusOr<bool> Run(std::vector<std::string> tenants) {
    if (a_.has_tenant() && b_.has_tenant()) {
      tenants = {""};
    } else if (tenants.empty()) {
      ASSIGN_OR_RETURN(tenants, BothTenants());
    }
    for (const std::string& tenant : tenants) {
      RETURN_IF_ERROR(CompareTenant(tenant));
    }
    std::printf("%s: %zu tenants, %lld and %lld series, %lld and %lld "
                "samples\n",
                total_.alike() ? "ALIKE" : "DIFFERENT", tenants.size(),
                Long(total_.series_a), Long(total_.series_b),
                Long(total_.samples_a), Long(total_.samples_b));
    return total_.alike();
  }

 private:
  static long long Long(int64_t value) { return value; }

  absl::StatusOr<std::vector<std::string>> BothTenants() const {
    if (a_.has_tenant() || b_.has_tenant()) {
      return base::InvalidArgument(
          "one URL has a tenant and the other none: name it by -tenant");
    }
    std::set<std::string> all;
    ASSIGN_OR_RETURN(const std::vector<std::string> of_a, a_.Tenants());
    all.insert(of_a.begin(), of_a.end());
    ASSIGN_OR_RETURN(const std::vector<std::string> of_b, b_.Tenants());
    all.insert(of_b.begin(), of_b.end());
    return std::vector<std::string>(all.begin(), all.end());
  }

  absl::Status CompareTenant(const std::string& tenant) {
    ComparisonCounts counts;
    std::vector<DifferingSeries> examples[3];
    // Of what is still to be compared; the last is next.
    std::vector<SeriesPart> parts = {{}};
    while (!parts.empty()) {
      const SeriesPart part = parts.back();
      parts.pop_back();
      PartComparison comparison(show_);
      ASSIGN_OR_RETURN(const bool fits,
                       ComparePart(tenant, part, comparison));
      if (!fits) {
        parts.push_back(part.SecondHalf());
        parts.push_back(part.FirstHalf());
        continue;
      }
      counts.Add(comparison.Counts());
      for (const Kind kind : {Kind::kOnlyA, Kind::kOnlyB, Kind::kDiffer}) {
        auto& shown = examples[static_cast<size_t>(kind)];
        for (auto& one : comparison.Examples(kind, show_)) {
          shown.push_back(std::move(one));
        }
        std::ranges::sort(shown, {}, &DifferingSeries::labels);
        if (shown.size() > show_) shown.resize(show_);
      }
    }
    total_.Add(counts);
    if (counts.alike()) return absl::OkStatus();
    if (!tenant.empty()) std::printf("tenant %s\n", tenant.c_str());
    for (const Kind kind : {Kind::kOnlyA, Kind::kOnlyB, Kind::kDiffer}) {
      for (const auto& one : examples[static_cast<size_t>(kind)]) {
        std::fputs(ExampleText(one, kind).c_str(), stdout);
      }
    }
    std::printf("series: %lld only in A, %lld only in B, %lld differ; "
                "samples: %lld only in A, %lld only in B, %lld of another "
                "value\n",
                Long(counts.series_only_a), Long(counts.series_only_b),
                Long(counts.series_differ), Long(counts.samples_only_a),
                Long(counts.samples_only_b), Long(counts.samples_differ));
    return absl::OkStatus();
  }

  // False: the part has too many series.
  absl::StatusOr<bool> ComparePart(const std::string& tenant, SeriesPart part,
                                   PartComparison& comparison) const {
    std::vector<model::TimeRange> spans = {range_};  // as `parts`
    while (!spans.empty()) {
      const model::TimeRange span = spans.back();
      spans.pop_back();
      SampleTable a(part, table_bytes_max_), b(part, table_bytes_max_);
      RETURN_IF_ERROR(a_.Export(tenant, span, matches_, a));
      if (!a.full()) RETURN_IF_ERROR(b_.Export(tenant, span, matches_, b));
      if (a.full() || b.full()) {
        if (span.start_ms == span.end_ms) return false;
        const int64_t middle_ms =
            span.start_ms + (span.end_ms - span.start_ms) / 2;
        spans.push_back({middle_ms + 1, span.end_ms});
        spans.push_back({span.start_ms, middle_ms});
        continue;
      }
      a.Sort();
      b.Sort();
      if (!comparison.Add(a, b, series_max_)) return false;
    }
    return true;
  }

  const SelectReader a_, b_;
  const model::TimeRange range_;
  const std::vector<std::string> matches_;
  const size_t show_;
  const int64_t table_bytes_max_;  // there are two
  const size_t series_max_;
  ComparisonCounts total_;
};

absl::StatusOr<bool> CompareUrls(const std::string& url_a,
                                 const std::string& url_b,
                                 const CompareFlags& flags) {
  model::TimeRange range;
  ASSIGN_OR_RETURN(range.start_ms, ParseTime(flags.start));
  range.end_ms = base::SystemClock().NowMs();
  if (!flags.end.value().empty()) {
    ASSIGN_OR_RETURN(range.end_ms, ParseTime(flags.end));
  }
  if (range.start_ms > range.end_ms) {
    return base::InvalidArgument("-start=", flags.start.value(),
                                 " is after -end=", flags.end.value());
  }
  if (flags.show.value() < 0) {
    return base::InvalidArgument("-show=", flags.show.value(),
                                 ": expected 0 or more");
  }
  if (flags.memory.value() < kMemoryBytesMin) {
    return base::InvalidArgument("-memory=", flags.memory.value(),
                                 ": expected ", kMemoryBytesMin,
                                 " bytes or more");
  }
  if (!flags.user.value().empty() && !flags.bearer_token.value().empty()) {
    return base::InvalidArgument(
        "-httpAuth.username and -bearerToken: expected one of them");
  }
  std::vector<std::string> matches = flags.match.value();
  if (matches.empty()) matches = {"{__name__!=\"\"}"};
  net::EventLoop loop;
  net::Transport transport(&loop, {.enable_ipv6 = true});
  const SelectAccess access = {.user = flags.user.value(),
                               .password = flags.password.value(),
                               .bearer_token = flags.bearer_token.value(),
                               .timeout = flags.timeout.value()};
  ASSIGN_OR_RETURN(SelectReader a,
                   SelectReader::Make(&transport, url_a, access));
  ASSIGN_OR_RETURN(SelectReader b,
                   SelectReader::Make(&transport, url_b, access));
  return Comparer(std::move(a), std::move(b), range, std::move(matches),
                  static_cast<size_t>(flags.show.value()),
                  flags.memory.value())
      .Run(flags.tenant.value());
}

}  // namespace

int Compare(int argc, char** argv) {
  base::FlagSet flags("varve-inspect compare");
  const CompareFlags options(flags);
  // The URLs stand before, between or behind flags in the form -name=value.
  std::vector<std::string> urls, args;
  for (int i = 0; i < argc; ++i) {
    const std::string arg = argv[i];
    (arg.starts_with("-") ? args : urls).push_back(arg);
  }
  int exit_code = -1;
  const absl::Status parsed = flags.Parse(args, &exit_code);
  if (parsed.ok() && exit_code == 0) {
    std::fputs(flags.HelpText().c_str(), stdout);
    return 0;
  }
  absl::StatusOr<bool> alike = base::InvalidArgument(
      "compare: expected two URLs and flags in the form -name=value");
  if (!parsed.ok()) {
    alike = parsed;
  } else if (urls.size() == 2) {
    alike = CompareUrls(urls[0], urls[1], options);
  }
  if (!alike.ok()) {
    std::fprintf(stderr, "varve-inspect: %s\n",
                 std::string(base::Message(alike.status())).c_str());
    return kNotCompared;
  }
  return *alike ? kAlike : kDiffer;
}

}  // namespace varve::inspect
