// Letters of all alphabets in upper and lower case, one for one (ß stays).
//
// Bytes that are not UTF-8 stay as they are. Where the machine's C library has
// no C.UTF-8 only a to z change.
//
// Threads: free functions.
#ifndef VARVE_LIB_RELABEL_LETTER_CASE_H_
#define VARVE_LIB_RELABEL_LETTER_CASE_H_

#include <string>
#include <string_view>

namespace varve::relabel {

std::string ToUpperCase(std::string_view text);
std::string ToLowerCase(std::string_view text);

}  // namespace varve::relabel

#endif  // VARVE_LIB_RELABEL_LETTER_CASE_H_
