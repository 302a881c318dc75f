#include "tests/simulation/cluster.h"

#include <algorithm>

#include "lib/base/status.h"

namespace varve::simulation {

Cluster::Cluster(const ClusterOptions& cluster_options, Random* random,
                 telemetry::Metrics* metrics, base::ThreadPool* pool)
    : options(cluster_options),
      network(&clock, random),
      random_(*random),
      metrics_(*metrics),
      pool_(*pool) {
  std::set<size_t> all;
  for (int i = 0; i < options.nodes; ++i) all.insert(AddPlace());
  writers.resize(static_cast<size_t>(options.writers));
  for (size_t i = 0; i < writers.size(); ++i) {
    writers[i].name = base::StrCat("writer", i);
    writers[i].list = all;
    Restart(writers[i]);
  }
  reader.name = "reader";
  reader.list = all;
  Restart(reader);
  network.kill = [this](const std::string& address) {
    for (size_t i = 0; i < places.size(); ++i) {
      if (places[i].address == address) Kill(i);
    }
  };
}

size_t Cluster::AddPlace() {
  const size_t i = places.size();
  Place& place = places.emplace_back();
  place.address = base::StrCat("s", i);
  place.disk = std::make_unique<Disk>(++ids_);
  Start(i);
  return i;
}

void Cluster::Start(size_t i) {
  Place& place = places[i];
  place.node = std::make_unique<StorageNode>(
      place.disk.get(), place.address, random_.Next(), &network, &metrics_);
  network.Run(place.address, place.node.get());
}

void Cluster::Kill(size_t i) {
  network.Run(places[i].address, nullptr);
  places[i].node.reset();
}

void Cluster::Wipe(size_t i) {
  Kill(i);
  places[i].disk = std::make_unique<Disk>(++ids_);
  Start(i);
}

void Cluster::SetList(Client& client, const std::set<size_t>& list) {
  client.list = list;
  std::erase_if(client.nodes,
                [&](const auto& one) { return !list.contains(one.first); });
  std::vector<std::shared_ptr<const cluster::Node>> nodes;
  for (const size_t i : list) {
    auto& node = client.nodes[i];
    if (node == nullptr) {
      node = std::make_shared<const cluster::Node>(
          places[i].address, "",
          network.Dial(client.name, places[i].address));
    }
    nodes.push_back(node);
  }
  if (client.set == nullptr) {
    client.set = std::make_unique<cluster::NodeSet>(std::move(nodes));
  } else {
    client.set->Replace(std::move(nodes));
  }
}

void Cluster::Restart(WriterProcess& process) {
  process.writer.reset();
  process.set.reset();
  process.nodes.clear();
  process.routes.fill({});
  SetList(process, std::set<size_t>(process.list));
  process.writer = std::make_unique<cluster::Writer>(
      process.set.get(),
      cluster::WriterOptions{
          .replication_factor = options.replication_factor,
          .copies_min = options.copies_min,
          .hint_age_max = absl::Milliseconds(options.hint_age_max_ms),
          .metrics = &metrics_,
          .clock = &clock});
}

void Cluster::Restart(ReaderProcess& process) {
  process.reader.reset();
  process.set.reset();
  process.nodes.clear();
  SetList(process, std::set<size_t>(process.list));
  process.reader = std::make_unique<cluster::Reader>(
      process.set.get(),
      cluster::ReaderOptions{
          .replication_factors = {{"", options.replication_factor}},
          .pool = &pool_,
          .clock = &clock});
}

absl::Status Cluster::Write(WriterProcess& process, const Batch& batch) {
  struct Columns {
    std::vector<int64_t> timestamps_ms;
    std::vector<double> values;
  };
  std::map<int, Columns> columns;
  for (const int64_t number : batch) {
    const Sample& sample = history.sample(number);
    columns[sample.series].timestamps_ms.push_back(sample.at_ms);
    columns[sample.series].values.push_back(static_cast<double>(number));
  }
  absl::Status status;
  for (int attempt = 0; attempt < cluster::kWriteAttemptsMax; ++attempt) {
    const auto view = process.writer->View();
    RETURN_IF_ERROR(view->status);
    std::vector<cluster::SeriesRows> rows;
    for (const auto& [i, of_series] : columns) {
      const SeriesName& name = AllSeries()[static_cast<size_t>(i)];
      cluster::SeriesRoute& route = process.routes[static_cast<size_t>(i)];
      const bool known = view->Fits(route);
      rows.push_back({.route = &route,
                      .labels = known ? std::string_view() : name.labels,
                      .timestamps_ms = of_series.timestamps_ms,
                      .values = of_series.values,
                      .slot = name.slot});
    }
    status = process.writer->Write(
        *view, rows, {}, nullptr, attempt + 1 == cluster::kWriteAttemptsMax);
    if (status.code() != absl::StatusCode::kFailedPrecondition) return status;
  }
  return base::Unavailable(base::Message(status));
}

Answer Cluster::Read(ReaderProcess& process, const model::TimeRange& range,
                     bool one_copy) {
  Answer answer;
  cluster::ReadRequest request;
  request.range = range;
  request.one_copy = one_copy;
  const auto collect = [&](const cluster::MergedSeries& series) {
    const int i = SeriesOf(series.labels);
    for (size_t n = 0; n < series.samples.size(); ++n) {
      const double value = series.samples.values[n];
      const int64_t at_ms = series.samples.timestamps_ms[n];
      const auto number = static_cast<int64_t>(value);
      if (static_cast<double>(number) != value || !history.Has(number) ||
          history.sample(number).series != i ||
          history.sample(number).at_ms != at_ms || at_ms < range.start_ms ||
          at_ms > range.end_ms) {
        answer.invented = base::StrCat(value, " at ", at_ms, " of series ", i);
        continue;
      }
      ++answer.samples[number];
    }
  };
  auto merge = process.reader->Search(request);
  answer.status = merge.status();
  std::vector<cluster::MergedSeries> batch;
  while (answer.status.ok()) {
    answer.status = (*merge)->Next(batch);
    if (!answer.status.ok() || batch.empty()) break;
    for (const cluster::MergedSeries& series : batch) collect(series);
  }
  // As query::ClusterSource: series of the plan had been given out.
  if (one_copy && absl::IsAborted(answer.status)) {
    return Read(process, range, false);
  }
  if (answer.status.ok()) answer.outcome = (*merge)->outcome();
  return answer;
}

std::vector<std::string> Cluster::Texts() const {
  std::vector<std::string> texts;
  for (const Place& place : places) {
    std::string text =
        base::StrCat(place.address, " is node ", place.disk->node_id,
                     place.node == nullptr ? ", down;" : ";", " it has ",
                     place.disk->samples.size(), " samples");
    for (const auto& [key, log] : place.disk->hints.logs()) {
      base::StrAppend(&text, "; hints ", key.second, " of ",
                      log.records.size(), " records for node ", key.first);
    }
    for (const auto& [key, value] : place.disk->state) {
      proto::Missed missed;
      proto::Ring ring;
      if (key.starts_with(storage::kMissedStatePrefix) &&
          missed.ParseFromString(value)) {
        base::StrAppend(&text, "; node ", missed.owner(), " lacks rows of ",
                        missed.slots_size(), " slots from ", missed.start_ms(),
                        " to ", missed.end_ms(), ", hints ",
                        missed.hint_log());
      } else if (key.starts_with(storage::kRingStatePrefix) &&
                 ring.ParseFromString(value)) {
        base::StrAppend(&text, "; ring at ", ring.last_ms(), " of");
        for (const proto::Ring::Member& one : ring.members()) {
          base::StrAppend(&text, " ", one.node_id(), "@", one.address());
        }
      }
    }
    texts.push_back(std::move(text));
  }
  return texts;
}

int Cluster::Reached(const Client& client) const {
  return static_cast<int>(
      std::count_if(client.list.begin(), client.list.end(), [&](size_t i) {
        return network.Reaches(client.name, places[i].address);
      }));
}

int64_t Cluster::rows_incomplete() const {
  return metrics_
      .AddCounter("vm_rpc_rows_incompletely_replicated_total",
                  {{"name", "vminsert"}})
      .value();
}

int Cluster::copies_min() const {
  return options.copies_min != 0
             ? options.copies_min
             : std::max(1, options.replication_factor - 1);
}

}  // namespace varve::simulation
