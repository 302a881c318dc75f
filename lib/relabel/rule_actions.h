// What an action needs to be given; rows of the table in rule.cc.
#ifndef VARVE_LIB_RELABEL_RULE_ACTIONS_H_
#define VARVE_LIB_RELABEL_RULE_ACTIONS_H_

#include <string_view>

#include "lib/relabel/rule.h"

namespace varve::relabel {

struct Rule::ActionRow {
  std::string_view name;
  Method method;
  size_t sources_min = 0;
  bool target = false;         // target_label must be there
  bool sources_or_if = false;  // one of the two must be there
  bool by_name = false;        // of __name__, by regex or if
  bool no_sources = false;
  bool no_target = false;
  bool no_regex = false;
  bool graphite = false;  // match and labels must be there
};

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_RULE_ACTIONS_H_
