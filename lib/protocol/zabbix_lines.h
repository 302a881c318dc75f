// Item values of Zabbix' connector (real-time export), a JSON object a line.
//
// In:      {"host":{"host":"h","name":"n"},"groups":["g"],"item_tags":
//          [{"tag":"t","value":"v"}],"name":"item","clock":s,"ns":n,"value":1,
//          "type":0}. Type 0 is a float, 3 an unsigned integer; others are no
//          samples.
// Out:     a series with a row a line: the item's name, `host`, `hostname` and
//          `tag_<tag>`, in canonical form.
// Errors:  a bad line, and one of another type, is skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  zabbix.com manual, "Newline-delimited JSON export protocol"; series
//          as VictoriaMetrics has them.
#ifndef VARVE_LIB_PROTOCOL_ZABBIX_LINES_H_
#define VARVE_LIB_PROTOCOL_ZABBIX_LINES_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "lib/protocol/import_reader.h"
#include "lib/protocol/json_items.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

// The flags -zabbixconnector.<name>.
struct ZabbixOptions {
  std::string groups_value;         // addGroupsValue: group_<g> labels; "": none
  std::string empty_tags_value;     // addEmptyTagsValue; "": left out
  std::string duplicate_separator;  // addDuplicateTagsSeparator; "": last wins
  int64_t line_bytes_max = 32 << 20;  // maxLineLen
};

class ZabbixLinesReader final : public ImportReader {
 public:
  // Keeps a view of `text` and a reference to `options`.
  ZabbixLinesReader(std::string_view text, const ZabbixOptions& options)
      : ImportReader(text, options.line_bytes_max,
                     "-zabbixconnector.maxLineLen="),
        options_(options) {}

 private:
  struct Tag {
    std::string name;  // with tag_
    std::string value;
  };

  void ReadLine(std::string_view line, SampleBatch& batch) override;
  // These return what is wrong with the line, "" when all is well.
  std::string_view ReadItem(const simdjson::dom::element& item,
                            SampleBatch& batch);
  std::string_view ReadGroups(const simdjson::dom::element& item);
  std::string_view ReadTags(const simdjson::dom::element& item);

  const ZabbixOptions& options_;
  JsonItemReader reader_;
  LineLabels labels_;
  std::deque<Tag> tags_;  // groups among them; where labels_ points into
  std::string canonical_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_ZABBIX_LINES_H_
