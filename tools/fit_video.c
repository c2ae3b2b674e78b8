/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: which frames of a video are scored. As hysac scan and the element do: the first at or after
 * the interval, and both sides of a cut, the first and the last. */

#include "fit.h"
#include "video.h"
#include "videoend.h"

#include "gst/scenecut.h"

#include <math.h>

#define AHEAD 16
#define HOUR 3600e9 /* ns */

typedef struct {
  GMutex lock;
  GCond changed;
} Gate;

typedef struct {
  Gate *gate;
  ToolVideoFrame *frame;
  gboolean boundary, done;
  HysacEmbedding embedding; /* its feature is ours */
  GError *error;
} Request;

typedef struct {
  Gate gate;
  HysacEngine *engine;
  const FitSampling *sampling;
  FitClip *clip;
  GQueue requests;
  GstHysacSceneCut cut;
  ToolVideoFrame *newest;
  gboolean newest_scored;
  gint64 first, last; /* times: of the first frame, of the last sample */
  GError *error;      /* the encoder's, the first */
} Run;

static void
on_done(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Request *self = user_data;
  g_mutex_lock(&self->gate->lock);
  if (error != NULL)
    self->error = g_error_copy(error);
  if (embedding != NULL) {
    self->embedding = *embedding;
    self->embedding.point = NULL;
    self->embedding.feature = g_memdup2(embedding->feature, embedding->dim * sizeof(float));
  }
  self->done = TRUE;
  g_cond_signal(&self->gate->changed);
  g_mutex_unlock(&self->gate->lock);
}

static void
take_oldest(Run *run)
{
  Request *request = g_queue_pop_head(&run->requests);
  g_mutex_lock(&run->gate.lock);
  while (!request->done)
    g_cond_wait(&run->gate.changed, &run->gate.lock);
  g_mutex_unlock(&run->gate.lock);
  if (request->error != NULL && run->error == NULL)
    run->error = g_steal_pointer(&request->error);
  else if (request->error == NULL)
    fit_clip_add(run->clip, &request->embedding, request->frame->time, request->boundary,
                 run->sampling->features);
  g_clear_error(&request->error);
  g_free((float *) request->embedding.feature);
  tool_video_frame_unref(request->frame);
  g_free(request);
}

static void
submit(Run *run, ToolVideoFrame *frame, gboolean boundary)
{
  Request *request = g_new0(Request, 1);
  g_autoptr(GError) error = NULL;
  request->gate = &run->gate;
  request->frame = tool_video_frame_ref(frame);
  request->boundary = boundary;
  g_queue_push_tail(&run->requests, request);
  run->last = frame->time;
  if (!hysac_engine_submit_shown(run->engine, &frame->picture, NULL, NULL, NULL, on_done, request, &error))
    on_done(NULL, error, request);
  if (g_queue_get_length(&run->requests) >= AHEAD)
    take_oldest(run);
}

static void
score_newest(Run *run)
{
  if (run->newest != NULL && !run->newest_scored)
    submit(run, run->newest, FALSE);
  run->newest_scored = TRUE;
}

/* Takes @frame. */
static void
admit(Run *run, ToolVideoFrame *frame)
{
  const gboolean cut =
      run->sampling->interval > 0 && gst_hysac_scene_cut_feed(&run->cut, &frame->picture);
  const gboolean boundary = frame->boundary || cut || run->newest == NULL;
  const gboolean due = boundary || frame->time - run->last >= run->sampling->interval;
  if (run->newest == NULL)
    run->first = frame->time;
  if (boundary)
    score_newest(run);
  if (due)
    submit(run, frame, boundary);
  tool_video_frame_unref(run->newest);
  run->newest = frame;
  run->newest_scored = due;
}

gboolean
fit_sample_video(HysacEngine *engine, const char *path, const FitSampling *sampling, FitClip *clip,
                 gboolean *broken, GError **error)
{
  Run run = { .engine = engine, .sampling = sampling, .clip = clip };
  g_autoptr(GError) local = NULL;
  g_autoptr(ToolVideo) video = tool_video_open(path, 0, &local);
  ToolVideoFrame *frame;
  ToolVideoInfo info;

  if (video == NULL) {
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
  }
  g_mutex_init(&run.gate.lock);
  g_cond_init(&run.gate.changed);
  g_queue_init(&run.requests);
  while (run.error == NULL && (frame = tool_video_next(video, NULL, &local)) != NULL)
    admit(&run, frame);
  if (run.error == NULL)
    score_newest(&run);
  while (!g_queue_is_empty(&run.requests))
    take_oldest(&run);
  tool_video_get_info(video, &info);
  if (info.position > run.first)
    clip->hours = (double) (info.position - run.first) / HOUR;
  tool_video_frame_unref(run.newest);
  g_mutex_clear(&run.gate.lock);
  g_cond_clear(&run.gate.changed);
  if (run.error != NULL) {
    *broken = !fit_is_file_error(run.error);
    g_propagate_error(error, run.error);
    return FALSE;
  }
  if (local == NULL && clip->distances->len == 0)
    g_set_error(&local, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "no picture in it could be decoded");
  g_autofree char *why = local == NULL ? tool_video_end_error(path, &info) : NULL;
  if (why != NULL)
    g_set_error(&local, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s", why);
  if (local == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&local));
  return FALSE;
}
