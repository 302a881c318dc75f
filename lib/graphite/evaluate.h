// Evaluates a target of Graphite's render API over series from somewhere.
//
// Functions are those of functions(); each is one row of a table with its
// parameters, so that arguments are bound and checked in one place.
//
// Errors:  InvalidArgument for what the target asks for (an unknown function
//          or parameter, a missing argument), whatever the host says else.
// Threads: an evaluation belongs to one thread.
// Source:  graphite.readthedocs.io "Functions".
#ifndef VARVE_LIB_GRAPHITE_EVALUATE_H_
#define VARVE_LIB_GRAPHITE_EVALUATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/graphite/series.h"
#include "lib/graphite/target.h"
#include "lib/model/matcher.h"

namespace varve::graphite {

// Where series come from, and what bounds the work on them.
class Host {
 public:
  virtual ~Host() = default;
  // The series that `matchers` select, on `grid`, sorted by name.
  virtual absl::StatusOr<SeriesList> Fetch(const model::Matchers& matchers,
                                           const Grid& grid) = 0;
  // Before so many bytes more are held, up to the end of the request.
  virtual absl::Status Charge(int64_t bytes) = 0;
  // An error once the request is to end.
  virtual absl::Status CheckAlive() = 0;
};

struct EvaluateOptions {
  Grid grid;
  int64_t points_max = 1'000'000;  // -search.graphiteMaxPointsPerSeries
  double x_files_factor = 0;       // of series that have none of their own
};

absl::StatusOr<SeriesList> Evaluate(const Target& target,
                                    const EvaluateOptions& options,
                                    Host& host);

enum class ParameterType : uint8_t {
  kSeries,
  kNumber,
  kText,
  kInterval,  // "5min", or a number of points where the function says so
  kNode,      // a number of a part of the path, or a tag
  kAggregation,
  kBool,
  kAny,  // series or a number
};

struct Parameter {
  const char* name;
  ParameterType type;
  bool required = true;
  bool multiple = false;  // takes all arguments that are left
};

class Call;
using Function = absl::StatusOr<SeriesList> (*)(Call& call);

struct FunctionInfo {
  const char* name;
  const char* group;
  const char* description;
  std::vector<Parameter> parameters;
  Function run;
};

// All there are, sorted by name.
const std::vector<const FunctionInfo*>& Functions();
const FunctionInfo* FindFunction(std::string_view name);

// One call under way, as its function sees it.
class Call {
 public:
  Call(const Target& target, const EvaluateOptions& options, Host& host)
      : target_(target), options_(options), host_(host) {}

  // Before the function runs; InvalidArgument for arguments it has not.
  absl::Status Bind(const FunctionInfo& function);

  const std::string& name() const { return target_.text; }
  const EvaluateOptions& options() const { return options_; }
  const Grid& grid() const { return options_.grid; }
  Host& host() { return host_; }

  bool Has(std::string_view parameter) const;
  // All series of all its arguments. `earlier_ms`, `later_ms`: how much more
  // than the grid they are to cover.
  absl::StatusOr<SeriesList> Series(std::string_view parameter,
                                    int64_t earlier_ms = 0,
                                    int64_t later_ms = 0);
  // As it is written; nullptr where it is not.
  const Target* Argument(std::string_view parameter) const;
  const std::vector<const Target*>& All(std::string_view parameter) const;
  absl::StatusOr<double> Number(std::string_view parameter) const;
  absl::StatusOr<double> NumberOr(std::string_view parameter,
                                  double otherwise) const;
  // A count of things: a whole number from 0 to a million.
  absl::StatusOr<size_t> CountOr(std::string_view parameter,
                                 size_t otherwise) const;
  absl::StatusOr<std::string> Text(std::string_view parameter) const;
  absl::StatusOr<std::string> TextOr(std::string_view parameter,
                                     std::string_view otherwise) const;
  absl::StatusOr<bool> BoolOr(std::string_view parameter, bool otherwise) const;
  absl::StatusOr<Aggregation> AggregationOr(std::string_view parameter,
                                            Aggregation otherwise) const;
  absl::Status Bad(std::string_view parameter, std::string_view why) const;

 private:
  const Target& target_;
  const EvaluateOptions& options_;
  Host& host_;
  const FunctionInfo* function_ = nullptr;
  std::vector<std::vector<const Target*>> bound_;  // as parameters
};

}  // namespace varve::graphite

#endif  // VARVE_LIB_GRAPHITE_EVALUATE_H_
