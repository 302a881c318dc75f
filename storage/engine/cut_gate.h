// Keeps a cut of the head between two log records.
//
// Appenders pass the gate with the log append and the head append of one
// record; a cut closes it, waits for those inside, and so sees exactly the
// records below the log's end in the frozen generation. A waiting cut is
// served first: a read-preferring shared mutex would starve it under load.
//
// Threads: all members from any thread; no passing twice by one thread.
#ifndef VARVE_STORAGE_ENGINE_CUT_GATE_H_
#define VARVE_STORAGE_ENGINE_CUT_GATE_H_

#include "lib/base/mutex.h"

namespace varve::storage {

class CutGate {
 public:
  class Pass {
   public:
    explicit Pass(CutGate& gate) : gate_(gate) { gate_.Enter(); }
    ~Pass() { gate_.Leave(); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    CutGate& gate_;
  };

  class Closed {
   public:
    explicit Closed(CutGate& gate) : gate_(gate) { gate_.Close(); }
    ~Closed() { gate_.Open(); }
    Closed(const Closed&) = delete;
    Closed& operator=(const Closed&) = delete;

   private:
    CutGate& gate_;
  };

 private:
  void Enter() {
    base::MutexLock lock(mutex_);
    while (closed_) changed_.Wait(lock);
    ++inside_;
  }
  void Leave() {
    base::MutexLock lock(mutex_);
    if (--inside_ == 0 && closed_) changed_.NotifyAll();
  }
  void Close() {
    base::MutexLock lock(mutex_);
    while (closed_) changed_.Wait(lock);
    closed_ = true;
    while (inside_ > 0) changed_.Wait(lock);
  }
  void Open() {
    base::MutexLock lock(mutex_);
    closed_ = false;
    changed_.NotifyAll();
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  bool closed_ GUARDED_BY(mutex_) = false;
  int inside_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_CUT_GATE_H_
