// Calls in the order in which their answers come.
//
// Threads: belongs to the thread of the calls.
#ifndef VARVE_LIB_CLUSTER_READY_CALLS_H_
#define VARVE_LIB_CLUSTER_READY_CALLS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/base/mutex.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

class ReadyCalls {
 public:
  // REQUIRES: nothing of the calls was read. They outlive it.
  explicit ReadyCalls(std::span<const std::unique_ptr<rpc::Call>> calls);

  // A call that was not given before: one that can be read without waiting,
  // or any, once `stop` says so, which is asked often. nullopt: all were given.
  std::optional<size_t> Next(const std::function<bool()>& stop);

 private:
  // Shared with the calls' callbacks.
  struct Signal {
    base::Mutex mutex;
    base::CondVar changed;
  };

  const std::span<const std::unique_ptr<rpc::Call>> calls_;
  const std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  std::vector<size_t> left_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_READY_CALLS_H_
