/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Frames of a video, decoded as fast as they are asked for: what `scan` and `index` read. Decoding is
 * GStreamer's, in software, in threads of its own; the picture is turned as the file says it is to be
 * shown. A frame is given as the decoder made it where the engine reads that format.
 *
 * Thread-safety: one thread a ToolVideo; frames may be released on any thread.
 */

#include "hysac.h"

G_BEGIN_DECLS

typedef struct _ToolVideo ToolVideo;

typedef struct {
  HysacFrame picture; /* inside the frame's mapping: valid while a reference is held */
  guint64 number;     /* 0, 1, ... */
  gint64 time;        /* position in the programme, ns; never less than the one before's */
  gint64 duration;    /* ns; a guess by the frame rate where the file does not say */
  gboolean boundary;  /* it does not follow the one before: the first, a discontinuity, other caps */
} ToolVideoFrame;

typedef struct {
  guint width, height;  /* as shown; of the latest frame */
  gint fps_num, fps_den; /* 0/1: unknown or variable */
  gint64 duration;      /* as the file states it, ns; below 0: unknown */
  gint64 position;      /* end of the latest frame */
  guint64 frames;       /* so far */
  guint warnings;       /* that the decoder gave: damaged pictures, missing data */
  guint lost;           /* pictures that are in the file and did not come out of the decoder, or damaged */
  guint other_videos;   /* video streams beside the one that is read */
  guint undecoded;      /* and those that no decoder takes; a container that nothing opens is one too */
  guint seen;           /* of both, those of different identities: MPEG streams may show one again and again */
  const char *kind;     /* what the file was found to be, as of tool_video_tracks_kind(); NULL: another kind, or not known yet */
  gboolean attached;    /* coded as a picture, beside sound or another video: a cover, if it has one frame */
} ToolVideoInfo;

/* The file that @name is of: itself, or what a file:// address names; NULL: another address. (transfer full) */
char *tool_video_path(const char *name);

/**
 * tool_video_open:
 * @name: a file, or a URI that GStreamer knows (it has a "://")
 * @stream: which of its video streams, from 0, in an order that is the same each time
 *
 * Starts to decode. What is wrong with the content is told by tool_video_next().
 *
 * Returns: (transfer full): the video, or %NULL with @error: IO (missing, unreadable, not a file,
 * empty), UNSUPPORTED (an element of GStreamer is missing)
 */
ToolVideo *tool_video_open(const char *name, guint stream, GError **error);

/* Of a file's video streams, one; {0, -1} is what GStreamer shows first. */
typedef struct {
  guint stream; /* from 0, in an order that is the same each time */
  gint program; /* MPEG-TS: among this one's; below 0: of the program that GStreamer takes */
  /* Bytes of the file that are read as zeros: the duration of an MP4, where there is a track that qtdemux would take for a
   * preview of so long a movie. */
  guint64 blank_at;
  guint blank_length;
} ToolVideoChoice;

/* As tool_video_open(). */
ToolVideo *tool_video_open_choice(const char *name, const ToolVideoChoice *choice, GError **error);

/**
 * tool_video_next:
 * @stop: (nullable): set from anywhere to end a wait
 *
 * Waits for the next frame. Some tens of frames may be held at a time.
 *
 * Returns: (transfer full): the frame; %NULL without @error at the end or where @stop is set; %NULL
 * with @error: UNSUPPORTED (nothing in it is a video that can be decoded), FORMAT (damaged), IO,
 * TIMEOUT (a source that gives nothing for a minute)
 */
ToolVideoFrame *tool_video_next(ToolVideo *self, const gint *stop, GError **error);

/* A frame by which a video can be taken up again. */
typedef struct {
  guint64 number;
  gint64 time, duration;
  gint64 stated;  /* the video's duration as it was told then */
  char *caps;     /* of its pictures */
  char *checksum; /* of its pixels, SHA-256 */
} ToolVideoMark;

void tool_video_mark_clear(ToolVideoMark *mark);

/**
 * tool_video_mark:
 * @frame: the latest of tool_video_next()
 * @mark: (out):
 *
 * Returns: FALSE where it is known that this frame could not be found again with its number: times that
 * jump or are missing, caps that changed, warnings of the decoder, a coding that is not known to begin
 * afresh at its key frames (known are H.264, H.265, VP8, VP9 and JPEG)
 */
gboolean tool_video_mark(ToolVideo *self, ToolVideoFrame *frame, ToolVideoMark *mark);

/**
 * tool_video_seek:
 * @times: the times of all frames up to the mark's, each at its number
 * @stop: (nullable): as of tool_video_next()
 *
 * Goes from the beginning to the key frame before the marked frame, and decodes up to that. What tells
 * that its number is right and all that follows as if everything had been decoded: decoding begins with a
 * picture after which no older one is used (an IDR picture, not just an I picture), each frame's time from
 * there on is in the list, in order and without a gap, and the marked one has its duration and its pixels.
 *
 * Returns: (transfer full): the marked frame, from which on tool_video_next() goes on; %NULL where that could not be
 * had: the video is of no use any more
 */
ToolVideoFrame *tool_video_seek(ToolVideo *self, const ToolVideoMark *mark, const gint64 *times, const gint *stop);

/* After tool_video_seek(), beside each frame and at the end: FALSE as soon as it turns out that numbers may be wrong,
 * or that something is damaged, which might have come otherwise without it. */
gboolean tool_video_is_exact(ToolVideo *self);

void tool_video_get_info(ToolVideo *self, ToolVideoInfo *info);
/* Frames live on. NULL is fine. */
void tool_video_close(ToolVideo *self);

ToolVideoFrame *tool_video_frame_ref(ToolVideoFrame *frame);
void tool_video_frame_unref(gpointer frame); /* a GDestroyNotify; NULL is fine */

/* The frame as 8-bit RGB of @width x @height, rows without padding. (transfer full), NULL where it
 * cannot be converted. */
guint8 *tool_video_frame_to_rgb(ToolVideoFrame *frame, guint width, guint height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ToolVideo, tool_video_close)

G_END_DECLS
