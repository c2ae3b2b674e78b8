/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac scan: taking up a file that was stopped. What lies before the point is not decoded again: its frames are known
 * by their times, its samples by their distances, and by these the policy makes of them what it made. The rest is
 * decoded as if all had been, which tool_video_seek() and tool_video_is_exact() vouch for; where they do not, all is.
 */

#include "progress.h"
#include "scan_run.h"

/* Frames from one point to the next: some seconds. By number and not by time: the same file leaves the same state. */
#define POINT_EVERY 250
#define DECIDE_EVERY 250

void
scan_run_mark(ScanRun *run, ToolVideo *video, ToolVideoFrame *frame)
{
  ScanPoint *trail = run->trail;
  if (run->state == NULL)
    return;
  scan_point_add(trail, frame);
  if ((frame->number + 1) % POINT_EVERY != 0 || run->marking || run->file->failed_samples > 0)
    return;
  tool_video_mark_clear(&trail->mark);
  if (!tool_video_mark(video, frame, &trail->mark))
    return;
  trail->scored = run->newest_scored;
  trail->motion = run->cut.motion;
  run->before_mark = run->requests.length;
  run->marking = TRUE;
  if (run->before_mark == 0) {
    run->before_mark = 1;
    scan_run_answered(run);
  }
}

void
scan_run_answered(ScanRun *run)
{
  if (!run->marking || --run->before_mark > 0)
    return;
  run->marking = FALSE;
  /* One that failed is tried again, which takes its pixels. */
  if (run->file->failed_samples == 0)
    scan_state_add_point(run->state, run->trail);
}

static void
replay_sample(ScanRun *run, guint i, gint64 time, gboolean boundary)
{
  HysacRating rating = { 0 };
  ScanSample sample = { .frame = i, .time = time, .end = time + g_array_index(run->trail->durations, gint64, i) };
  if (!scan_state_lookup(run->state, i, time, &sample.distance, run->settings->rater ? &rating : NULL))
    return;
  hysac_policy_set_add_sample(run->policy, i, time, boundary);
  run->last_sample = time;
  scan_run_keep(run, &sample, &rating);
}

/* All up to the marked frame, which is @frame. */
static void
replay(ScanRun *run, ToolVideoFrame *frame)
{
  const ScanPoint *trail = run->trail;
  guint next = 0; /* of the boundaries */
  for (guint i = 0; i < trail->times->len; i++) {
    const gint64 time = g_array_index(trail->times, gint64, i);
    const gboolean boundary =
        next < trail->boundaries->len && g_array_index(trail->boundaries, guint64, next) == i;
    ScanPending *pending = g_new(ScanPending, 1);
    *pending = (ScanPending) { i, time, g_array_index(trail->durations, gint64, i) };
    next += boundary;
    if (i < frame->number || trail->scored)
      replay_sample(run, i, time, boundary);
    g_queue_push_tail(&run->frames, pending);
    if (i % DECIDE_EVERY == 0)
      scan_run_decide(run, FALSE);
  }
  if (run->settings->interval > 0) {
    gst_hysac_scene_cut_feed(&run->cut, &frame->picture);
    run->cut.motion = trail->motion;
  }
  run->newest = frame;
  run->newest_scored = trail->scored;
  run->file->resumed = TRUE;
  run->file->earlier = frame->time;
  run->from = frame->number;
}

ToolVideo *
scan_run_open(ScanRun *run, const gint *stop, GError **error)
{
  ScanPoint *point = run->state ? scan_state_take_point(run->state) : NULL;
  ToolVideo *video = tool_video_open_choice(run->file->name, &run->file->choice, error);
  if (point == NULL || video == NULL) {
    scan_point_free(point);
    return video;
  }
  g_autofree char *name = tool_shown_name(run->file->name);
  ToolVideoFrame *frame =
      tool_video_seek(video, &point->mark, (const gint64 *) (const void *) point->times->data, stop);
  if (frame != NULL) {
    ToolVideoInfo info;
    tool_video_get_info(video, &info);
    run->file->fps_num = info.fps_num; /* what segments go by */
    run->file->fps_den = info.fps_den;
    scan_point_free(run->trail);
    run->trail = point;
    replay(run, frame);
    if (tool_is_verbose())
      tool_error("%s goes on at frame %" G_GUINT64_FORMAT, name, frame->number + 1);
    return video;
  }
  tool_video_close(video);
  if (!g_atomic_int_get(stop)) {
    if (tool_is_verbose())
      tool_error("%s is decoded from its beginning: frame %" G_GUINT64_FORMAT " could not be found again", name,
                 point->mark.number);
    scan_state_anew(run->state, G_MAXINT64);
  }
  scan_point_free(point);
  return tool_video_open_choice(run->file->name, &run->file->choice, error);
}
