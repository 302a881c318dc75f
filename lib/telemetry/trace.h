// What a request did, as a tree: each part with its duration and a line of
// text. Filled only when somebody asked for it; a null Trace* is none.
//
// Lifetime: children live as long as their root.
// Threads:  all members from any thread.
#ifndef VARVE_LIB_TELEMETRY_TRACE_H_
#define VARVE_LIB_TELEMETRY_TRACE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/mutex.h"
#include "lib/base/stopwatch.h"

namespace varve::telemetry {

class Trace {
 public:
  explicit Trace(std::string message) : message_(std::move(message)) {}

  // Begins a part of this one. Beyond kChildrenMax all share the last.
  Trace* AddChild(std::string message) {
    base::MutexLock lock(mutex_);
    if (children_.size() < kChildrenMax) {
      children_.emplace_back(std::move(message));
    } else {
      children_.back().Note("and others");
    }
    return &children_.back();
  }
  // A part that was measured elsewhere, and is over.
  Trace* AddDone(std::string message, int64_t duration_us) {
    Trace* const child = AddChild(std::move(message));
    base::MutexLock lock(child->mutex_);
    child->duration_us_ = duration_us;
    return child;
  }
  // Adds ": text" to the message; for what is known at the end.
  void Note(std::string_view text) {
    base::MutexLock lock(mutex_);
    message_.append(": ").append(text);
  }
  // Fixes the duration; the first call counts.
  void End() {
    base::MutexLock lock(mutex_);
    if (duration_us_ < 0) duration_us_ = watch_.ElapsedUs();
  }

  std::string message() const {
    base::MutexLock lock(mutex_);
    return message_;
  }
  // So far, when it has not ended.
  int64_t duration_us() const {
    base::MutexLock lock(mutex_);
    return duration_us_ < 0 ? watch_.ElapsedUs() : duration_us_;
  }
  // fn(const Trace&) for each child, in the order they began.
  template <typename Fn>
  void ForEachChild(const Fn& fn) const {
    size_t count = 0;
    {
      base::MutexLock lock(mutex_);
      count = children_.size();
    }
    for (size_t i = 0; i < count; ++i) fn(Child(i));
  }

 private:
  // A trace is read by people; a query of many parts keeps its memory.
  static constexpr size_t kChildrenMax = 1000;

  const Trace& Child(size_t i) const {
    base::MutexLock lock(mutex_);
    return children_[i];
  }

  const base::Stopwatch watch_;
  mutable base::Mutex mutex_;
  std::string message_ GUARDED_BY(mutex_);
  int64_t duration_us_ GUARDED_BY(mutex_) = -1;
  std::deque<Trace> children_ GUARDED_BY(mutex_);
};

// A part that ends with the scope. With a null parent it does nothing; then
// its text should not be made either: see `on`.
class TraceSpan {
 public:
  TraceSpan(Trace* parent, std::string_view message)
      : trace_(parent == nullptr ? nullptr
                                 : parent->AddChild(std::string(message))) {}
  ~TraceSpan() {
    if (trace_ != nullptr) trace_->End();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

  bool on() const { return trace_ != nullptr; }
  Trace* get() const { return trace_; }
  void Note(std::string_view text) {
    if (trace_ != nullptr) trace_->Note(text);
  }

 private:
  Trace* const trace_;
};

}  // namespace varve::telemetry

#endif  // VARVE_LIB_TELEMETRY_TRACE_H_
