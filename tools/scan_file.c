/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac scan: one video stream of a file. Which frames are scored, and what follows from it, is as in the element's gate
 * mode (docs/architecture.md, "Gate and monitor, exactly"); but no frame waits here: what is kept
 * of a frame that is no sample is its number and time. Distances that an earlier run has left are taken;
 * the file is decoded all the same, so that the same frames are samples as in one go.
 */

#include "filekind.h"
#include "progress.h"
#include "scan_run.h"

#include <math.h>
#include <string.h>

/* Samples in the encoder at a time: enough for its batches, and their pictures are held. */
#define AHEAD 16
#define PATIENCE (30 * G_TIME_SPAN_SECOND)
#define REUSE_MAX_AGE (10 * G_GINT64_CONSTANT(1000000000))

static HysacReason
reason_of(const GError *error)
{
  switch (error->domain == HYSAC_ERROR ? error->code : HYSAC_ERROR_DEVICE) {
  case HYSAC_ERROR_NUMERIC:
    return HYSAC_REASON_FAILED_NUMERIC;
  case HYSAC_ERROR_ARGUMENT:
  case HYSAC_ERROR_UNSUPPORTED:
    return HYSAC_REASON_FAILED_MAP;
  case HYSAC_ERROR_OUT_OF_MEMORY:
    return HYSAC_REASON_FAILED_MEMORY;
  case HYSAC_ERROR_TIMEOUT:
    return HYSAC_REASON_FAILED_TIMEOUT;
  default:
    return HYSAC_REASON_FAILED_DEVICE;
  }
}

static void
on_done(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  ScanRequest *request = user_data;
  ScanRun *run = request->run;
  if (embedding != NULL && run->settings->rater != NULL)
    hysac_rater_rate(run->settings->rater, embedding->feature, embedding->point, &request->rating);
  g_mutex_lock(&run->lock);
  request->distance = embedding ? embedding->distance : (double) NAN;
  request->reused = embedding && embedding->reused;
  if (embedding && !isfinite(embedding->distance))
    request->failure = HYSAC_REASON_FAILED_NUMERIC;
  if (error != NULL) {
    request->failure = reason_of(error);
    request->error = g_error_copy(error);
  }
  request->done = TRUE;
  g_cond_signal(&run->changed);
  g_mutex_unlock(&run->lock);
}

static void
submit(ScanRun *run, ToolVideoFrame *frame, gboolean boundary)
{
  ScanRequest *request = g_new0(ScanRequest, 1);
  const HysacReuse reuse = { .time = frame->time, .max_age = REUSE_MAX_AGE };
  g_autoptr(GError) error = NULL;
  request->run = run;
  request->frame = tool_video_frame_ref(frame);
  g_queue_push_tail(&run->requests, request);
  hysac_policy_set_add_sample(run->policy, frame->number, frame->time, boundary);
  run->last_sample = frame->time;
  if (boundary) {
    g_array_append_val(run->trail->boundaries, frame->number);
    hysac_reference_unref(run->reference);
    run->reference = hysac_reference_new();
  }
  if (run->state != NULL &&
      scan_state_lookup(run->state, frame->number, frame->time, &request->distance,
                        run->settings->rater ? &request->rating : NULL)) {
    request->known = request->done = TRUE;
    run->file->resumed = TRUE;
  } else if (!hysac_engine_submit_shown(run->engine, &frame->picture, run->reference, &reuse, NULL,
                                        on_done, request, &error)) {
    on_done(NULL, error, request);
  }
}

/* Pictures of what was found: of each stretch of unsafe samples the worst. */
static void
note_thumb(ScanRun *run, const ScanRequest *request, double margin)
{
  ScanPoint *trail = run->trail;
  const gboolean above = margin > run->settings->policy.enter_margin; /* FALSE for NAN */
  /* Of rules of categories and the head, which are bits of their own. */
  const guint32 marks = (request && !request->failure ? request->rating.marks << 1 : 0) | above;
  if (marks != trail->best_marks && trail->best.bytes != NULL) {
    g_array_append_val(trail->thumbs, trail->best);
    trail->best = (ScanThumb) { 0 };
  }
  trail->best_marks = marks;
  if (marks == 0 || run->settings->thumbs == SCAN_THUMBS_NONE)
    return;
  if (trail->best.bytes != NULL && margin <= trail->best.margin)
    return;
  GBytes *bytes = scan_thumb_make(request->frame, run->settings->thumbs);
  if (bytes == NULL)
    return;
  g_clear_pointer(&trail->best.bytes, g_bytes_unref);
  trail->best = (ScanThumb) { .bytes = bytes, .time = request->frame->time, .margin = margin };
}

