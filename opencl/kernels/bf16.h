/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A float's upper half, rounded to even; a NaN stays one. */
static ushort
to_bf16(float v)
{
  const uint u = as_uint(v);
  return isnan(v) ? 0x7fc0 : (ushort)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
