/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac scan: the video streams of a file, one after the other, each decoded alone and with a state of its own; and what
 * they come to. A player lets people choose between them, so that one that is unsafe makes the file unsafe, and
 * one that was not wholly looked at leaves it unchecked.
 */

#include "scan.h"

#include "filekind.h"
#include "videoend.h"
#include "videotracks.h"

#include <math.h>
#include <string.h>

/* The file is read once for each: one of very many would take for ever. */
#define MOST_STREAMS 32

guint
scan_file_count(const ScanFile *file)
{
  return 1 + (file->more ? file->more->len : 0);
}

ScanFile *
scan_file_stream(const ScanFile *file, guint i)
{
  return i == 0 ? (ScanFile *) file : file->more->pdata[i - 1];
}

gboolean
scan_file_has_streams(const ScanFile *file)
{
  return file->more != NULL || file->of != NULL;
}

char *
scan_stream_id(const ScanFile *file)
{
  return file->stream > 1 ? g_strdup_printf("%u-%u", file->index, file->stream) : g_strdup_printf("%u", file->index);
}

char *
scan_stream_name(const ScanFile *file)
{
  return scan_file_has_streams(file) ? g_strdup_printf("file %u, video stream %u", file->index, file->stream)
                                     : g_strdup_printf("file %u", file->index);
}

void
scan_file_sum(const ScanFile *file, ScanTotals *out)
{
  *out = (ScanTotals) { 0 };
  for (guint i = 0; i < scan_file_count(file); i++) {
    const ScanFile *stream = scan_file_stream(file, i);
    out->samples += stream->samples->len;
    out->failed_samples += stream->failed_samples;
    out->segments += stream->segments->len;
    out->warnings += stream->warnings;
    out->frames += stream->frames;
    out->duration = MAX(out->duration, stream->duration);
  }
}

const char *
scan_file_verdict(const ScanFile *file)
{
  for (guint k = 0; k < scan_file_count(file); k++) {
    const GArray *segments = scan_file_stream(file, k)->segments;
    for (guint i = 0; i < segments->len; i++) {
      if (strcmp(g_array_index(segments, ScanSegment, i).segment.verdict, "unsafe") == 0)
        return "unsafe";
    }
  }
  return file->status == SCAN_COMPLETE                             ? "safe"
         : file->status == SCAN_OTHER || file->status == SCAN_WAITING ? "none"
                                                                   : "failed";
}

const ScanSample *
scan_file_worst(const ScanFile *file, const ScanFile **stream)
{
  const ScanSample *worst = NULL;
  if (stream != NULL)
    *stream = file;
  for (guint k = 0; k < scan_file_count(file); k++) {
    const ScanFile *one = scan_file_stream(file, k);
    for (guint i = 0; i < one->samples->len; i++) {
      const ScanSample *sample = &g_array_index(one->samples, ScanSample, i);
      if (isnan(sample->distance) || (worst != NULL && sample->distance <= worst->distance))
        continue;
      worst = sample;
      if (stream != NULL)
        *stream = one;
    }
  }
  return worst;
}

/* ------------------------------------------------------------------ what the whole comes to */

static void
add_error(char **error, const char *more)
{
  char *both = *error ? g_strdup_printf("%s; %s", *error, more) : g_strdup(more);
  g_free(*error);
  *error = both;
}

/* Stated lengths are those of the longest stream, and some are estimates. Where the file is known to be whole, and another
 * of its videos lasts to the stated end, this one is shorter; and a cover has no length. */
static void
check_length(ScanFile *stream, gint64 longest, gboolean whole)
{
  if (stream->status != SCAN_COMPLETE || !tool_video_ends_short(stream->stated, stream->duration))
    return;
  if (whole && ((stream->attached && stream->frames == 1) || !tool_video_ends_short(stream->stated, longest)))
    return;
  g_autofree char *end = g_strdup_printf(TOOL_VIDEO_SHORT, (double) (stream->stated - stream->duration) / 1e9);
  add_error(&stream->error, end);
  stream->status = SCAN_PARTIAL;
}

