#!/bin/bash
# Make the Python environment of the tools and tests, and print the path of its python.
#
#   tests/python-env.sh [DIR]        (DIR: build/venv of this checkout unless given)
#
# A virtual environment over Debian 12's own packages: its torch is the CPU build
# (119 MB; PyPI's brings 3 GB of CUDA). tests/install.sh installs the packages below;
# python3-torch in turn brings python3-requests, -yaml, -psutil and -typing-extensions.
#
# The reference implementation's pins (transformers 4.31.0, peft 0.4.0) come from pip
# with --no-deps: peft's check of torch's version rejects Debian's version string. ftfy is
# what the reference's tokenizer cleans text with; open_clip_torch brings CLIP's published
# vocabulary, and nothing of it is run.
# Idempotent: a stamp of this list is kept, and a complete environment costs no pip call.
set -euo pipefail

DEBIAN_PACKAGES="python3 python3-venv python3-torch python3-pil python3-numpy python3-matplotlib"

PIP_PACKAGES="
transformers==4.31.0
peft==0.4.0
accelerate==0.21.0
tokenizers==0.13.3
safetensors==0.4.5
huggingface-hub==0.25.2
regex==2023.12.25
tqdm==4.66.5
packaging==23.2
filelock==3.13.4
fsspec==2023.12.2
ftfy==6.1.1
wcwidth==0.2.13
open_clip_torch==3.3.0
"

case "${1:-}" in
-h | --help)
  sed -n '2,4p' "$0" | sed 's/^# \{0,1\}//'
  echo "Debian packages: $DEBIAN_PACKAGES"
  exit 0
  ;;
esac

root=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$root/build/venv}
stamp=$dir/hysac-env.stamp
want=$(printf '%s\n' "$PIP_PACKAGES" | sha256sum | cut -d' ' -f1)

if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$want" ] || [ ! -x "$dir/bin/python" ]; then
  if ! /usr/bin/python3 -c 'import venv, ensurepip, torch, PIL, numpy, matplotlib' 2>/dev/null; then
    echo "python-env.sh: these Debian packages are needed: $DEBIAN_PACKAGES" >&2
    exit 1
  fi
  mkdir -p "$(dirname "$dir")"
  # Two test runs may start at once: the second waits and finds the stamp.
  exec 9>"$dir.lock"
  flock 9
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$want" ]; then
    /usr/bin/python3 -m venv --system-site-packages "$dir" >&2
    # The word splitting is meant: one requirement a word.
    # shellcheck disable=SC2086
    "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
      --only-binary=:all: $PIP_PACKAGES >&2
    "$dir/bin/python" -c 'import torch, transformers, peft, safetensors.torch, huggingface_hub' >&2
    printf '%s\n' "$want" >"$stamp"
  fi
fi
echo "$dir/bin/python"
