#!/usr/bin/env bash
# One backup of one storage node; run it daily beside each node (cron, a
# systemd timer, a CronJob). Incremental: only new files are copied.
#
#   STORAGE_PATH  the node's -storageDataPath
#   STORAGE_URL   its HTTP address, http://127.0.0.1:8482
#   BACKUP_DST    of this node alone: fs:///backups/node-1, s3://bucket/node-1
#   INSERT_URL    where success is reported: http://insert:8480/insert/0/prometheus
#   NODE_NAME     value of the label node; the host's name by default
#   VMBACKUP      the program; vmbackup by default
set -euo pipefail

node=${NODE_NAME:-$(hostname)}
"${VMBACKUP:-vmbackup}" \
  -storageDataPath="$STORAGE_PATH" \
  -snapshot.createURL="$STORAGE_URL/snapshot/create" \
  -dst="$BACKUP_DST" \
  -httpListenAddr= -loggerLevel=WARN

# Alert on: time() - vm_backup_last_success_timestamp_seconds > 2 * 86400
curl --silent --show-error --fail --retry 3 \
  --data-binary "vm_backup_last_success_timestamp_seconds{node=\"$node\"} $(date +%s)" \
  "$INSERT_URL/api/v1/import/prometheus"
