#include "tests/simulation/checker.h"

#include <algorithm>
#include <bit>
#include <map>

#include "lib/base/status.h"

namespace varve::simulation {

int Copies::Disks() const {
  uint32_t with_rows = 0;
  for (const size_t place : rows) with_rows |= 1u << place;
  uint32_t others = 0;
  for (const auto& [holder, owner] : hints) {
    others |= 1u << holder | 1u << owner;
  }
  // Of all sets of disks that leave nothing the smallest: all with rows, and of
  // each hint its holder or its owner.
  int fewest = std::popcount(with_rows | others);
  others &= ~with_rows;
  for (uint32_t some = others;; some = (some - 1) & others) {
    const uint32_t lost = with_rows | some;
    const bool all = std::all_of(hints.begin(), hints.end(), [&](const auto& h) {
      return (lost >> h.first & 1) != 0 || (lost >> h.second & 1) != 0;
    });
    if (all) fewest = std::min(fewest, std::popcount(lost));
    if (some == 0) break;
  }
  return fewest;
}

Copies Checker::CopiesOf(int64_t number) const {
  Copies copies;
  const std::set<size_t>& list = cluster_.reader.list;
  for (const size_t place : list) {
    if (cluster_.places[place].disk->samples.contains(number)) {
      copies.rows.insert(place);
    }
  }
  for (const size_t holder : list) {
    for (const auto& [key, log] : cluster_.places[holder].disk->hints.logs()) {
      for (const size_t owner : list) {
        if (cluster_.places[owner].disk->node_id == key.first &&
            !copies.rows.contains(owner) && log.Holds(number)) {
          copies.hints.insert({holder, owner});
        }
      }
    }
  }
  return copies;
}

std::string Checker::HoldersText(int64_t number) const {
  const Copies copies = CopiesOf(number);
  std::string text = ", which is at";
  for (const size_t i : copies.rows) {
    base::StrAppend(&text, " ", cluster_.places[i].address);
  }
  for (const auto& [holder, owner] : copies.hints) {
    base::StrAppend(&text, " ", cluster_.places[holder].address, " for ",
                    cluster_.places[owner].address);
  }
  return base::StrCat(text, ",");
}

void Checker::Acknowledged(const Batch& batch, bool rows_incomplete) {
  const auto factor = static_cast<size_t>(cluster_.options.replication_factor);
  const size_t claimed = rows_incomplete
                             ? static_cast<size_t>(cluster_.copies_min())
                             : factor;
  for (const int64_t number : batch) {
    std::set<size_t> places;
    bool read_by_any = false;
    for (size_t i = 0; i < cluster_.places.size(); ++i) {
      const Disk& disk = *cluster_.places[i].disk;
      if (disk.samples.contains(number)) {
        places.insert(i);
        read_by_any = true;
      }
      for (const auto& [key, log] : disk.hints.logs()) {
        if (log.Holds(number)) places.insert(i);
      }
    }
    if (places.size() < claimed || !read_by_any) {
      return Fail(base::StrCat(cluster_.history.Text(number),
                               " is acknowledged with ", places.size(), " of ",
                               claimed, " copies",
                               read_by_any ? "" : ", of which none is read"));
    }
    Sample& sample = cluster_.history.sample(number);
    if (sample.acknowledged && !sample.lost) continue;
    const int disks = CopiesOf(number).Disks();
    sample.acknowledged = true;
    sample.lost = disks == 0;  // by nodes that the writer alone still has
    // More than the writer counts are there by chance: nobody tells of them.
    sample.spare_disks = std::min(disks, static_cast<int>(claimed)) - 1;
    sample.incomplete =
        rows_incomplete || disks < static_cast<int>(factor);
  }
}

void Checker::BeforeLoss() {
  disks_before_.clear();
  for (int64_t number = 1; number <= cluster_.history.size(); ++number) {
    const Sample& sample = cluster_.history.sample(number);
    const bool counts = sample.acknowledged && !sample.lost;
    disks_before_.push_back(counts ? CopiesOf(number).Disks() : 0);
  }
}

void Checker::AfterLoss(int disks_lost) {
  for (int64_t number = 1; number <= cluster_.history.size(); ++number) {
    Sample& sample = cluster_.history.sample(number);
    if (!sample.acknowledged || sample.lost) continue;
    const int disks = CopiesOf(number).Disks();
    if (disks == disks_before_[static_cast<size_t>(number - 1)]) continue;
    sample.incomplete = true;
    sample.spare_disks -= disks_lost;
    if (disks > 0) continue;
    sample.lost = true;
    if (sample.spare_disks >= 0) {
      Fail(base::StrCat(cluster_.history.Text(number),
                        " is lost, though fewer disks are than had it"));
    }
  }
}

std::set<size_t> Checker::Answering() const {
  std::set<size_t> answering;
  for (const size_t i : cluster_.reader.list) {
    if (cluster_.network.Reaches(cluster_.reader.name,
                                 cluster_.places[i].address)) {
      answering.insert(i);
    }
  }
  return answering;
}

bool Checker::MayBeMissing(int64_t number, const std::set<size_t>& answering,
                           bool reliable) const {
  const Sample& sample = cluster_.history.sample(number);
  if (sample.spare_disks < 0) return true;
  if (!sample.incomplete) return false;
  // Its copies may have been made while it was read.
  if (!reliable) return true;
  const Copies copies = CopiesOf(number);
  const auto factor = static_cast<size_t>(cluster_.options.replication_factor);
  return copies.rows.size() < factor &&
         std::none_of(copies.rows.begin(), copies.rows.end(),
                      [&](size_t i) { return answering.contains(i); }) &&
         !AllHeard(number, copies.rows, answering);
}

bool Checker::AllHeard(int64_t number, const std::set<size_t>& holders,
                       const std::set<size_t>& answering) const {
  return std::all_of(answering.begin(), answering.end(), [&](size_t i) {
    return std::any_of(holders.begin(), holders.end(), [&](size_t holder) {
      return cluster_.places[i].node->HeardOrTells(
          cluster_.places[holder].disk->node_id, number);
    });
  });
}

bool Checker::MayBePartial(const model::TimeRange& range,
                           const std::set<size_t>& answering) const {
  const auto factor = static_cast<size_t>(cluster_.options.replication_factor);
  const size_t failed = cluster_.reader.list.size() - answering.size();
  if (failed >= factor) return true;
  if (failed == 0) return false;
  std::set<uint64_t> lacking;
  for (const size_t i : answering) {
    const auto missed = cluster_.places[i].node->kept().MissedIn(range);
    if (!missed.ok()) return false;
    for (const storenode::MissedSpan& one : *missed) {
      // Of a ring short of members: who tells of it may lack rows of it too.
      if (one.owner == 0) return true;
      lacking.insert(one.owner);
    }
  }
  std::set<uint64_t> ids;
  for (const size_t i : answering) {
    ids.insert(cluster_.places[i].disk->node_id);
  }
  const auto all_answer = [&ids](const auto& nodes) {
    return std::all_of(nodes.begin(), nodes.end(),
                       [&ids](uint64_t id) { return ids.contains(id); });
  };
  proto::Coverage::NewestRing ring;
  size_t lack = 0;
  for (const size_t i : answering) {
    const Place& place = cluster_.places[i];
    proto::Coverage told;
    if (!place.node->kept().ring_coverage().Tell(range, told).ok()) {
      return false;
    }
    lack += lacking.contains(place.disk->node_id) ||
            !all_answer(told.lacks_without());
    if (told.newest_ring().last_ms() > ring.last_ms()) {
      ring = told.newest_ring();
    }
  }
  return failed + lack + MembersGone(ring) >= factor;
}

// Members of the ring that are at no address of the reader, as it knows them.
size_t Checker::MembersGone(const proto::Coverage::NewestRing& ring) const {
  std::set<uint64_t> known;
  size_t unknown = 0;
  for (const auto& [place, node] : cluster_.reader.nodes) {
    if (!cluster_.reader.list.contains(place)) continue;
    const uint64_t id = node->health.node_id.load();
    known.insert(id);
    unknown += id == 0;
  }
  const auto gone = static_cast<size_t>(
      std::count_if(ring.members().begin(), ring.members().end(),
                    [&known](uint64_t id) { return !known.contains(id); }));
  return gone - std::min(gone, unknown);
}

void Checker::Read(const model::TimeRange& range, bool one_copy,
                   bool reliable) {
  ++reads_;
  const Answer answer =
      cluster_.Read(cluster_.reader, range, one_copy);
  const std::set<size_t> answering = Answering();
  const std::string how =
      base::StrCat(one_copy ? "a read of one copy" : "a read of all copies",
                   " from ", answering.size(), " of ",
                   cluster_.reader.list.size(), " nodes: ");
  if (!answer.invented.empty()) {
    return Fail(base::StrCat(how, "never written was ", answer.invented));
  }
  for (const auto& [number, times] : answer.samples) {
    if (times != 1) {
      return Fail(base::StrCat(how, cluster_.history.Text(number), " came ",
                               times, " times"));
    }
  }
  if (!answer.status.ok()) {
    if (reliable && !answering.empty()) {
      Fail(base::StrCat(how, base::Message(answer.status)));
    }
    return;
  }
  if (answer.outcome.is_partial) {
    ++partial_;
    if (reliable && !MayBePartial(range, answering)) {
      Fail(base::StrCat(how, "partial without a reason"));
    }
    return;
  }
  for (int64_t number = 1; number <= cluster_.history.size(); ++number) {
    const Sample& sample = cluster_.history.sample(number);
    if (!sample.acknowledged || sample.lost || sample.at_ms < range.start_ms ||
        sample.at_ms > range.end_ms || answer.samples.contains(number)) {
      continue;
    }
    if (!MayBeMissing(number, answering, reliable)) {
      return Fail(base::StrCat(how, cluster_.history.Text(number),
                               HoldersText(number),
                               " is missing, and the answer is not partial"));
    }
    ++excused_;
  }
}

bool Checker::KnowsOfCopy(const Place& place, int64_t number) const {
  const auto rings = place.node->kept().Rings();
  if (!rings.ok()) return false;
  std::map<std::string, std::pair<int64_t, uint64_t>> at;  // time and node
  for (const proto::Ring& ring : rings->rings()) {
    for (const proto::Ring::Member& one : ring.members()) {
      auto& [last_ms, node_id] = at[one.address()];
      if (ring.last_ms() < last_ms) continue;
      last_ms = ring.last_ms();
      node_id = one.node_id();
    }
  }
  const Copies copies = CopiesOf(number);
  return std::any_of(
      copies.rows.begin(), copies.rows.end(), [&](size_t i) {
        const Place& with_rows = cluster_.places[i];
        return at[with_rows.address].second == with_rows.disk->node_id;
      });
}

void Checker::CheckOwners(int64_t number) {
  const Sample& sample = cluster_.history.sample(number);
  const auto view = cluster_.writers[0].writer->View();
  const uint16_t slot =
      AllSeries()[static_cast<size_t>(sample.series)].slot;
  for (const uint16_t member : view->ring->Owners(slot)) {
    const uint64_t owner = view->ring->members()[member].node_id;
    for (const Place& place : cluster_.places) {
      if (place.disk->node_id != owner ||
          place.disk->samples.contains(number) || !KnowsOfCopy(place, number)) {
        continue;
      }
      return Fail(base::StrCat("after repair ", place.address, " lacks ",
                               cluster_.history.Text(number),
                               HoldersText(number)));
    }
  }
}

void Checker::CheckMissed(size_t i) {
  const auto missed = cluster_.places[i].node->kept().Missed();
  if (!missed.ok()) return Fail("MISSED records cannot be read");
  const auto is_there = [this](uint64_t node_id) {
    return std::any_of(cluster_.reader.list.begin(),
                       cluster_.reader.list.end(), [&](size_t place) {
                         return cluster_.places[place].disk->node_id == node_id;
                       });
  };
  for (const proto::Missed& one : *missed) {
    // Nothing strikes out those that no hints make up for; hints of and for a
    // node that is lost are never done (docs/operations.md).
    if (one.hint_log() == 0 || !is_there(one.owner()) ||
        !is_there(one.hint_holder())) {
      continue;
    }
    return Fail(base::StrCat(
        cluster_.places[i].address, " still has a MISSED record of node ",
        one.owner(), " and hints ", one.hint_log(), " at node ",
        one.hint_holder()));
  }
}

void Checker::Whole() {
  for (int64_t number = 1; number <= cluster_.history.size(); ++number) {
    Sample& sample = cluster_.history.sample(number);
    if (!sample.acknowledged || sample.lost) continue;
    CheckOwners(number);
    if (failed()) return;
    // It has all copies again.
    const int disks = CopiesOf(number).Disks();
    sample.spare_disks =
        std::min(disks, cluster_.options.replication_factor) - 1;
    sample.incomplete = disks < cluster_.options.replication_factor;
  }
  for (const size_t i : cluster_.reader.list) CheckMissed(i);
}

}  // namespace varve::simulation
