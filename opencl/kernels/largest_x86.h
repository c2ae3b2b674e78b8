/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After vec_x86.h. The largest of a row of scores, whose numbers past @tokens become minus infinity. A NaN may get lost
 * here: it is in the sum. */
static float
largest_of_row(__local float *x, uint tokens, uint padded)
{
  const uint last = padded - PANEL;
  const ivec left = (ivec)((int)(tokens - last));
  vec top = LANES < left ? VLOAD(x + last) : (vec)(-INFINITY);
  vec top2 = LANES + VEC < left ? VLOAD(x + last + VEC) : (vec)(-INFINITY);
  VSTORE(top, x + last);
  VSTORE(top2, x + last + VEC);
  for (uint i = 0; i < last; i += PANEL) {
    const vec y = VLOAD(x + i), y2 = VLOAD(x + i + VEC);
    top = top > y ? top : y;
    top2 = top2 > y2 ? top2 : y2;
  }
  return largest(MAX(top, top2));
}
