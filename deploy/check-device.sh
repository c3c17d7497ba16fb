#!/usr/bin/env bash
# Types of what runs on a device, against the interpreter that runs it: mypy --strict with each port's stubs.
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/device-stubs.sh
wrong=0
for port in rp2 unix; do
    echo "check-device: $port" >&2
    .venv/bin/mypy --config-file "deploy/mypy-$port.ini" || wrong=1
done
exit "$wrong"
