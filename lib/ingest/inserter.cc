#include "lib/ingest/inserter.h"

#include <simdjson.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

#include "lib/base/byte_coding.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/protocol/series_labels.h"
#include "lib/wire/features.h"

namespace varve::ingest {
namespace {

constexpr size_t kNamedBytesMax = 300;

// Between two lines of the log about series rejected for one reason.
constexpr int64_t kLogRejectedMs = 10'000;

// The labels as text, cut when long.
std::string SeriesText(const std::vector<model::Label>& labels) {
  std::string text = "{";
  for (const model::Label& label : labels) {
    base::StrAppend(&text, text.size() == 1 ? "" : ",", label.name, "=\"",
                    label.value, "\"");
    if (text.size() > kNamedBytesMax) break;
  }
  if (text.size() <= kNamedBytesMax) return text + "}";
  size_t end = kNamedBytesMax;
  // Not within a UTF-8 sequence.
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

}  // namespace

// The scratch of one Store; kept by its thread for the next.
struct Inserter::Work {
  const InsertTenant* tenant = nullptr;
  const std::vector<model::Label>* extra_labels = nullptr;
  std::shared_ptr<const SeriesRules> rules;
  uint64_t rules_generation = 0;
  TenantNow limits;  // of `tenant`; those of labels have their own
  std::vector<base::Hash128> keys;
  std::vector<base::Hash128> symbol_hashes;
  std::vector<base::Hash128> gathered_hashes;  // of some series
  std::vector<SeriesEntry> entries;
  std::vector<std::string_view> labels;  // canonical, where resolved
  std::vector<uint32_t> changed;         // entries to keep in the table
  std::vector<model::TenantId> tenants;  // of each series, if of labels
  // By key the first series that was resolved, which those that come with the
  // same bytes later in the batch share.
  absl::flat_hash_map<base::Hash128, uint32_t> resolved;
  std::vector<uint32_t> first_of;  // of each series; empty: none repeats
  std::vector<cluster::SeriesRows> rows;
  TakenMetadata metadata;
  std::vector<cluster::MetadataRows> shared_metadata;  // by tenant
  uint64_t features = 0;  // of the nodes written to
  bool too_many_active = false;
  std::deque<cluster::OtherRows> others;  // of those rows
  bool may_reject = false;  // some series is refused or has histograms
  std::vector<model::Label> parsed;
  std::string canonical;
  protocol::Arena arena;

