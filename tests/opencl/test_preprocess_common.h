/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Pictures by formula (the same in tests/data/preprocess/make_golden.py), and random frames. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "opencl/preprocess.h"

static inline guint8
synthetic(guint kind, guint32 seed, guint32 x, guint32 y, guint32 c)
{
  guint32 h;

  if (kind == 2)
    return (guint8)((x * (3 + seed % 5) + y * (2 + seed % 7) + c * 85) / (1 + seed % 4));
  if (kind == 1) {
    x /= 1 + seed % 13;
    y /= 1 + seed % 13;
  }
  h = x * 0x9E3779B1u + y * 0x85EBCA77u + c * 0xC2B2AE3Du + seed * 0x27D4EB2Fu;
  h ^= h >> 15;
  h *= 0x2C1B3C6Du;
  h ^= h >> 12;
  h *= 0x297A2D39u;
  h ^= h >> 15;
  if (kind == 1)
    return h >> 31 ? 255 : 0;
  return (guint8)(h >> 24);
}

static inline HysacPreprocessConfig
config_of(guint edge, guint crop)
{
  return (HysacPreprocessConfig){ .shortest_edge = edge, .crop_size = crop,
                                  .mean = { 0.5f, 0.5f, 0.5f }, .std = { 0.5f, 0.5f, 0.5f } };
}

/* Planes of @frame's format and size, each @pad bytes a row longer than needed, filled by formula. Its
 * memory ends with the last byte of the last row: nothing may be read past it. */
static inline void
frame_alloc(HysacFrame *frame, gsize pad, guint kind, guint32 seed)
{
  for (guint p = 0; p < hysac_format_n_planes(frame->format); p++) {
    gsize row = hysac_format_plane_row_bytes(frame->format, p, frame->width);
    guint rows = hysac_format_plane_rows(frame->format, p, frame->height);
    guint8 *data;

    frame->strides[p] = row + pad;
    frame->sizes[p] = frame->strides[p] * (rows - 1) + row;
    data = g_malloc(frame->sizes[p]);
    for (gsize i = 0; i < frame->sizes[p]; i++) {
      data[i] = synthetic(kind, seed, (guint32)(i % frame->strides[p]),
                          (guint32)(i / frame->strides[p]), p);
    }
    frame->planes[p] = data;
  }
}

static inline void
frame_clear(HysacFrame *frame)
{
  for (guint p = 0; p < 3; p++) {
    g_free((gpointer)frame->planes[p]);
    frame->planes[p] = NULL;
  }
}

static inline guint32
test_seed(void)
{
  const char *text = g_getenv("HYSAC_TEST_SEED");
  guint32 seed = text ? (guint32)g_ascii_strtoull(text, NULL, 10) : g_random_int();

  print_message("# HYSAC_TEST_SEED=%u\n", seed);
  return seed;
}