/* Of several streams each keeps what it has alone. */
static void
join(ScanFile *file)
{
  guint failed = 0, stopped = 0, complete = 0;
  g_autofree char *why = NULL;
  for (guint i = 0; i < scan_file_count(file); i++) {
    ScanFile *stream = scan_file_stream(file, i);
    stream->own_status = stream->status;
    stream->own_error = g_strdup(stream->error);
    complete += stream->status == SCAN_COMPLETE;
    failed += stream->status == SCAN_FAILED;
    stopped += stream->status == SCAN_STOPPED;
    if (stream->error == NULL)
      continue;
    g_autofree char *one = g_strdup_printf("video stream %u: %s", stream->stream, stream->error);
    add_error(&why, one);
  }
  g_free(file->error);
  file->error = g_steal_pointer(&why);
  file->status = stopped > 0                         ? SCAN_STOPPED
                 : complete == scan_file_count(file) ? SCAN_COMPLETE
                 : failed == scan_file_count(file)   ? SCAN_FAILED
                                                     : SCAN_PARTIAL;
}

static void
note_unseen(ScanFile *file, guint n, const char *why)
{
  if (n == 0)
    return;
  g_autofree char *text = g_strdup_printf("%u more video stream(s) in it %s", n, why);
  add_error(&file->error, text);
  if (file->status == SCAN_COMPLETE)
    file->status = SCAN_PARTIAL;
}

/* The file holds what GStreamer does not show: it is neither whole nor without a video. */
static void
note_hidden(ScanFile *file, const char *text)
{
  add_error(&file->error, text);
  file->status = file->status == SCAN_COMPLETE ? SCAN_PARTIAL : file->status == SCAN_OTHER ? SCAN_FAILED : file->status;
}

/* Demuxers go by the index, players by what is there. Some pictures are not decoded as they stand: at a beginning without a
 * key picture, at the end. */
static gboolean
lacks_pictures(const ScanFile *file, guint64 stated, guint64 *shown)
{
  *shown = 0;
  for (guint i = 0; i < scan_file_count(file); i++)
    *shown += scan_file_stream(file, i)->frames;
  return *shown > 0 && stated > *shown && (stated - *shown > 25 || (stated - *shown) * 4 > stated);
}

static void
check_tracks(ScanFile *file, const ToolVideoTracks *tracks)
{
  guint64 shown;
  g_autofree char *missing = NULL, *behind = NULL;
  if (file->status == SCAN_STOPPED)
    return;
  if (tracks->videos > file->seen)
    missing = g_strdup_printf("it states %u video stream(s), of which GStreamer shows %u: take each out and scan that "
                              "(ffmpeg -i FILE -map 0:v:N -c copy OTHER.mkv, N from 0)",
                              tracks->videos, file->seen);
  if (lacks_pictures(file, tracks->pictures, &shown)) {
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT " pictures are in it, of which its index shows GStreamer %" G_GUINT64_FORMAT
                                            ": mend that and scan it again (ffmpeg -i FILE -c copy OTHER.avi)",
                                            tracks->pictures, shown);
    note_hidden(file, text);
  }
  if (tracks->next > 0)
    behind = g_strdup_printf("another file begins inside it, which was not looked at: take it out and scan that "
                             "(tail -c +%" G_GUINT64_FORMAT " FILE > OTHER)",
                             tracks->next + 1);
  if (missing != NULL)
    note_hidden(file, missing);
  if (behind != NULL)
    note_hidden(file, behind);
  if (file->path != NULL && file->kind != NULL && !tracks->known && (file->status == SCAN_COMPLETE || file->status == SCAN_OTHER)) {
    g_autofree char *text = g_strdup_printf("GStreamer takes it for %s, and no index of that was found in it: there may be more "
                                            "videos in it",
                                            file->kind);
    note_hidden(file, text);
  }
  if (tracks->unfinished)
    note_hidden(file, "its index could not be looked through: there may be more videos in it");
}

