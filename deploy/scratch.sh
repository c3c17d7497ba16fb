#!/usr/bin/env bash
# Where tests put their files: in memory where there is room for them, else where everything temporary goes.
# Every commit of the station waits for its disk; no test's promise rests on this machine's own.
set -euo pipefail
memory=/dev/shm
need_kib=$((6 << 20))
if [ -w "$memory" ]; then
    free_kib=$(df --output=avail -k "$memory" | tail -1)
    left_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
    if ((free_kib > need_kib && left_kib > need_kib)); then
        echo "$memory"
        exit
    fi
fi
echo "${TMPDIR:-/tmp}"
