/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * SMPTE timecode: times as hours, minutes, seconds and frames. At 30000/1001 and 60000/1001 frames a
 * second, drop-frame numbers leave out two (four) numbers at each minute but every tenth, so that
 * they follow the clock. Pure functions.
 */

G_BEGIN_DECLS

typedef struct {
  guint num, den;  /* frames a second, as they are counted */
  guint base;      /* numbers a second: 1 … 60 */
  gboolean drop;   /* only where base is 30 or 60 and the rate 1000/1001 of it */
  gboolean exact;  /* one number a frame; else times are counted in 1 / base s */
} HysacTimecodeRate;

/* Of @num / @den frames a second. Rates above 60 are halved until they are not, and what no timecode
 * counts (0/1: unknown or variable; 12.5, less than 1) becomes 25: neither is exact. @drop: count in
 * drop-frame where the rate has it. */
HYSAC_API HysacTimecodeRate hysac_timecode_rate(gint num, gint den, gboolean drop);

typedef enum { HYSAC_TIMECODE_IN, HYSAC_TIMECODE_OUT } HysacTimecodeEdge;

/* The number of the frame that begins at @time (ns; below 0 is 0); where none does, of the one before
 * for an IN, after for an OUT. Where the rate is exact, one within 1 ms counts as at @time: timestamps
 * are rounded. */
HYSAC_API guint64 hysac_timecode_frame(const HysacTimecodeRate *rate, gint64 time,
                                       HysacTimecodeEdge edge);

#define HYSAC_TIMECODE_SIZE 12

/* "hh:mm:ss:ff", or "hh:mm:ss;ff" for drop-frame. After 24 hours it begins again. */
HYSAC_API void hysac_timecode_format(const HysacTimecodeRate *rate, guint64 frame,
                                     char out[HYSAC_TIMECODE_SIZE]);
/* Numbers in 24 hours. */
HYSAC_API guint64 hysac_timecode_day(const HysacTimecodeRate *rate);

G_END_DECLS
