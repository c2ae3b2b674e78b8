/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "scan.h"
#include "video.h"

typedef struct {
  GBytes *bytes;
  gint64 time;
  double margin;
} ScanThumb;

/* A small picture of @frame. PIXELATED: a PNG of 16 x 9 (9 x 16 where it is upright) pixels, each a mean
 * over its share of the frame: nothing more of it is in the file. CLEAR: a JPEG at most 320 wide.
 * (transfer full); NULL where it cannot be made. */
GBytes *scan_thumb_make(ToolVideoFrame *frame, ScanThumbs kind);
