/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which video streams a file holds by its own index, whatever GStreamer's demuxers show of them. */

#define TOOL_VIDEO_PROGRAMS 64

typedef struct {
  const char *kind;    /* as of tool_video_tracks_kind(); NULL: none that is read here, or its index is not there */
  gboolean known;      /* there is one: else videos and next say nothing */
  guint videos;        /* video streams that it states, of which there are pictures */
  guint64 next;        /* where another file begins behind the end of this one; 0: none does */
  gboolean unfinished; /* of more parts than are looked through: there may be more of both */

  guint64 pictures; /* AVI: of all its videos; 0: not known. avidemux shows those alone that its index names */

  /* MP4 and QuickTime: the movie's duration, and where it stands. qtdemux takes a short track of a long movie for a
   * preview, and leaves it out. 0: it is not known, or no video is so short. */
  gint64 duration;       /* ns */
  guint64 duration_at;   /* in the file */
  guint duration_length; /* bytes */

  /* MPEG-TS: the programs that have videos of their own, where there are several. */
  guint16 programs[TOOL_VIDEO_PROGRAMS];
  guint n_programs;
} ToolVideoTracks;

/* The kind of file that GStreamer calls @name, of those that are read here; NULL: another. A program stream is "video/mpeg". */
const char *tool_video_tracks_kind(const char *name);

/* Reads MP4, QuickTime, Matroska, WebM, AVI, ASF, FLV, IVF, MXF, Ogg and MPEG streams; what is neither of these, or cannot be
 * read, is not known. MPEG streams, which have no index, are read wholly. Hostile bytes are fine; any thread. */
void tool_video_tracks_read(const char *path, ToolVideoTracks *out);
/* Likewise, but as that kind alone. A file may be made to be taken for several. */
void tool_video_tracks_read_as(const char *path, const char *kind, ToolVideoTracks *out);

G_END_DECLS
