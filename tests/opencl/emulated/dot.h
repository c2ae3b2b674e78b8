/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What kernels/gemm_tiled.cl calls of cl_khr_integer_dot_product, as OpenCL C 3.0 defines it, for tests on devices that
 * lack it: four unsigned bytes of @a by four signed ones of @b, and the sum with @acc, saturated. */
#define dot_acc_sat_4x8packed_us_int(a, b, acc) emulated_dot_acc_sat(a, b, acc)
static int
emulated_dot_acc_sat(uint a, uint b, int acc)
{
  const uchar4 u = as_uchar4(a);
  const char4 s = as_char4(b);
  return add_sat(u.x * s.x + u.y * s.y + u.z * s.z + u.w * s.w, acc);
}
