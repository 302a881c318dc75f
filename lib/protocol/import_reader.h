// What readers share that skip bad lines or events instead of failing.
#ifndef VARVE_LIB_PROTOCOL_IMPORT_READER_H_
#define VARVE_LIB_PROTOCOL_IMPORT_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// -import.maxLineLen
inline constexpr int64_t kLineBytesMax = 10 << 20;

class SkippingReader {
 public:
  virtual ~SkippingReader() = default;

  // Appends series until `batch` has `rows_max` rows or series, or the text
  // ends. False at the end.
  virtual bool Next(SampleBatch& batch, size_t rows_max) = 0;

  int64_t bad_lines() const { return bad_lines_; }
  // "line 3: no value"; "" when all were good.
  const std::string& first_error() const { return first_error_; }

 protected:
  void AddBad(std::string_view what, int64_t number, std::string_view why) {
    if (bad_lines_++ == 0) {
      first_error_ = base::StrCat(what, " ", number, ": ", why);
    }
  }

 private:
  int64_t bad_lines_ = 0;
  std::string first_error_;
};

class ImportReader : public SkippingReader {
 public:
  // The lines that follow, when those before have been read; keeps a view.
  void Feed(std::string_view text) { rest_ = text; }

  bool Next(SampleBatch& batch, size_t rows_max) final {
    while (!rest_.empty() && !batch.full(rows_max)) {
      const size_t end = rest_.find('\n');
      std::string_view line = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size()
                                                        : end + 1);
      ++line_number_;
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (static_cast<int64_t>(line.size()) > line_bytes_max_) {
        AddBadLine(base::StrCat("longer than ", line_flag_, line_bytes_max_,
                                " bytes"));
      } else {
        ReadLine(line, batch);
      }
    }
    return !rest_.empty();
  }

 protected:
  // `line_flag` is shown before the limit: "-flag=", or "" where none sets it.
  ImportReader(std::string_view text, int64_t line_bytes_max,
               const char* line_flag = "-import.maxLineLen=")
      : rest_(text), line_bytes_max_(line_bytes_max), line_flag_(line_flag) {}
  // Appends what the line holds, or calls AddBadLine and appends nothing.
  virtual void ReadLine(std::string_view line, SampleBatch& batch) = 0;

  void AddBadLine(std::string_view why) { AddBad("line", line_number_, why); }

 private:
  std::string_view rest_;
  const int64_t line_bytes_max_;
  const char* const line_flag_;
  int64_t line_number_ = 0;
};

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_IMPORT_READER_H_
