// Whether two clusters answer alike: `varve-inspect compare`.
//
// Both are asked for raw samples (/api/v1/export), so that a restored backup
// is compared as its users would see it. The time range is halved, and the
// series are split by their hashes, until what both sides have of a piece fits
// -memory. A side that may lack data answers no export, and its list of tenants
// says so.
#ifndef VARVE_CMD_INSPECT_COMPARE_H_
#define VARVE_CMD_INSPECT_COMPARE_H_

namespace varve::inspect {

// The arguments behind the verb. Prints what differs; returns the exit code:
// 0 alike, 1 they differ, 2 could not be compared.
int Compare(int argc, char** argv);

}  // namespace varve::inspect

#endif  // VARVE_CMD_INSPECT_COMPARE_H_
