/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: the integers by which a frame's pixels become RGB (docs/colour.md). Shared by
 * the device path and its C reference. */

#include "opencl/frame.h"

G_BEGIN_DECLS

/* Fractional bits of the luma factor, for samples of 8 bits and of 10. */
#define HYSAC_COLOUR_BITS 20
#define HYSAC_COLOUR_BITS_10 21

/*
 * Chroma at a luma position, times 16: along each axis it lies between two samples with weights of
 * 4, by the luma position's parity: even: before[0] * c[i-1] + at[0] * c[i]; odd: at[1] * c[i] +
 * after[1] * c[i+1], i = position / 2, indices clamped to the plane.
 * An axis that is not subsampled gives 4 times the sample.
 * With U = 16 * chroma - neutral and V alike, and L = y * (luma - y_offset) + 2^(bits - 1):
 *   R = (L + r_v * V) >> bits, G = (L - g_u * U - g_v * V) >> bits, B = (L + b_u * U) >> bits
 * clipped to 0..255; >> is arithmetic. Nothing overflows 32 bits. Grey has chroma factors of zero.
 */
typedef struct {
  gint32 bits, neutral;
  gint32 y_offset, y;
  gint32 r_v, g_u, g_v, b_u; /* bits - 4 fractional bits */
  gint32 h_before, h_at[2], h_after;
  gint32 v_before, v_at[2], v_after;
  /* RGB family: byte of each channel in a pixel, bytes a pixel (0 in the other formats). */
  gint32 red, green, blue, pixel;
} HysacColour;

/* @frame passed hysac_frame_check(). */
void hysac_colour_init(HysacColour *colour, const HysacFrame *frame);

G_END_DECLS
