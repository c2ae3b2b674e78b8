/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What video.c and video_seek.c share. */

#include "randomaccess.h"
#include "video.h"

#include "gst/videoframe.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

G_BEGIN_DECLS

struct _ToolVideo {
  GstElement *pipeline, *convert;
  GstAppSink *sink;
  GstBus *bus;
  gboolean is_file;
  ToolVideoChoice choice; /* the one that is read */

  GMutex lock; /* pads and coded pictures come on GStreamer's threads: other_videos, lost, and these */
  guint pads;      /* of videos, so far */
  gboolean linked;
  GstPad *pad;     /* that which is read; NULL where it has gone: another part of the file begins */
  gboolean complete; /* no more will come */
  gboolean playlist;
  gboolean sound;
  gboolean contained; /* there is a demuxer */
  GstPad *reading;    /* the first one's sink */
  char *kind;         /* what the file is: the first caps that were found */
  GHashTable *seen;   /* identities of video streams */
  gboolean picture; /* what is read is coded as one */

  GstCaps *caps;
  GstVideoInfo format;
  GstSegment segment;
  gboolean any;
  gint64 last;   /* start of the last frame */
  gint64 offset; /* added to times, so that they never run backwards */
  ToolVideoInfo info;
  GError *error;   /* found on the bus before its turn */
  guint stalled;   /* times in a row that the demuxer was not reading, and nothing came of it */
  gboolean uneven; /* the caps or the segment changed, times jumped or were missing */

  /* video_seek.c. Of what goes into the decoder, under the lock: */
  GstPad *watched;
  gulong probe;
  GstCaps *coded;    /* of what goes in, as it began */
  ToolCoding coding;
  gboolean recoded;  /* its parameters have changed since */
  gboolean sought;   /* tool_video_seek() was called: what follows is looked at */
  gboolean fresh;    /* flushed: what comes next is the first */
  gboolean inexact;
  GArray *units;     /* GstClockTime, ascending: pictures that went in and have not come out */

  /* video_lost.c, under the lock: */
  GArray *waiting;   /* likewise, of all that is to be shown */
  GstClockTime last_out;
  gboolean segmented; /* its segment has come */
  gboolean coming;   /* what comes now follows something */
  gboolean untimed;  /* times say nothing here */
};

typedef struct {
  ToolVideoFrame frame;
  GstVideoFrame mapped;
} Frame;

/* What lies on the bus; (transfer full) (nullable): an error. */
GError *tool_video_read_bus(ToolVideo *self);

/* video_kind.c. Looks on at @source, which takes the file apart. */
#define TOOL_VIDEO_PLAYLIST "a list of addresses, which is not followed: give the address itself"
void tool_video_kind_watch(ToolVideo *self, GstElement *source);
/* @pad is of a video; under the lock. */
void tool_video_kind_seen(ToolVideo *self, GstPad *pad);
/* Lets go of what was looked at. */
void tool_video_kind_unwatch(ToolVideo *self);
/* Whether the demuxer has given up without a word: decodebin loses an error that comes while it still starts the
 * demuxer, as of a file that is cut short within its head. FALSE and @error where it has. */
gboolean tool_video_kind_goes_on(ToolVideo *self, GError **error);
/* What GStreamer's error @gst comes to where there is no video; NULL: it means what it says. (transfer full) */
GError *tool_video_kind_error(ToolVideo *self, const GError *gst);

/* Finds the decoder whose pictures come out of @pad, and looks at what goes into it. */
void tool_video_watch(ToolVideo *self, GstPad *pad);
void tool_video_unwatch(ToolVideo *self);
/* Nothing more goes into the decoder whose pictures come out of @pad: they are not looked at, and may be damaged. */
void tool_video_mute(GstPad *pad);
/* @buffer is the next picture: whether one that went in before it is missing. */
void tool_video_check(ToolVideo *self, GstBuffer *buffer);

gboolean tool_video_is_decoder(GstElement *element);

/* All under the lock. @decoder: what it is that is looked at. */
void tool_video_lost_watch(ToolVideo *self, GstElement *decoder);
void tool_video_lost_in(ToolVideo *self, GstPad *pad, GstBuffer *buffer);
/* A frame of @duration came out; NULL: no more will. */
void tool_video_lost_out(ToolVideo *self, GstBuffer *buffer, gint64 duration);
/* Other times begin. @for_good: none that can be compared. */
void tool_video_lost_restart(ToolVideo *self, gboolean for_good);

G_END_DECLS
