// Other names for series.
#include <re2/re2.h>

#include <utility>

#include "lib/base/status.h"
#include "lib/graphite/functions.h"

namespace varve::graphite {
namespace {

using Type = ParameterType;

// What one name may take while it is rewritten.
constexpr size_t kRewriteBytesMax = 16 << 20;

absl::StatusOr<SeriesList> AliasAs(Call& call) {
  ASSIGN_OR_RETURN(const std::string name, call.Text("newName"));
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) RETURN_IF_ERROR(Alias(call, one, name));
  return series;
}

absl::StatusOr<SeriesList> AliasByNodes(Call& call, std::string_view nodes) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    RETURN_IF_ERROR(Alias(call, one, NodesText(one, call.All(nodes))));
  }
  return series;
}
absl::StatusOr<SeriesList> AliasByNode(Call& call) {
  return AliasByNodes(call, "nodes");
}
absl::StatusOr<SeriesList> AliasByTags(Call& call) {
  return AliasByNodes(call, "tags");
}

absl::StatusOr<SeriesList> AliasByMetric(Call& call) {
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    const std::string path = FirstPath(one.name);
    RETURN_IF_ERROR(Alias(call, one, path.substr(path.rfind('.') + 1)));
  }
  return series;
}

absl::StatusOr<SeriesList> AliasSub(Call& call) {
  ASSIGN_OR_RETURN(const std::string search, call.Text("search"));
  ASSIGN_OR_RETURN(const std::string replace, call.Text("replace"));
  const RE2 regex(search, RE2::Quiet);
  std::string error;
  if (!regex.ok()) return call.Bad("search", regex.error());
  if (!regex.CheckRewriteString(replace, &error)) {
    return call.Bad("replace", error);
  }
  ASSIGN_OR_RETURN(SeriesList series, call.Series("seriesList"));
  for (Series& one : series) {
    RETURN_IF_ERROR(call.host().CheckAlive());
    // No rewritten name can be longer than this.
    const size_t bytes = (one.name.size() + 1) * (replace.size() + 1);
    if (bytes > kRewriteBytesMax) {
      return base::ResourceExhausted(
          call.name(), " may make a name of ", bytes,
          " bytes; names and replacements as long as that are not taken");
    }
    std::string name = one.name;
    RE2::GlobalReplace(&name, regex, replace);
    RETURN_IF_ERROR(Alias(call, one, std::move(name)));
  }
  return series;
}

// What graphs look like is the dashboard's.
absl::StatusOr<SeriesList> AsItIs(Call& call) {
  return call.Series("seriesList");
}

}  // namespace

const std::vector<FunctionInfo>& NameFunctions() {
  const Parameter series = {"seriesList", Type::kSeries};
  static const std::vector<FunctionInfo> functions = {
      {"alias", "Alias", "Another name.",
       {series, {"newName", Type::kText}},
       AliasAs},
      {"aliasByMetric", "Alias", "The last part of the path.", {series},
       AliasByMetric},
      {"aliasByNode", "Alias", "Parts of the path, or tags.",
       {series, {"nodes", Type::kNode, true, true}},
       AliasByNode},
      {"aliasByTags", "Alias", "Tags, or parts of the path.",
       {series, {"tags", Type::kNode, true, true}},
       AliasByTags},
      {"aliasSub", "Alias", "What a pattern matches in the name replaced.",
       {series, {"search", Type::kText}, {"replace", Type::kText}},
       AliasSub},
      {"color", "Graph", "The series as they are.",
       {series, {"theColor", Type::kText}},
       AsItIs},
      {"lineWidth", "Graph", "The series as they are.",
       {series, {"width", Type::kNumber}},
       AsItIs},
      {"secondYAxis", "Graph", "The series as they are.", {series}, AsItIs},
  };
  return functions;
}

}  // namespace varve::graphite