void
scan_run_keep(ScanRun *run, const ScanSample *sample, const HysacRating *rating)
{
  if (!sample->failure)
    hysac_policy_set_resolve(run->policy, sample->frame, sample->distance,
                             sample->distance - run->settings->region.bound, rating->marks);
  g_array_append_val(run->file->samples, *sample);
  if (run->settings->rater != NULL) {
    const HysacRating none = { 0 };
    g_array_append_vals(run->file->ratings, sample->failure ? &none : rating, 1);
  }
}

static void
take_answer(ScanRun *run, ScanRequest *request)
{
  ScanFile *file = run->file;
  const ToolVideoFrame *frame = request->frame;
  const ScanSample sample = { .frame = frame->number,
                              .time = frame->time,
                              .end = frame->time + frame->duration,
                              .distance = request->failure ? (double) NAN : request->distance,
                              .failure = request->failure };
  if (request->failure != HYSAC_REASON_SAFE) {
    hysac_policy_set_fail(run->policy, frame->number, request->failure);
    file->failed_samples++;
    if (run->engine_error == NULL && request->error != NULL)
      run->engine_error = g_error_copy(request->error);
  } else if (run->state != NULL && !request->known) {
    scan_state_add(run->state, &sample, run->settings->rater ? &request->rating : NULL);
  }
  scan_run_keep(run, &sample, &request->rating);
  note_thumb(run, request, sample.distance - run->settings->region.bound);
  tool_video_frame_unref(request->frame);
  g_clear_error(&request->error);
  g_free(request);
}

/* Takes what has been answered, in order, until at most @most are out. */
static void
collect(ScanRun *run, guint most)
{
  ScanRequest *request;
  while ((request = g_queue_peek_head(&run->requests)) != NULL) {
    g_mutex_lock(&run->lock);
    while (!request->done && run->requests.length > most) {
      const gint64 until = g_get_monotonic_time() + PATIENCE;
      if (!g_cond_wait_until(&run->changed, &run->lock, until)) {
        g_mutex_unlock(&run->lock);
        hysac_engine_give_up(run->engine); /* which answers, where the driver hangs */
        g_mutex_lock(&run->lock);
      }
    }
    const gboolean done = request->done;
    g_mutex_unlock(&run->lock);
    if (!done)
      return;
    take_answer(run, g_queue_pop_head(&run->requests));
    scan_run_answered(run);
  }
}

static void
keep_segment(ScanRun *run, const HysacSegment *segment)
{
  const ScanSegment kept = { .segment = *segment };
  g_array_append_val(run->file->segments, kept);
}

/* As the element's record of what it tagged (gsthysacrecord.c). */
static void
note_frame(ScanRun *run, const ScanPending *frame, const HysacDecision *decision, guint32 marks)
{
  const gboolean redact = decision->kind == HYSAC_DECISION_REDACT;
  const gboolean outage = redact && hysac_reason_is_failure(decision->failure);
  const HysacSegmentFrame entry = {
    .number = frame->seq,
    .start = frame->time,
    .duration = MAX(frame->duration, 1),
    .until_next = run->file->fps_num == 0,
    .marked = decision->kind != HYSAC_DECISION_PASS,
    .verdict = !redact || outage ? "failed" : "unsafe",
    .action = "tag",
    .reason = outage ? decision->failure : decision->reason,
    .interval = redact ? decision->interval_id : 0,
    .has_margin = decision->has_sample && decision->sample_ok,
    .margin = decision->margin,
  };
  HysacSegment ended;
  if (hysac_segmenter_add(&run->segmenter, &entry, &ended))
    keep_segment(run, &ended);
  if (run->settings->ruled)
    scan_acting_add(&run->acting, run->file->acts, &entry, marks);
}

void
scan_run_decide(ScanRun *run, gboolean force)
{
  ScanPending *frame;
  while ((frame = g_queue_peek_head(&run->frames)) != NULL) {
    guint32 marks;
    const HysacDecision decision =
        hysac_policy_set_decide(run->policy, frame->seq, frame->time, force, &marks);
    if (decision.kind == HYSAC_DECISION_PENDING)
      return;
    note_frame(run, frame, &decision, marks);
    hysac_policy_set_forget(run->policy, frame->seq + 1);
    g_free(g_queue_pop_head(&run->frames));
  }
}

static void
score_newest(ScanRun *run)
{
  if (run->newest != NULL && !run->newest_scored)
    submit(run, run->newest, FALSE);
  run->newest_scored = TRUE;
}

