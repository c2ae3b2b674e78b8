// SPDX-License-Identifier: LGPL-2.1-or-later
// The smallest program that tells whether a device compiles and runs at all.
// out[i] = SCALE * i + in[i], where the host knows the answer.
#ifndef SCALE
#define SCALE 3
#endif

kernel void probe(global const int *in, global int *out)
{
  const int i = get_global_id(0);
  out[i] = SCALE * i + in[i];
}
