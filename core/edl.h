/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/timecode.h"

/*
 * Lines of an edit decision list in the CMX3600 format, as editing programs exchange it: cuts on the
 * video track. All (transfer full), newline included; text is made plain ASCII. Pure.
 */

G_BEGIN_DECLS

#define HYSAC_EDL_REEL_SIZE 9
/* The reels that every editor knows: black, and a source without a tape. */
#define HYSAC_EDL_BLACK "BL"
#define HYSAC_EDL_AUX "AX"

typedef struct {
  guint number;     /* from 1; three digits, more where that is not enough */
  const char *reel; /* at most 8 letters and digits */
  /* Numbers of frames; out is the first one that is not in it. */
  guint64 source_in, source_out, record_in, record_out;
} HysacEdlEvent;

/* TITLE and FCM (frame code mode). */
HYSAC_API char *hysac_edl_header(const char *title, const HysacTimecodeRate *rate);
HYSAC_API char *hysac_edl_event(const HysacEdlEvent *event, const HysacTimecodeRate *rate);
/* "* text", a line that says more of the event before it. */
HYSAC_API char *hysac_edl_comment(const char *text);
/* A reel's name made of a file's: its letters and digits in upper case, the first eight. AX where that
 * is nothing or one of the names above. */
HYSAC_API void hysac_edl_reel(const char *file, char out[HYSAC_EDL_REEL_SIZE]);

G_END_DECLS
