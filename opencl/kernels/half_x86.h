/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vector of fp16 numbers as floats; after vec_x86.h. */
static vec
load_half(const __global ushort *p)
{
  vec v;
  __asm__("vcvtph2ps %1,%0" : "=v"(v) : "m"(*(const __global loose_halves *)p));
  return v;
}
