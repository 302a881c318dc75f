#include "lib/repair/hint_session.h"

#include "absl/strings/str_format.h"
#include "lib/base/log.h"
#include "lib/base/status.h"
#include "lib/wire/convert.h"
#include "lib/wire/data_frame.h"
#include "lib/wire/methods.h"

namespace varve::repair {
namespace {

// Enough to keep the owner busy, and few of -maxConcurrentInserts.
constexpr size_t kCallsMax = 4;
constexpr int kSeriesPerCall = 10'000;
constexpr size_t kLabelBytesPerCall = 4 << 20;
// Series may leave the owner's index between DEFINE and the rows, but not
// again and again.
constexpr int kPassesMax = 3;

// Of HINTREPLAY: rows are fsynced once a segment, by a last record without any.
constexpr uint8_t kWritten = static_cast<uint8_t>(storage::AckLevel::kWritten);
constexpr uint8_t kDurable = static_cast<uint8_t>(storage::AckLevel::kDurable);
// Ring and accept_ms (lib/encoding/data_record.h): a record without rows.
constexpr size_t kRecordHeadBytes = 16;

}  // namespace

absl::StatusOr<std::string> HintSession::Call(uint8_t method,
                                              std::string payload) {
  const auto call = channel_->Start(method, std::move(payload));
  return worker_->AnswerOf(*call);
}

absl::Status HintSession::PutRings() {
  ASSIGN_OR_RETURN(const auto kept,
                   engine_->ListState(storage::kRingStatePrefix));
  for (const auto& [key, value] : kept) {
    proto::Ring ring;
    if (!ring.ParseFromString(value) || ring.members().empty()) continue;
    RETURN_IF_ERROR(Call(wire::kPutRing, value).status());
  }
  return absl::OkStatus();
}

absl::Status HintSession::DefineNew() {
  const uint64_t end = log_->series();
  proto::DefineRequest request;
  std::vector<uint64_t> refs;
  size_t label_bytes = 0;
  const auto send = [&]() -> absl::Status {
    RETURN_IF_ERROR(Define(refs, request));
    request.Clear();
    refs.clear();
    label_bytes = 0;
    return absl::OkStatus();
  };
  const uint64_t from = refs_.size();
  if (from >= end) return absl::OkStatus();
  refs_.resize(end, 0);
  RETURN_IF_ERROR(log_->ReadSeries(
      from,
      [&](uint64_t ref, const storage::SeriesDefinition& one) -> absl::Status {
        if (ref >= end) return absl::OkStatus();  // defined meanwhile
        ASSIGN_OR_RETURN(const bool named, TellName(one.tenant));
        if (!named) return absl::OkStatus();
        proto::DefineRequest::Series& series = *request.add_series();
        wire::ToProto(one.tenant, *series.mutable_tenant());
        series.set_labels(std::string(one.labels));
        refs.push_back(ref);
        label_bytes += one.labels.size();
        const bool full = request.series_size() >= kSeriesPerCall ||
                          label_bytes >= kLabelBytesPerCall;
        return full ? send() : absl::OkStatus();
      }));
  return refs.empty() ? absl::OkStatus() : send();
}

absl::Status HintSession::Define(std::span<const uint64_t> refs,
                                 const proto::DefineRequest& request) {
  ASSIGN_OR_RETURN(const std::string answer,
                   Call(wire::kDefine, request.SerializeAsString()));
  proto::DefineResponse response;
  if (!response.ParseFromString(answer) ||
      static_cast<size_t>(response.refs_size()) != refs.size()) {
    return base::DataLoss("DEFINE of ", refs.size(),
                          " series was answered with ", response.refs_size(),
                          " refs");
  }
  if (ref_epoch_ != 0 && ref_epoch_ != response.ref_epoch()) {
    return absl::AbortedError("the owner's ref epoch has changed");
  }
  ref_epoch_ = response.ref_epoch();
  for (size_t i = 0; i < refs.size(); ++i) {
    refs_[refs[i]] = response.refs(static_cast<int>(i));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HintSession::TellName(const model::TenantId& tenant) {
  if (tenant.kind != 1) return true;
  if (refused_.count(tenant.id) > 0) return false;
  if (!named_.insert(tenant.id).second) return true;
  const std::string key = absl::StrFormat("tenant/%016x", tenant.id);
  ASSIGN_OR_RETURN(const auto kept, engine_->ListState(key));
  if (kept.empty()) return true;  // nobody has told it here
  proto::TenantNames request;
  wire::ToProto(tenant, kept.front().second, *request.add_tenants());
  const auto answer =
      Call(wire::kTenantNames, request.SerializeAsString());
  // It has as many names as it takes; rows of others must not wait for that.
  if (absl::IsOutOfRange(answer.status())) {
    refused_.insert(tenant.id);
    return false;
  }
  RETURN_IF_ERROR(answer.status());
  proto::TenantNamesResponse response;
  if (!response.ParseFromString(*answer) || response.refused_size() != 1) {
    return base::DataLoss("TENANTNAMES was answered with ",
                          response.refused_size(), " verdicts");
  }
  if (response.refused(0)) refused_.insert(tenant.id);
  return !response.refused(0);
}

void HintSession::Forget() {
  refs_.clear();
  ref_epoch_ = 0;
}

absl::Status HintSession::SendRows() {
  absl::Status status;
  for (int pass = 0; pass < kPassesMax; ++pass) {
    status = SendOnce();
    calls_.clear();
    if (!absl::IsAborted(status)) break;
    Forget();
  }
  RETURN_IF_ERROR(status);
  rows_ += pass_rows_;
  dropped_ += pass_dropped_;
  return absl::OkStatus();
}

absl::Status HintSession::SendOnce() {
  pass_rows_ = 0;
  pass_dropped_ = 0;
  RETURN_IF_ERROR(DefineNew());
  const uint64_t connection = channel_->connection_epoch();
  std::string head;
  int64_t left_out = 0;
  RETURN_IF_ERROR(log_->ReadRows(
      refs_,
      [&](std::string_view record, int64_t) -> absl::Status {
        head = record.substr(0, kRecordHeadBytes);
        return SendRecord(record);
      },
      left_out));
  while (!calls_.empty()) RETURN_IF_ERROR(TakeAck(*calls_.front()));
  if (!head.empty()) {
    calls_.push_back(channel_->Start(
        wire::kHintReplay, wire::EncodeDataFrame(head, kDurable, ref_epoch_,
                                                 /*compress=*/false)));
    RETURN_IF_ERROR(TakeAck(*calls_.front()));
  }
  // The fsync is of the process that took the rows.
  if (channel_->connection_epoch() != connection) {
    return base::Unavailable("the connection to ", channel_->address(),
                             " was lost");
  }
  if (left_out > 0) {
    base::LogWarn("the node at ", channel_->address(), " refuses series of ",
                  left_out, " rows of its hints: they are left out, and MISSED "
                  "records stay");
    log_->LeaveOut();
  }
  pass_dropped_ += left_out;
  return absl::OkStatus();
}

absl::Status HintSession::SendRecord(std::string_view record) {
  std::string frame = wire::EncodeDataFrame(record, kWritten, ref_epoch_,
                                            /*compress=*/true);
  const size_t bytes = frame.size();
  while (calls_.size() >= kCallsMax) {
    RETURN_IF_ERROR(TakeAck(*calls_.front()));
  }
  calls_.push_back(channel_->Start(wire::kHintReplay, std::move(frame)));
  return rate_.Spend(*worker_, bytes);
}

absl::Status HintSession::TakeAck(rpc::Call& call) {
  ASSIGN_OR_RETURN(const std::string answer, worker_->AnswerOf(call));
  calls_.pop_front();
  proto::Ack ack;
  if (!ack.ParseFromString(answer)) {
    return base::DataLoss("HINTREPLAY was answered with ", answer.size(),
                          " bytes that are no Ack");
  }
  if (ack.redefine()) return absl::AbortedError("the owner asks for definitions");
  pass_rows_ += ack.rows();
  pass_dropped_ += ack.too_old() + ack.too_new();
  return absl::OkStatus();
}

}  // namespace varve::repair
