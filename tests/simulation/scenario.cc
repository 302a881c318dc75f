#include "tests/simulation/scenario.h"

#include <algorithm>

#include "lib/base/status.h"

namespace varve::simulation {
namespace {

constexpr int64_t kSecondMs = 1'000;
constexpr int64_t kMinuteMs = 60 * kSecondMs;
constexpr int64_t kHourMs = 60 * kMinuteMs;

ClusterOptions OptionsOf(Random& random) {
  ClusterOptions options;
  options.replication_factor = 1 + random.Below(3);
  options.nodes = std::max(2 + random.Below(4), options.replication_factor);
  options.writers = 1 + random.Below(2);
  if (random.Below(3) == 0) options.copies_min = options.replication_factor;
  constexpr int64_t kHintAges[] = {kHourMs, kHourMs, kHourMs, 10 * kMinuteMs,
                                   0};
  options.hint_age_max_ms = kHintAges[random.Below(5)];
  return options;
}

}  // namespace

struct Scenario::Kind {
  int weight;
  void (Scenario::*run)();
};

const std::vector<Scenario::Kind>& Scenario::Kinds() {
  static const std::vector<Kind> kinds = {
      {40, &Scenario::WriteSome},     {4, &Scenario::WriteAgain},
      {3, &Scenario::RestartWriter},  {12, &Scenario::Check},
      {8, &Scenario::CheckSubset},    {2, &Scenario::CheckSteady},
      {8, &Scenario::KillSome},       {9, &Scenario::StartSome},
      {2, &Scenario::WipeSome},       {7, &Scenario::CutSome},
      {6, &Scenario::HealSome},       {2, &Scenario::HealAll},
      {5, &Scenario::ChangeWeather},  {3, &Scenario::FillHints},
      {18, &Scenario::PassTime},      {24, &Scenario::WorkOfSome},
      {4, &Scenario::DeliverLate},    {2, &Scenario::AddNode},
      {2, &Scenario::RemoveNode},     {4, &Scenario::FollowList},
      {3, &Scenario::ShrinkReaderList}, {1, &Scenario::Calm},
  };
  return kinds;
}

Scenario::Scenario(uint64_t seed, telemetry::Metrics* metrics,
                   base::ThreadPool* pool)
    : random_(seed),
      cluster_(OptionsOf(random_), &random_, metrics, pool),
      checker_(&cluster_) {
  list_ = cluster_.reader.list;
  cluster_.network.interrupt = [this] { WorkOfSome(); };
  const ClusterOptions& options = cluster_.options;
  Say(base::StrCat(options.nodes, " nodes, ", options.writers,
                   " writers, replication factor ", options.replication_factor,
                   ", copies_min ", cluster_.copies_min(), ", hints for ",
                   options.hint_age_max_ms / kMinuteMs, " min"));
}

void Scenario::Run() {
  // Writers know their nodes first, as they do within -storageNode's grace.
  for (WriterProcess& one : cluster_.writers) (void)one.writer->View();
  const int steps = 30 + random_.Below(50);
  for (int i = 0; i < steps && !checker_.failed(); ++i) Step();
  if (!checker_.failed()) Calm();
  if (!checker_.failed()) CheckWhole();
}

void Scenario::Step() {
  static const int all = [] {
    int sum = 0;
    for (const Kind& kind : Kinds()) sum += kind.weight;
    return sum;
  }();
  int draw = random_.Below(all);
  for (const Kind& kind : Kinds()) {
    draw -= kind.weight;
    if (draw >= 0) continue;
    (this->*kind.run)();
    // Nodes do that all the time.
    for (Place& place : cluster_.places) {
      if (place.node != nullptr && !place.node->busy()) place.node->Hear(cluster_.history.size());
    }
    return;
  }
}

void Scenario::Say(const std::string& text) {
  steps_.push_back(base::StrCat("at ", cluster_.clock.NowMs(), ": ", text));
}

size_t Scenario::AnyPlace() {
  return static_cast<size_t>(
      random_.Below(static_cast<int>(cluster_.places.size())));
}

WriterProcess& Scenario::AnyWriter() {
  return cluster_.writers[static_cast<size_t>(
      random_.Below(static_cast<int>(cluster_.writers.size())))];
}

std::string Scenario::AnyCaller() {
  switch (random_.Below(4)) {
    case 0:
      return cluster_.reader.name;
    case 1:
      return cluster_.places[AnyPlace()].address;
    default:
      return AnyWriter().name;
  }
}

Batch Scenario::NewBatch() {
  Batch batch;
  const int64_t now_ms = cluster_.clock.NowMs();
  const int series = 1 + random_.Below(6);
  const int first = random_.Below(kSeries);
  for (int i = 0; i < series; ++i) {
    const int64_t age_max_ms =
        random_.Below(8) == 0 ? 5 * kHourMs : 2 * kMinuteMs;
    const int64_t number = cluster_.history.Add(
        (first + i) % kSeries, now_ms - random_.Between(0, age_max_ms));
    if (number != 0) batch.push_back(number);
  }
  return batch;
}

absl::Status Scenario::Write(WriterProcess& writer, const Batch& batch) {
  const int64_t incomplete = cluster_.rows_incomplete();
  const absl::Status status = cluster_.Write(writer, batch);
  std::string samples;
  for (const int64_t number : batch) base::StrAppend(&samples, " ", number);
  Say(base::StrCat(writer.name, " writes", samples, ": ",
                   status.ok() ? "stored" : base::Message(status)));
  if (status.ok()) {
    acknowledged_ += static_cast<int64_t>(batch.size());
    checker_.Acknowledged(batch, cluster_.rows_incomplete() > incomplete);
  }
  return status;
}

void Scenario::WriteSome() {
  cluster_.network.weather = weather_;
  last_ = NewBatch();
  (void)Write(AnyWriter(), last_);  // a write may fail: CheckSteady
  cluster_.network.weather = {};
}

// By a client that had no answer, or has it twice.
void Scenario::WriteAgain() {
  cluster_.network.weather = weather_;
  if (!last_.empty()) (void)Write(AnyWriter(), last_);
  cluster_.network.weather = {};
}

void Scenario::RestartWriter() {
  WriterProcess& writer = AnyWriter();
  Say(base::StrCat(writer.name, " restarts"));
  cluster_.Restart(writer);
}

void Scenario::Check() {
  const int64_t now_ms = cluster_.clock.NowMs();
  model::TimeRange range{0, now_ms};
  if (random_.Below(3) == 0) {
    range.start_ms = now_ms - random_.Between(0, 6 * kHourMs);
    range.end_ms = range.start_ms + random_.Between(0, 3 * kHourMs);
  }
  const bool one_copy = random_.Below(3) != 0;
  const bool reliable = random_.Below(4) != 0;
  Say(base::StrCat("a read of ", range.start_ms, " to ", range.end_ms,
                   one_copy ? " of one copy" : "",
                   reliable ? "" : ", in this weather"));
  if (!reliable) cluster_.network.weather = weather_;
  checker_.Read(range, one_copy, reliable);
  cluster_.network.weather = {};
}

// With some nodes cut off from the reader.
void Scenario::CheckSubset() {
  std::vector<std::string> cut;
  std::string text = "a read without";
  for (const size_t i : cluster_.reader.list) {
    const std::string& address = cluster_.places[i].address;
    if (random_.Below(3) != 0 ||
        !cluster_.network.Reaches(cluster_.reader.name, address)) {
      continue;
    }
    cluster_.network.Cut(cluster_.reader.name, address);
    cut.push_back(address);
    base::StrAppend(&text, " ", address);
  }
  Say(text);
  checker_.Read({0, cluster_.clock.NowMs()}, random_.Below(2) == 0,
                /*reliable=*/true);
  for (const std::string& address : cut) {
    cluster_.network.Heal(cluster_.reader.name, address);
  }
}

// A node that fails calls is suspended for 30 s at most, after a PING that
// failed once more; so long an id is waited for as well. With nothing failing
// for twice that, as many nodes as copies are needed are enough.
void Scenario::CheckSteady() {
  WriterProcess& writer = AnyWriter();
  for (int i = 0; i < 2; ++i) {
    cluster_.clock.Advance(31 * kSecondMs);
    (void)writer.writer->View();
  }
  if (cluster_.Reached(writer) < cluster_.copies_min()) return;
  last_ = NewBatch();
  const absl::Status status = Write(writer, last_);
  if (status.ok()) return;
  checker_.Refused(base::StrCat(
      writer.name, " reaches ", cluster_.Reached(writer),
      " nodes for a minute, and refuses: ", base::Message(status)));
}

void Scenario::KillSome() {
  // Often several at once: owners with the holders of their hints.
  for (int n = 1 + random_.Below(2); n > 0; --n) {
    const size_t i = AnyPlace();
    if (!cluster_.Runs(i)) continue;
    Say(base::StrCat("kill ", cluster_.places[i].address));
    cluster_.Kill(i);
  }
}

void Scenario::StartSome() {
  for (size_t i = 0; i < cluster_.places.size(); ++i) {
    if (cluster_.Runs(i) || random_.Below(3) == 0) continue;
    Say(base::StrCat("start ", cluster_.places[i].address));
    cluster_.Start(i);
  }
}

void Scenario::WipeSome() {
  const size_t i = AnyPlace();
  checker_.BeforeLoss();
  cluster_.Wipe(i);
  Say(base::StrCat("wipe ", cluster_.places[i].address, ", now node ",
                   cluster_.places[i].disk->node_id));
  checker_.AfterLoss(1);
}

void Scenario::CutSome() {
  const std::string from = AnyCaller();
  const std::string& to = cluster_.places[AnyPlace()].address;
  Say(base::StrCat("cut ", from, " from ", to));
  cluster_.network.Cut(from, to);
}

void Scenario::HealSome() {
  for (int n = 0; n < 3; ++n) {
    const std::string from = AnyCaller();
    const std::string& to = cluster_.places[AnyPlace()].address;
    Say(base::StrCat("heal ", from, " to ", to));
    cluster_.network.Heal(from, to);
  }
}

void Scenario::HealAll() {
  Say("heal all links");
  cluster_.network.HealAll();
}

void Scenario::ChangeWeather() {
  weather_ = {};
  if (random_.Below(2) == 0) weather_.lost = random_.Below(150);
  if (random_.Below(3) == 0) weather_.late = random_.Below(60);
  if (random_.Below(3) == 0) weather_.kills = random_.Below(40);
  if (random_.Below(2) == 0) weather_.interrupted = random_.Below(200);
  Say(base::StrCat("of 1000 calls ", weather_.lost, " are lost, ",
                   weather_.late, " late, ", weather_.kills, " kill, before ",
                   weather_.interrupted, " nodes work"));
}

void Scenario::FillHints() {
  Place& place = cluster_.places[AnyPlace()];
  place.disk->hints.full = !place.disk->hints.full;
  Say(base::StrCat(place.address, place.disk->hints.full
                                      ? " takes no hints"
                                      : " takes hints again"));
}

void Scenario::PassTime() {
  constexpr int64_t kSpans[] = {2 * kSecondMs,   5 * kSecondMs,
                                35 * kSecondMs,  35 * kSecondMs,
                                6 * kMinuteMs,   15 * kMinuteMs,
                                70 * kMinuteMs,  9 * kHourMs};
  cluster_.clock.Advance(random_.Between(1, kSpans[random_.Below(8)]));
}

}  // namespace varve::simulation
