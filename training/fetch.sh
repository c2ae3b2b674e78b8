#!/bin/bash
# Fetch the published HySAC weights and the CLIP files they build on, and convert them.
#
#   training/fetch.sh --accept-licence DIR [convert.py options, e.g. --dtype f16]
#
# From the Hugging Face hub: aimagelab/HySAC (hysac_model.pth, about 1.7 GB, and
# hysac_bounds.json) and openai/clip-vit-large-patch14 (configuration and tokenizer, no
# weights). The downloads stay in the hub's own cache (HF_HOME), so a second run resumes
# or skips them; HF_ENDPOINT names a mirror. The environment is tests/python-env.sh's.
#
# What was tested: tests/convert/test_fetch.py runs this script against a stand-in of the
# hub on 127.0.0.1, with the hub's addresses, redirects and headers and a small checkpoint
# in the published format. It was never run against the hub itself: the project's build
# machines cannot reach it. The repository and file names are those that the reference's
# own loader uses (hysac/models.py, HySAC.from_pretrained).
set -euo pipefail

usage="usage: training/fetch.sh --accept-licence DIR [convert.py options, e.g. --dtype f16]"
accepted=no
target=
options=()
while [ $# -gt 0 ]; do
  case "$1" in
  -h | --help)
    echo "$usage"
    sed -n '6,9p' "$0" | sed 's/^# \{0,1\}//'
    exit 0
    ;;
  --accept-licence) accepted=yes ;;
  *) # The first word is DIR, the rest is convert.py's.
    if [ -n "$target" ]; then
      options+=("$1")
    elif [ "${1#-}" = "$1" ]; then
      target=$1
    else
      echo "$usage" >&2
      exit 1
    fi
    ;;
  esac
  shift
done
if [ -z "$target" ]; then
  echo "$usage" >&2
  exit 1
fi

cat >&2 <<'NOTICE'
The HySAC weights (aimagelab/HySAC) are licensed CC-BY-NC-4.0: name the authors, and no
commercial use. CLIP (openai/clip-vit-large-patch14) has its own terms in its model card.
NOTICE
if [ "$accepted" = no ]; then
  echo "fetch.sh: nothing fetched; --accept-licence says that you accept these terms" >&2
  exit 1
fi

root=$(cd "$(dirname "$0")/.." && pwd)
python=$("$root/tests/python-env.sh" ${HYSAC_VENV:+"$HYSAC_VENV"})

# Prints where all is from (repository@commit), then each repository's folder, a line each.
fetched=$(HF_HUB_DISABLE_TELEMETRY=1 "$python" - <<'PYTHON'
import hashlib
import os
import re
import sys

from huggingface_hub import hf_hub_download

FILES = {
    "aimagelab/HySAC": ["hysac_bounds.json", "hysac_model.pth"],
    "openai/clip-vit-large-patch14": ["config.json", "preprocessor_config.json", "vocab.json",
                                      "merges.txt"],
}


def fetch(repository, name, revision):
    """Download one file; a large one is cached under its SHA-256, which is checked."""
    try:
        path = hf_hub_download(repository, name, revision=revision)
    except Exception as error:  # the client's own classes and the network's
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        sys.exit(f"fetch.sh: error: {repository}: {name}: {first}")
    blob = os.path.basename(os.path.realpath(path))
    if re.fullmatch("[0-9a-f]{64}", blob):
        with open(path, "rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
        if digest.hexdigest() != blob:
            sys.exit(f"fetch.sh: error: {repository}: {name}: SHA-256 differs from the hub's; "
                     f"delete {os.path.realpath(path)} and try again")
    return os.path.dirname(path)


origins, folders = [], []
for repository, names in FILES.items():
    commit = None  # the first file's commit, so that all are of one version
    for name in names:
        folder = fetch(repository, name, commit)
        commit = os.path.basename(folder)
    origins.append(f"{repository}@{commit}")
    folders.append(folder)
print(", ".join(origins), *folders, sep="\n")
PYTHON
)
{ read -r origin; read -r hysac; read -r clip; } <<<"$fetched"

exec "$python" "$root/training/convert.py" \
  --checkpoint "$hysac/hysac_model.pth" --bounds "$hysac/hysac_bounds.json" \
  --clip "$clip" --out "$target" --licence CC-BY-NC-4.0 --origin "$origin" \
  ${options[@]+"${options[@]}"}