/* Takes @frame. */
static void
admit(ScanRun *run, ToolVideoFrame *frame)
{
  const gboolean cut =
      run->settings->interval > 0 && gst_hysac_scene_cut_feed(&run->cut, &frame->picture);
  const gboolean boundary = frame->boundary || cut;
  const gboolean due = boundary || frame->time - run->last_sample >= run->settings->interval;
  ScanPending *pending = g_new(ScanPending, 1);
  *pending = (ScanPending) { frame->number, frame->time, frame->duration };
  if (boundary)
    score_newest(run); /* the last frame of the shot, whatever ended it */
  if (due)
    submit(run, frame, boundary);
  g_queue_push_tail(&run->frames, pending);
  tool_video_frame_unref(run->newest);
  run->newest = frame;
  run->newest_scored = due;
}

static void
note_info(ScanFile *file, const ToolVideoInfo *info)
{
  ScanFile *whole = file->of ? file->of : file;
  file->width = info->width;
  file->height = info->height;
  file->fps_num = info->fps_num;
  file->fps_den = info->fps_den;
  file->stated = file->movie > 0 ? file->movie : info->duration;
  file->duration = info->position;
  file->frames = info->frames;
  file->warnings = info->warnings;
  file->videos = info->other_videos + (info->frames > 0 || info->other_videos > 0);
  file->undecoded = info->undecoded;
  file->seen = info->seen;
  file->attached = info->attached;
  file->kind = info->kind;
  if (file->stated > 0) {
    const double part = CLAMP((double) info->position / (double) file->stated, 0, 1);
    g_atomic_int_set(&whole->part, (gint) (1000 * (file->stream - 1 + part) / MAX(whole->videos, 1)));
  }
}

/* The worst picture inside each segment. */
static void
hand_out_thumbs(ScanRun *run)
{
  note_thumb(run, NULL, (double) NAN);
  for (guint i = 0; i < run->file->segments->len; i++) {
    ScanSegment *to = &g_array_index(run->file->segments, ScanSegment, i);
    const ScanThumb *best = NULL;
    for (guint j = 0; j < run->trail->thumbs->len; j++) {
      const ScanThumb *thumb = &g_array_index(run->trail->thumbs, ScanThumb, j);
      if (thumb->time >= to->segment.start && thumb->time < to->segment.end &&
          (best == NULL || thumb->margin > best->margin))
        best = thumb;
    }
    if (best != NULL && strcmp(to->segment.verdict, "unsafe") == 0) {
      to->thumb = g_bytes_ref(best->bytes);
      to->thumb_time = best->time;
    }
  }
}

/* What the end says of the stream. */
static void
conclude(ScanRun *run, const ToolVideoInfo *info, const GError *error, gboolean stopped)
{
  ScanFile *file = run->file;
  GString *why = g_string_new(error ? error->message : NULL);
  if (stopped) {
    file->status = SCAN_STOPPED;
    g_string_assign(why, "stopped before its end");
  } else if (file->frames == 0) {
    file->status = error && file->from_folder && !tool_is_video(file->name) &&
                           error->code == HYSAC_ERROR_UNSUPPORTED && file->undecoded == 0
                       ? SCAN_OTHER
                       : SCAN_FAILED;
    if (why->len == 0)
      g_string_assign(why, "no picture in it could be decoded");
  } else {
    file->status = error != NULL ? SCAN_PARTIAL : SCAN_COMPLETE;
  }
  if (info->lost > 0 && file->frames > 0) {
    g_string_append_printf(why, "%s%u picture(s) in it are damaged and could not be decoded", why->len ? "; " : "",
                           info->lost);
    file->status = stopped ? SCAN_STOPPED : SCAN_PARTIAL;
  }
  if (file->failed_samples > 0 && !stopped) {
    g_string_append_printf(why, "%s%u sample(s) could not be scored%s%s", why->len ? "; " : "",
                           file->failed_samples, run->engine_error ? ": " : "",
                           run->engine_error ? run->engine_error->message : "");
    file->status = SCAN_PARTIAL;
  }
  if (why->len > 0)
    file->error = g_strdup(why->str);
  g_string_free(why, TRUE);
}