  void Start(size_t series) {
    keys.resize(series);
    entries.assign(series, SeriesEntry{});
    labels.assign(series, {});
    changed.clear();
    tenants.assign(tenant->in_labels ? series : 0, {});
    resolved.clear();
    first_of.clear();
    rows.clear();
    metadata = {};
    too_many_active = false;
    may_reject = false;
    arena.Clear();
  }
  // Series i is as an earlier one with its bytes; false when it is the first.
  bool TakeRepeat(size_t i) {
    const auto at = static_cast<uint32_t>(i);
    const auto [found, is_first] = resolved.try_emplace(keys[i], at);
    if (is_first) return false;
    const uint32_t first = found->second;
    entries[i] = entries[first];
    entries[i].reserved = false;
    labels[i] = labels[first];
    if (!tenants.empty()) tenants[i] = tenants[first];
    if (first_of.empty()) {
      first_of.resize(keys.size());
      std::iota(first_of.begin(), first_of.end(), 0);
    }
    first_of[i] = first;
    return true;
  }
  cluster::SeriesRoute& RouteOf(size_t i) {
    return entries[first_of.empty() ? i : first_of[i]].route;
  }
};

Inserter::Inserter(cluster::Writer* writer, const InserterOptions& options)
    : writer_(writer),
      options_(options),
      table_(options.table_entries_max, options.copies, *options.clock),
      limits_(
          {.series = options.limits},
          [this](uint16_t owner) { return table_.active(owner); },
          options.metrics, options.clock),
      metadata_(*options.metrics),
      rules_(std::make_shared<SeriesRules>(
          SeriesRuleParts{.prometheus_names = options.prometheus_names,
                          .relabeling = nullptr})) {
  telemetry::Metrics& metrics = *options.metrics;
  for (size_t i = 0; i < kRejections; ++i) {
    log_rejected_.emplace_back(kLogRejectedMs);
  }
  for (size_t i = 1; i < kRejections; ++i) {
    if (static_cast<Rejection>(i) == Rejection::kDroppedByRelabeling) continue;
    rejected_rows_[i] = &metrics.AddCounter(
        "vm_rows_ignored_total",
        {{"reason", std::string(ReasonOf(static_cast<Rejection>(i)))}});
  }
  for (size_t i = 1; i < refused_rows_.size(); ++i) {
    refused_rows_[i] = &metrics.AddCounter(
        "vm_rows_ignored_total",
        {{"reason",
          std::string(model::RefusalReason(static_cast<model::Refusal>(i)))}});
  }
  relabel_dropped_ = &metrics.AddCounter("vm_relabel_metrics_dropped_total");
  const auto type = telemetry::MetricLabels{{"type", "insert/series"}};
  metrics.AddCallback(this, "vm_cache_entries", type,
                      [this] { return static_cast<double>(table_.size()); });
  metrics.AddCallback(this, "vm_cache_size_bytes", type,
                      [this] { return static_cast<double>(table_.bytes()); });
  metrics.AddCallback(this, "varve_series_table_evictions_total", {}, [this] {
    return static_cast<double>(table_.evictions());
  });
}

Inserter::~Inserter() { options_.metrics->RemoveCallbacks(this); }

void Inserter::ChangeRules(
    const std::function<void(SeriesRuleParts&)>& change) {
  std::shared_ptr<const SeriesRules> old;  // ends without the lock
  {
    base::MutexLock lock(mutex_);
    SeriesRuleParts parts = rules_->parts();
    change(parts);
    old = std::exchange(rules_,
                        std::make_shared<const SeriesRules>(std::move(parts)));
    ++rules_generation_;
  }
  // Not left to fade out: their places among the active series are needed.
  table_.Forget(0);
}

absl::Status Inserter::LoadTenantLimits(std::string_view yaml) {
  ASSIGN_OR_RETURN(const std::vector<uint16_t> owners, limits_.Load(yaml));
  // Each is a walk over the table, holding a shard at a time.
  constexpr size_t kWalksMax = 8;
  if (owners.size() > kWalksMax) {
    table_.Forget(0);
  } else {
    for (const uint16_t owner : owners) table_.Forget(owner);
  }
  return absl::OkStatus();
}

void Inserter::TakeRules(Work& work) const {
  base::MutexLock lock(mutex_);
  work.rules = rules_;
  work.rules_generation = rules_generation_;
}

// A series' key is the hash over those of its symbols, each of which is hashed
// once a batch.
void Inserter::HashSymbolRefs(const protocol::SampleBatch& batch,
                              Work& work) const {
  work.symbol_hashes.clear();
  work.symbol_hashes.reserve(batch.symbols.size());
  for (const std::string_view symbol : batch.symbols) {
    work.symbol_hashes.push_back(hash_(symbol));
  }
  // Many series are gathered before the first is hashed: wide loads of what
  // was stored in halves just before wait until it has left for the cache.
  constexpr size_t kHashesAhead = 1'024;
  std::vector<base::Hash128>& gathered = work.gathered_hashes;
  for (size_t first = 0, end = 0; first < batch.series.size(); first = end) {
    gathered.clear();
    for (; end < batch.series.size() && gathered.size() < kHashesAhead; ++end) {
      const std::string_view refs = batch.series[end].identity;
      for (size_t at = 0; at < refs.size(); at += sizeof(uint32_t)) {
        gathered.push_back(
            work.symbol_hashes[base::LoadLe<uint32_t>(refs.data() + at)]);
      }
    }
    const char* from = reinterpret_cast<const char*>(gathered.data());
    for (size_t i = first; i < end; ++i) {
      const size_t bytes = batch.series[i].identity.size() / sizeof(uint32_t) *
                           sizeof(base::Hash128);
      work.keys[i] = hash_({from, bytes});
      from += bytes;
    }
  }
  // An unusual request's megabytes are not kept by its thread.
  constexpr size_t kHashesKept = 1 << 16;
  if (work.symbol_hashes.capacity() > kHashesKept) work.symbol_hashes = {};
  if (gathered.capacity() > kHashesKept) gathered = {};
}

void Inserter::Hash(const protocol::SampleBatch& batch, Work& work) const {
  // Tenant, form, extra labels, rules and limits change what bytes mean.
  std::string context;
  model::AppendTenantKey(context, work.tenant->tenant.id);
  base::PutLengthPrefixed(context, work.tenant->tenant.name);
  context.push_back(static_cast<char>(work.tenant->in_labels));
  context.push_back(static_cast<char>(batch.form));
  base::PutLengthPrefixed(context, batch.identity_context);
  base::PutVarint(context, work.rules_generation);
  base::PutVarint(context, work.limits.labels_generation);
  for (const model::Label& label : *work.extra_labels) {
    base::PutLengthPrefixed(context, label.name);
    base::PutLengthPrefixed(context, label.value);
  }
  // Twice: who sends a context's bytes as an identity must not know the mask.
  const base::Hash128 once = hash_(context);
  const base::Hash128 mask =
      hash_({reinterpret_cast<const char*>(&once), sizeof(once)});
  if (batch.form == protocol::IdentityForm::kSymbolRefs) {
    HashSymbolRefs(batch, work);
  } else {
    for (size_t i = 0; i < batch.series.size(); ++i) {
      work.keys[i] = hash_(batch.series[i].identity);
    }
  }
  // Not above: g++ makes one 16-byte operation of it, which waits for the two
  // halves just stored, so that hashes of neighbours do not overlap.
  for (base::Hash128& key : work.keys) {
    key.high ^= mask.high;
    key.low ^= mask.low;
  }
}

Rejection Inserter::Check(const Work& work, const TenantNow& tenant,
                          SeriesEntry& entry) {
  const SeriesLimits& limits = tenant.limit->series;
  const Rejection why = CheckSeries(work.parsed, limits);
  const uint16_t owner = tenant.use->owner;
  if (why != Rejection::kNone || owner == 0 || entry.owner == owner) return why;
  if (!table_.Reserve(owner, limits.active_series_max)) {
    return Rejection::kTooManyActiveSeries;
  }
  entry.owner = owner;
  entry.reserved = true;
  return Rejection::kNone;
}

absl::Status Inserter::Resolve(const protocol::SampleBatch& batch, size_t i,
                               Work& work) {
  if (work.TakeRepeat(i)) return absl::OkStatus();
  SeriesEntry& entry = work.entries[i];
  RETURN_IF_ERROR(
      protocol::ReadSeriesLabels(batch, batch.series[i], work.parsed));
  const bool in_labels = work.tenant->in_labels;
  model::TenantId tenant = work.tenant->tenant.id;
  entry.rejection = work.rules->Apply(*work.extra_labels, work.parsed,
                                      in_labels ? &tenant : nullptr);
  if (in_labels) work.tenants[i] = tenant;
  if (entry.rejection == Rejection::kNone) {
    entry.rejection = Check(
        work, in_labels ? limits_.Of({tenant, ""}) : work.limits, entry);
  }
  entry.known = true;
  if (entry.rejection == Rejection::kTooManyActiveSeries) {
    // Not kept: what a tenant may not add shall not push other series out.
    work.too_many_active = true;
    return absl::OkStatus();
  }
  // By its owner the table knows whose a series of a multitenant request is;
  // one without is looked at each time.
  if (!in_labels || entry.owner != 0) {
    work.changed.push_back(static_cast<uint32_t>(i));
  }
  if (entry.rejection != Rejection::kNone) return absl::OkStatus();
  // Before a LabelSet sees them: of x="1",x="" it would keep the last, none.
  std::erase_if(work.parsed,
                [](const model::Label& label) { return label.value.empty(); });
  const model::LabelSet labels(std::move(work.parsed));
  work.canonical.clear();
  model::AppendCanonicalBytes(work.canonical, labels);
  entry.slot = model::SlotOf(model::HashSeries(tenant, work.canonical));
  work.labels[i] = work.arena.Copy(work.canonical);
  return absl::OkStatus();
}

const cluster::OtherRows* Inserter::TakeOthers(
    const protocol::SampleBatch& batch, const protocol::BatchSeries& series,
    uint64_t features, Work& work) {
  if (series.histograms + series.exemplars + series.starts == 0) return nullptr;
  // An older node stores what it knows without what it does not.
  cluster::OtherRows others;
  if ((features & wire::kFeatureHistograms) != 0) {
    others.histogram_timestamps_ms = batch.HistogramTimestamps(series);
    others.histograms = batch.Histograms(series);
  }
  if ((features & wire::kFeatureExemplars) != 0) {
    others.exemplars = batch.Exemplars(series);
  }
  if ((features & wire::kFeatureStarts) != 0) {
    others.starts = batch.Starts(series);
  }
  return &work.others.emplace_back(others);
}

absl::Status Inserter::Prepare(const protocol::SampleBatch& batch,
                               const cluster::WriteView& view, Work& work) {
  work.rows.clear();
  work.others.clear();
  for (size_t i = 0; i < batch.series.size(); ++i) {
    SeriesEntry& entry = work.entries[i];
    const protocol::BatchSeries& series = batch.series[i];
    const bool unplaced = entry.rejection == Rejection::kNone &&
                          work.labels[i].empty() && !view.Fits(entry.route);
    if (!entry.known || unplaced) RETURN_IF_ERROR(Resolve(batch, i, work));
    work.may_reject = work.may_reject || entry.rejection != Rejection::kNone ||
                      series.histograms + series.bad_histograms > 0;
    if (entry.rejection != Rejection::kNone) continue;
    const cluster::OtherRows* const others =
        TakeOthers(batch, series, view.features, work);
    if (series.rows == 0 &&
        (others == nullptr ||
         (others->histograms.empty() && others->exemplars.empty()))) {
      continue;
    }
    work.rows.push_back({.tenant = work.tenant->in_labels
                                       ? work.tenants[i]
                                       : work.tenant->tenant.id,
                         .route = &work.RouteOf(i),
                         .labels = work.labels[i],
                         .timestamps_ms = batch.Timestamps(series),
                         .values = batch.Values(series),
                         .others = others,
                         .slot = entry.slot});
  }
  return absl::OkStatus();
}

void Inserter::Reject(const protocol::SampleBatch& batch, size_t i,
                      Rejection why, int64_t rows, const Work& work,
                      InsertOutcome& outcome) {
  rejected_rows_[static_cast<size_t>(why)]->Add(rows);
  const TenantNow whose = work.tenant->in_labels
                              ? limits_.Of({work.tenants[i], ""})
                              : work.limits;
  limits_.CountIgnored(whose, why, rows);
  outcome.rows_rejected += rows;
  ++outcome.series_rejected;
  if (outcome.rejected_series != nullptr) {
    outcome.rejected_series->push_back(static_cast<uint32_t>(i));
  }
  if (outcome.rejected.size() >= kRejectedNamed) return;
  std::vector<model::Label> labels;
  // Resolve has read them without error.
  (void)protocol::ReadSeriesLabels(batch, batch.series[i], labels);
  model::TenantId tenant;
  (void)work.rules->Apply(*work.extra_labels, labels,
                          work.tenant->in_labels ? &tenant : nullptr);
  const bool told =
      why == Rejection::kBadNativeHistogram && !batch.bad_histogram.empty();
  std::string text = base::StrCat(
      told ? batch.bad_histogram : Explain(why, labels, whose.limit->series),
      ": ", SeriesText(labels));
  // Labels that are not UTF-8 must not make the answer so.
  if (!simdjson::validate_utf8(text)) {
    for (char& c : text) {
      if (static_cast<uint8_t>(c) >= 0x80) c = '?';
    }
  }
  if (log_rejected_[static_cast<size_t>(why)].Due()) {
    base::LogWarn("a series of tenant ", whose.use->text,
                  " is not stored: ", text);
  }
  outcome.rejected.push_back(std::move(text));
}

void Inserter::Tell(const protocol::SampleBatch& batch, const Work& work,
                    InsertOutcome& outcome) {
  for (const cluster::SeriesRows& rows : work.rows) {
    const auto count = static_cast<int64_t>(rows.size());
    if (rows.refused == model::Refusal::kNone) {
      outcome.rows_stored += count;
      if (work.tenant->in_labels) outcome.tenant_rows[rows.tenant] += count;
      outcome.samples_stored += static_cast<int64_t>(rows.values.size());
      if (rows.others == nullptr) continue;
      outcome.histograms_stored +=
          static_cast<int64_t>(rows.others->histograms.size());
      outcome.exemplars_stored +=
          static_cast<int64_t>(rows.others->exemplars.size());
    } else {
      refused_rows_[static_cast<size_t>(rows.refused)]->Add(count);
    }
  }
  if (!work.may_reject) return;
  for (size_t i = 0; i < batch.series.size(); ++i) {
    const Rejection why = work.entries[i].rejection;
    const protocol::BatchSeries& series = batch.series[i];
    const int64_t histograms = series.histograms + series.bad_histograms;
    if (why == Rejection::kDroppedByRelabeling) {
      relabel_dropped_->Increment();
    } else if (why != Rejection::kNone) {
      Reject(batch, i, why, series.rows + histograms, work, outcome);
    } else if (histograms > 0 &&
               (work.features & wire::kFeatureHistograms) == 0) {
      Reject(batch, i, Rejection::kNativeHistogram, histograms, work, outcome);
    } else if (series.bad_histograms > 0) {
      Reject(batch, i, Rejection::kBadNativeHistogram, series.bad_histograms,
             work, outcome);
    }
  }
}

absl::Status Inserter::Write(const protocol::SampleBatch& batch, Work& work) {
  const model::Tenant* const named = work.tenant->tenant.name.empty()
                                         ? nullptr
                                         : &work.tenant->tenant;
  if (options_.metadata) {
    metadata_.Take(batch,
                   static_cast<size_t>(
                       work.limits.limit->series.label_value_bytes_max),
                   work.metadata);
  }
  absl::Status status;
  int64_t unshared = 0;
  for (int attempt = 0; attempt < cluster::kWriteAttemptsMax; ++attempt) {
    const auto view = writer_->View();
    RETURN_IF_ERROR(view->status);
    RETURN_IF_ERROR(Prepare(batch, *view, work));
    work.features = view->features;
    work.shared_metadata.clear();
    if ((view->features & wire::kFeatureMetadata) != 0) {
      unshared = MetadataShare::Share(work.metadata, *work.tenant, work.rows,
                                      work.shared_metadata);
    }
    if (!work.rows.empty() || !work.shared_metadata.empty()) {
      status = writer_->Write(*view, work.rows, work.shared_metadata, named,
                              attempt + 1 == cluster::kWriteAttemptsMax,
                              batch.accept_ms);
    }
    if (status.code() == absl::StatusCode::kFailedPrecondition) continue;
    metadata_.CountUnshared(unshared);
    return status;
  }
  return base::Unavailable(base::Message(status));
}

absl::Status Inserter::Store(const InsertTenant& tenant,
                             const std::vector<model::Label>& extra_labels,
                             const protocol::SampleBatch& batch,
                             InsertOutcome& outcome) {
  static thread_local Work work;
  work.tenant = &tenant;
  work.Start(batch.series.size());
  work.extra_labels = &extra_labels;
  const uint64_t epoch = table_.epoch();  // before what it is about
  work.limits = limits_.Of(tenant.tenant);
  TakeRules(work);
  Hash(batch, work);
  table_.Lookup(work.keys, work.entries);
  if (tenant.in_labels) limits_.TenantsOf(work.entries, work.tenants);
  const absl::Status status = Write(batch, work);
  // Definitions made by a write that failed later hold all the same, and
  // places reserved are the table's to give back.
  if (!work.changed.empty()) {
    table_.Store(epoch, work.keys, work.entries, work.changed);
  }
  if (work.too_many_active) table_.DropUnused();
  RETURN_IF_ERROR(status);
  Tell(batch, work, outcome);
  if (!work.shared_metadata.empty()) {
    outcome.metadata_stored += static_cast<int64_t>(work.metadata.entries.size());
  }
  return absl::OkStatus();
}

}  // namespace varve::ingest
