// What the kernel says about this process, and what it was started with.
//
// Out:     process_*, vm_available_*, vm_log_messages_total, vm_app_*, flag.
// Errors:  a value the kernel does not offer here is 0, so that expressions
//          over it have a series.
// Threads: any thread; reads /proc at each call.
#ifndef VARVE_LIB_TELEMETRY_PROCESS_METRICS_H_
#define VARVE_LIB_TELEMETRY_PROCESS_METRICS_H_

#include <string>
#include <string_view>

#include "lib/base/flags.h"
#include "lib/telemetry/metrics_text.h"

namespace varve::telemetry {

// "vmstorage-20260101-000000-varve-0.1.0"; the date is that of the program
// file, since a build that knows its time cannot be repeated.
std::string AppVersion(std::string_view component);

void AddProcessMetrics(FamilyTexts& families);
void AddAppMetrics(std::string_view app_version, const base::FlagSet* flags,
                   FamilyTexts& families);

}  // namespace varve::telemetry

#endif  // VARVE_LIB_TELEMETRY_PROCESS_METRICS_H_