/* FALSE: what it was taken up again by turned out not to hold. */
static gboolean
read_video(ScanRun *run, const gint *stop)
{
  ScanFile *file = run->file;
  ToolVideoInfo info = { .duration = -1, .fps_den = 1 };
  g_autoptr(GError) error = NULL;
  g_autoptr(ToolVideo) video = scan_run_open(run, stop, &error);
  ToolVideoFrame *frame;
  while (video != NULL && (frame = tool_video_next(video, stop, &error)) != NULL) {
    if (run->from > 0 && !tool_video_is_exact(video)) {
      tool_video_frame_unref(frame);
      run->misnumbered = TRUE;
      return FALSE;
    }
    tool_video_get_info(video, &info);
    note_info(file, &info);
    admit(run, frame);
    scan_run_mark(run, video, frame);
    collect(run, AHEAD);
    scan_run_decide(run, FALSE);
    if (run->engine_error != NULL && hysac_engine_has_failed(run->engine))
      break;
  }
  const gboolean stopped = error == NULL && g_atomic_int_get(stop);
  if (run->from > 0 && !stopped) {
    run->misnumbered = !tool_video_is_exact(video);
    if (run->misnumbered || error != NULL)
      return FALSE;
  }
  if (video != NULL)
    tool_video_get_info(video, &info);
  note_info(file, &info);
  score_newest(run);
  collect(run, 0);
  hysac_policy_set_end(run->policy);
  scan_run_decide(run, FALSE);
  scan_run_decide(run, TRUE);
  HysacSegment ended;
  if (hysac_segmenter_break(&run->segmenter, &ended))
    keep_segment(run, &ended);
  scan_acting_end(&run->acting, run->file->acts);
  hand_out_thumbs(run);
  conclude(run, &info, error, stopped);
  return TRUE;
}

static gboolean
begin(ScanRun *run, ScanEngine *engine, GError **error)
{
  run->policy = hysac_policy_set_new(&run->settings->policy, run->settings->ruled ? HYSAC_N_RULES : 0, error);
  run->engine = run->policy ? scan_engine_get(engine, error) : NULL;
  if (run->engine == NULL) {
    g_clear_pointer(&run->policy, hysac_policy_set_free);
    return FALSE;
  }
  run->reference = hysac_reference_new();
  run->trail = scan_point_new();
  hysac_segmenter_init(&run->segmenter);
  scan_acting_init(&run->acting);
  g_mutex_init(&run->lock);
  g_cond_init(&run->changed);
  return TRUE;
}

static void
end(ScanRun *run)
{
  tool_video_frame_unref(run->newest);
  hysac_reference_unref(run->reference);
  hysac_policy_set_free(run->policy);
  hysac_engine_unref(run->engine);
  scan_point_free(run->trail);
  g_queue_clear_full(&run->frames, g_free);
  g_clear_error(&run->engine_error);
  g_mutex_clear(&run->lock);
  g_cond_clear(&run->changed);
}

/* Of a run that came to nothing. */
static void
forget(ScanRun *run)
{
  g_autofree char *name = tool_shown_name(run->file->name);
  const guint64 last = run->misnumbered ? run->from : G_MAXINT64;
  ScanState *state = g_steal_pointer(&run->state);
  run->marking = FALSE;
  collect(run, 0);
  end(run);
  scan_state_anew(state, last);
  scan_file_reset(run->file);
  if (tool_is_verbose())
    tool_error("%s is decoded from its beginning after all", name);
}

void
scan_file_run(ScanFile *file, const ScanSettings *settings, ScanEngine *engine, ScanState *state,
              const gint *stop)
{
  gboolean whole = FALSE;
  if (state != NULL && scan_state_restore(state, file))
    return;
  while (!whole) {
    ScanRun run = { .file = file, .settings = settings, .state = state };
    g_autoptr(GError) error = NULL;
    if (!begin(&run, engine, &error)) {
      file->status = SCAN_FAILED;
      file->error = g_strdup(error->message);
      return;
    }
    whole = read_video(&run, stop);
    if (!whole) {
      forget(&run); /* and from the beginning: there is no point any more */
      continue;
    }
    if (state != NULL)
      scan_state_finish(state, file);
    end(&run);
  }
}

HysacEngine *
scan_engine_get(ScanEngine *self, GError **error)
{
  g_mutex_lock(&self->lock);
  if (self->engine != NULL && hysac_engine_has_failed(self->engine)) {
    HysacEngine *fresh = hysac_engine_get(hysac_engine_get_model(self->engine), self->device,
                                          self->precision, NULL, NULL, error);
    if (fresh != NULL) {
      hysac_engine_unref(self->engine);
      self->engine = fresh;
    }
    g_mutex_unlock(&self->lock);
    return fresh ? hysac_engine_ref(fresh) : NULL;
  }
  HysacEngine *engine = hysac_engine_ref(self->engine);
  g_mutex_unlock(&self->lock);
  return engine;
}
