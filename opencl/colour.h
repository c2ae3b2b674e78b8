/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: the integers by which a frame's pixels become RGB (docs/colour.md). Shared by
 * the device path and its C reference. */

#include "opencl/frame.h"

G_BEGIN_DECLS

#define HYSAC_COLOUR_BITS 20 /* fractional bits of the luma factor */

/*
 * Chroma at a luma position, times 16: along each axis it lies between two samples with weights of
 * 4, by the luma position's parity: even: before[0] * c[i-1] + at[0] * c[i]; odd: at[1] * c[i] +
 * after[1] * c[i+1], i = position / 2, indices clamped to the plane.
 * With U = 16 * chroma - 2048 and V alike, and L = y * (luma - y_offset) + 2^19:
 *   R = (L + r_v * V) >> 20, G = (L - g_u * U - g_v * V) >> 20, B = (L + b_u * U) >> 20
 * clipped to 0..255; >> is arithmetic. Nothing overflows 32 bits.
 */
typedef struct {
  gint32 y_offset, y;
  gint32 r_v, g_u, g_v, b_u; /* 16 fractional bits */
  gint32 h_before, h_at[2], h_after;
  gint32 v_before, v_at[2], v_after;
  /* RGB family: byte of each channel in a pixel, bytes a pixel. */
  gint32 red, green, blue, pixel;
} HysacColour;

/* @frame passed hysac_frame_check(). */
void hysac_colour_init(HysacColour *colour, const HysacFrame *frame);

G_END_DECLS
