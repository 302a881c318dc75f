// Rows of the databases of a storage node as lines of text.
#ifndef VARVE_CMD_INSPECT_ROW_TEXT_H_
#define VARVE_CMD_INSPECT_ROW_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace varve::inspect {

struct RowCount {
  int64_t rows = 0;
  int64_t segments = 0;
  int64_t samples = 0;
  int64_t damaged = 0;
};

// Decodes the row of a family of data/ or index/ and counts what does not
// decode. The lines are only made when `text` is not null.
void DescribeRow(std::string_view family, std::string_view key,
                 std::string_view value, RowCount& count, std::string* text);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_ROW_TEXT_H_
