/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "opencl/half.h"

#include <math.h>
#include <string.h>

/* An integer of 2^-24 below the normal numbers, whose first is 0x400 of those; then the exponent is rebiased. */
guint16
hysac_half_from_float(float x)
{
  guint32 u;
  memcpy(&u, &x, sizeof u);
  const guint32 sign = u >> 16 & 0x8000;
  u &= 0x7fffffff;
  if (u < 0x38800000)
    return (guint16) (sign | (guint32) rintf(fabsf(x) * 16777216.0f));
  return (guint16) (sign | (((u + 0xfff + (u >> 13 & 1)) >> 13) - (112 << 10)));
}

float
hysac_half_to_float(guint16 half)
{
  const int exponent = half >> 10 & 31, digits = half & 1023;
  const float sign = half >> 15 ? -1.0f : 1.0f;
  if (exponent == 31)
    return digits != 0 ? NAN : sign * INFINITY;
  return exponent == 0 ? sign * ldexpf((float) digits, -24) : sign * ldexpf((float) (digits + 1024), exponent - 25);
}
