#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# kernels/gemm_intel.cl by Intel's own compiler, which needs no device: for DG2 with sub-groups of 8 and for Ponte
# Vecchio with 16, in each precision. Fails where one does not build, or needs more registers than there are.
#
#   tests/opencl/ocloc.sh [OCLOC]        Debian: package intel-opencl-icd
set -euo pipefail
cd "$(dirname "$0")/../.."
ocloc=${1:-ocloc}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/env python3 -B - "$folder/gemm_intel.cl" <<'PY'
import pathlib, sys
sys.path.insert(0, "opencl/kernels")
import embed
pathlib.Path(sys.argv[1]).write_bytes(embed.read(pathlib.Path("opencl/kernels/gemm_intel.cl")))
PY
status=0
for device in "dg2-g10 8" "pvc 16"; do
  read -r name lanes <<<"$device"
  for operand in "1 bf16" "2 int8" "3 fp16"; do
    read -r number precision <<<"$operand"
    # As program.c, which knows the extension from the device; ocloc has to be told.
    if "$ocloc" compile -q -file "$folder/gemm_intel.cl" -device "$name" -out_dir "$folder/out" -options \
      "-cl-mad-enable -cl-denorms-are-zero -cl-std=CL1.2 -DOPERAND=$number -DSUB_GROUP=$lanes \
-Dcl_intel_subgroup_matrix_multiply_accumulate" >"$folder/log" 2>&1 && ! grep -q spilled "$folder/log"; then
      echo "ok - $name, sub-groups of $lanes, $precision"
    else
      echo "not ok - $name, sub-groups of $lanes, $precision"
      sed 's/^/# /' "$folder/log" | head -n 20
      status=1
    fi
  done
done
exit $status