static void
conclude(ScanFile *file, const ToolVideoTracks *tracks)
{
  gint64 longest = 0;
  gboolean complete = FALSE;
  for (guint i = 0; i < scan_file_count(file); i++) {
    longest = MAX(longest, scan_file_stream(file, i)->duration);
    complete |= scan_file_stream(file, i)->status == SCAN_COMPLETE;
  }
  const gboolean cut = complete && file->path != NULL && tool_video_is_cut(file->path);
  for (guint i = 0; i < scan_file_count(file); i++)
    check_length(scan_file_stream(file, i), longest, !cut);
  if (file->more != NULL)
    join(file);
  if (file->status == SCAN_FAILED && file->path != NULL && tool_video_is_cut(file->path))
    add_error(&file->error, TOOL_VIDEO_CUT);
  if (file->status == SCAN_COMPLETE && cut) {
    add_error(&file->error, TOOL_VIDEO_CUT);
    file->status = SCAN_PARTIAL;
  }
  check_tracks(file, tracks);
  if (file->frames == 0 && file->more == NULL)
    return;
  if (file->videos > scan_file_count(file))
    note_unseen(file, file->videos - scan_file_count(file), "were not looked at");
  note_unseen(file, file->undecoded, "cannot be decoded");
}

/* ------------------------------------------------------------------ one after the other */

typedef struct {
  guint streams; /* that were run */
  guint videos, undecoded, seen;
} ScanTotal;

static void
run_one(ScanFile *stream, const ScanSettings *settings, ScanEngine *engine, const char *states, const gint *stop,
        GError **error)
{
  g_autoptr(GError) local = NULL;
  ScanState *state = states ? scan_state_open(states, stream, settings, &local) : NULL;
  scan_file_run(stream, settings, engine, state, stop);
  scan_state_close(state, local ? NULL : &local);
  if (local != NULL && (error == NULL || *error == NULL))
    g_propagate_error(error, g_steal_pointer(&local));
}

/* The streams of one program, or of the file, from @choice on. */
static void
run_streams(ScanFile *file, const ToolVideoChoice *choice, const ToolVideoTracks *tracks, ScanTotal *total,
            const ScanSettings *settings, ScanEngine *engine, const char *states, const gint *stop, GError **error)
{
  guint videos = 1;
  for (guint i = 0; i < videos && total->streams < MOST_STREAMS && !(total->streams > 0 && g_atomic_int_get(stop)); i++) {
    ScanFile *stream = total->streams == 0 ? file : scan_file_new(file->name, FALSE);
    stream->choice = *choice;
    stream->choice.stream = i;
    stream->movie = choice->blank_length > 0 ? tracks->duration : 0;
    if (total->streams++ > 0) {
      stream->index = file->index;
      stream->stream = total->streams;
      stream->of = file;
      if (file->more == NULL)
        file->more = g_ptr_array_new_with_free_func(scan_file_free);
      g_ptr_array_add(file->more, stream);
    }
    run_one(stream, settings, engine, states, stop, error);
    file->resumed |= stream->resumed;
    if (i > 0)
      continue;
    videos = MAX(stream->videos, 1);
    total->videos += stream->videos;
    total->undecoded += stream->undecoded;
    total->seen += stream->seen;
    if (stream != file)
      file->videos = total->videos; /* for who shows how far it is */
  }
}

void
scan_streams_run(ScanFile *file, const ScanSettings *settings, ScanEngine *engine, const char *states,
                 const gint *stop, GError **error)
{
  ToolVideoTracks tracks = { 0 };
  ScanTotal total = { 0 };
  ToolVideoChoice choice = { .program = -1 };
  if (file->path != NULL)
    tool_video_tracks_read(file->path, &tracks);
  /* A decoder would make a video of one frame of it. Its name alone says nothing. */
  if (file->from_folder && !tracks.known && tool_is_picture(file->name) && tool_begins_as_picture(file->path)) {
    file->status = SCAN_OTHER;
    file->error = g_strdup("a picture: hysac classify judges those");
    return;
  }
  choice.blank_at = tracks.duration_at;
  choice.blank_length = tracks.duration_length;
  for (guint i = 0; i < MAX(tracks.n_programs, 1); i++) {
    choice.program = tracks.n_programs > 0 ? tracks.programs[i] : -1;
    run_streams(file, &choice, &tracks, &total, settings, engine, states, stop, error);
  }
  file->videos = total.videos;
  file->undecoded = total.undecoded;
  file->seen = total.seen;
  /* A file may look like several kinds: what counts is the one that it was decoded as. */
  if (file->path != NULL && file->kind != NULL && tracks.kind != file->kind)
    tool_video_tracks_read_as(file->path, file->kind, &tracks);
  conclude(file, &tracks);
}
