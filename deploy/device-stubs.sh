#!/usr/bin/env bash
# Puts the stubs of the interpreters that devices run into build/stubs/{rp2,unix}, in the versions that setup.cfg
# names. They stand in for the standard library, so they are kept out of .venv. Does nothing when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

named() {
    .venv/bin/python - "$1" <<'PYTHON'
import configparser
import sys

config = configparser.ConfigParser()
config.read("setup.cfg", encoding="utf-8")
for line in config["options.extras_require"][f"device-{sys.argv[1]}"].splitlines():
    if line.strip() and not line.startswith("#"):
        print(line.strip())
PYTHON
}

for port in rp2 unix; do
    want=$(named "$port")
    stamp=build/stubs/$port/.installed
    if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$want" ]; then
        echo "device-stubs: build/stubs/$port" >&2
        rm -rf "build/stubs/$port" "build/stubs/.$port"
        mkdir -p build/stubs
        # shellcheck disable=SC2086 # one word per package
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
            --target "build/stubs/.$port" $want
        mv "build/stubs/.$port" "build/stubs/$port"
        echo "$want" >"$stamp"
    fi
done
