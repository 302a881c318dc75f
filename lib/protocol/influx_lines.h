// InfluxDB line protocol, of /write, /api/v2/write and the line listeners.
//
// In:      measurement[,tag=value…] field=value[,field=value…] [timestamp]
//          A backslash before a comma, an equals sign, a space or a backslash
//          takes its meaning. Field values: floats, integers 12i, unsigned 12u,
//          truth values (1 and 0), "strings". Empty lines and those that begin
//          with # are skipped.
// Out:     a series a field: <measurement><separator><field> and the tags, named
//          by the line's text before its fields and the field's key where
//          nothing is escaped (kOfReader). A string that reads as a number is
//          one; others have no place in a sample and are left out. A missing or
//          zero timestamp is `default_ms`; without a precision the timestamp's
//          size tells its unit.
// Errors:  a bad line is skipped and counted.
// Threads: a reader belongs to one thread.
// Source:  docs.influxdata.com, InfluxDB 1.8 line protocol reference; the
//          names, `db` and the detected unit as VictoriaMetrics has them.
#ifndef VARVE_LIB_PROTOCOL_INFLUX_LINES_H_
#define VARVE_LIB_PROTOCOL_INFLUX_LINES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/protocol/import_reader.h"
#include "lib/protocol/line_labels.h"

namespace varve::protocol {

// How lines become series; the flags of these names.
struct InfluxNaming {
  std::string separator = "_";     // -influxMeasurementFieldSeparator
  bool skip_single_field = false;  // -influxSkipSingleField
  bool skip_measurement = false;   // -influxSkipMeasurement
  std::string db_label = "db";     // -influxDBLabel
  int64_t trim_ms = 1;             // -influxTrimTimestamp
};

// Of ?precision=; by the timestamp's size for kDetected.
enum class InfluxPrecision : uint8_t {
  kDetected,
  kNanoseconds,
  kMicroseconds,
  kMilliseconds,
  kSeconds,
  kMinutes,
  kHours
};

// n, ns, u, us, µ, ms, s, m, h; kDetected for others, as VictoriaMetrics.
InfluxPrecision ParseInfluxPrecision(std::string_view text);

class InfluxLinesReader final : public ImportReader,
                                public IdentityReader {
 public:
  // Keeps a view of `text` and a reference to `naming`. `db`: the value of the
  // label `naming.db_label` of lines without that tag; "" for none.
  InfluxLinesReader(std::string_view text, const InfluxNaming& naming,
                    InfluxPrecision precision, std::string_view db,
                    int64_t default_ms,
                    int64_t line_bytes_max = kLineBytesMax);

  void MakeLabels(std::string_view identity,
                  std::vector<model::Label>& labels) const override;

 private:
  struct Field {
    std::string_view key;
    double value;
  };

  void ReadLine(std::string_view line, SampleBatch& batch) override;
  // These return what is wrong with the line, "" when all is well, and leave
  // the rest of it in `rest`.
  std::string_view ReadTags(std::string_view& rest);
  // Of a line without escapes: only looks whether they are good.
  std::string_view ReadPlainTags(std::string_view& rest);
  std::string_view ReadFields(std::string_view& rest);
  std::string_view ReadTimestamp(std::string_view text, int64_t& ms) const;
  // Labels that a series' tags do not tell. REQUIRES: tags were added.
  void FinishLabels(LineLabels& labels) const;
  // What a metric's name has before the field's key.
  void AppendPrefix(std::string_view measurement, bool no_key,
                    std::string& metric) const;
  // False when the series names of one line would take too much memory.
  bool Append(int64_t ms, SampleBatch& batch);
  void AppendPlain(bool no_key, int64_t ms, SampleBatch& batch);
  std::string_view Unescaped(std::string_view text);

  const InfluxNaming& naming_;
  const InfluxPrecision precision_;
  const std::string_view db_;
  const int64_t default_ms_;

  // Of the line that is being read.
  bool is_plain_ = false;
  std::string_view plain_;    // up to the fields; of others what follows
  const char* fields_begin_ = nullptr;
  std::string_view measurement_;
  LineLabels labels_;
  size_t fields_seen_ = 0;  // with those left out
  std::vector<Field> fields_;
  std::string unescaped_;  // what Unescaped's answers point into

  const std::string context_;  // of identities
  std::string metric_;
  std::string identity_;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_INFLUX_LINES_H_
