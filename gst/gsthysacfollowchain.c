/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers wait here, on the thread that brings them: a branch that follows has a queue of its own in
 * front, and one that blocks needs no second one. One buffer is all that is ever held. */
#include "gst/gsthysacfollowprivate.h"

#include <string.h>

#include "gst/gap.h"
#include "gst/gsthysaccommon.h"
#include "gst/silence.h"

/* Timestamps are whole ns, rounded by whoever made them: a frame's begin may lie this far behind the
 * sample that it begins with. */
#define ROUNDING 2

/* Timers are asynchronous, as a wait on the condition could not be woken by the clock. */
static gboolean
timer_fired(GstClock *clock, GstClockTime time, GstClockID id, gpointer user_data)
{
  GstHysacGroup *group = user_data;
  gst_hysac_group_lock(group);
  gst_hysac_group_wake(group);
  gst_hysac_group_unlock(group);
  return TRUE;
}

void
gst_hysac_follow_cancel_timer(GstHysacFollow *self)
{
  if (self->timer)
    gst_clock_id_unschedule(self->timer);
  g_clear_pointer(&self->timer, gst_clock_id_unref);
}

/* Group lock. */
static void
arm_timer(GstHysacFollow *self, GstClock *clock, GstClockTime time)
{
  if (self->timer && self->timer_time == time)
    return;
  gst_hysac_follow_cancel_timer(self);
  self->timer = gst_clock_new_single_shot_id(clock, time);
  self->timer_time = time;
  gst_clock_id_wait_async(self->timer, timer_fired, gst_hysac_group_ref(self->group),
                          (GDestroyNotify)gst_hysac_group_unref);
}

/* Group lock. TRUE where what begins at @begin must go now, though @pending is not decided; else the
 * timer is armed or @until says (monotonic us) when to ask again. */
static gboolean
is_late(GstHysacFollow *self, gint64 begin, const GstHysacRun *pending, guint64 timeout,
        gint64 *until)
{
  *until = 0;
  if (self->live) {
    g_autoptr(GstClock) clock = gst_element_get_clock(GST_ELEMENT(self));
    if (!clock || !self->playing)
      return FALSE;
    const gint64 due =
        (gint64)gst_element_get_base_time(GST_ELEMENT(self)) + begin + self->latency;
    if ((gint64)gst_clock_get_time(clock) >= due)
      return TRUE;
    arm_timer(self, clock, (GstClockTime)due);
    return FALSE;
  }
  if (pending->led) {
    /* A slow leader makes the pipeline slow, as everything that is not live does. */
    self->alone_since = 0;
    return FALSE;
  }
  const gint64 now = g_get_monotonic_time();
  if (self->alone_since == 0)
    self->alone_since = now;
  *until = self->alone_since + (gint64)(timeout / 1000);
  return now >= *until;
}

/* Group lock. What is known of [begin, end), in order; the last one, not added, where it is PENDING.
 */
static gboolean
gather(GstHysacFollow *self, guint follow, gint64 begin, gint64 end, GArray *runs,
       GstHysacRun *pending)
{
  g_array_set_size(runs, 0);
  while (begin < end) {
    GstHysacRun run = gst_hysac_group_look(self->group, &self->axis, follow, begin);
    if (run.kind == GST_HYSAC_RUN_PENDING) {
      *pending = run;
      return FALSE;
    }
    run.end = MIN(run.end, end);
    g_array_append_val(runs, run);
    begin = run.end;
  }
  return TRUE;
}

/* Waits until [begin, least) is decided, or due; @runs tells of [begin, end) as far as it is. FALSE:
 * flushing. */
static gboolean
wait_for(GstHysacFollow *self, gint64 begin, gint64 least, gint64 end, GArray *runs)
{
  GST_OBJECT_LOCK(self);
  const guint64 timeout = self->timeout;
  const guint follow = self->on == GST_HYSAC_FOLLOW_UNSAFE
                           ? GST_HYSAC_FRAME_UNSAFE
                           : GST_HYSAC_FRAME_UNSAFE | GST_HYSAC_FRAME_FAILED;
  GST_OBJECT_UNLOCK(self);

  GstHysacRun pending;
  gint64 until;
  gst_hysac_group_lock(self->group);
  while (!self->flushing) {
    if (gather(self, follow, begin, end, runs, &pending) || pending.begin >= least) {
      self->alone_since = 0;
      break;
    }
    if (is_late(self, begin, &pending, timeout, &until)) {
      pending.kind = GST_HYSAC_RUN_UNDECIDED;
      pending.end = end;
      g_array_append_val(runs, pending);
      break;
    }
    gst_hysac_group_wait(self->group, until);
  }
  gst_hysac_follow_cancel_timer(self);
  const gboolean ok = !self->flushing;
  gst_hysac_group_unlock(self->group);
  return ok;
}

static gboolean
mutes(GstHysacFollow *self, const GstHysacRun *run)
{
  if (run->kind != GST_HYSAC_RUN_UNDECIDED)
    return run->kind == GST_HYSAC_RUN_MUTE;
  GST_OBJECT_LOCK(self);
  const gboolean mute = self->on_undecided == GST_HYSAC_UNDECIDED_MUTE;
  GST_OBJECT_UNLOCK(self);
  return mute;
}

static const char *
state_name(GstHysacRunKind kind)
{
  return kind == GST_HYSAC_RUN_PASS ? "passed" : kind == GST_HYSAC_RUN_MUTE ? "muted" : "undecided";
}

/* A group that never had a leader is most often a misspelt one, and nobody sees element messages at a terminal. */
static void
warn_alone(GstHysacFollow *self, const char *group, gboolean mute)
{
  g_autofree char *shown = gst_hysac_shown(group);
  GST_ELEMENT_WARNING_WITH_DETAILS(
      self, RESOURCE, NOT_FOUND, ("No hysacmoderate leads the policy group \"%s\".", shown),
      ("%s until one does; give a hysacmoderate of this process the same policy-group",
       mute ? self->text ? "text is dropped" : "sound is muted" : "all passes unmoderated"),
      ("event", G_TYPE_STRING, "no-leader", "policy-group", G_TYPE_STRING, shown, NULL));
}

/* Counts @n samples or cues, and posts a message where the state or its reason is a new one. */
static void
report(GstHysacFollow *self, const GstHysacRun *run, guint64 n)
{
  const char *state = state_name(run->kind);
  GST_OBJECT_LOCK(self);
  self->counters.passed += run->kind == GST_HYSAC_RUN_PASS ? n : 0;
  self->counters.muted += run->kind == GST_HYSAC_RUN_MUTE ? n : 0;
  self->counters.undecided += run->kind == GST_HYSAC_RUN_UNDECIDED ? n : 0;
  g_autofree char *group = g_strdup(self->policy_group);
  GST_OBJECT_UNLOCK(self);
  if (strcmp(self->state, state) == 0 && strcmp(self->state_why, run->why) == 0)
    return;
  GstStructure *s = gst_structure_new(
      "hysac-follow", "state", G_TYPE_STRING, state, "previous", G_TYPE_STRING, self->state,
      "reason", G_TYPE_STRING, run->why, "action", G_TYPE_STRING,
      !mutes(self, run) ? "none" : self->text ? "drop" : "mute", "running-time", G_TYPE_INT64,
      run->begin, "policy-group", G_TYPE_STRING, group, NULL);
  self->state = state;
  self->state_why = run->why;
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_element(GST_OBJECT(self), s));
  if (!self->reported && strcmp(run->why, "no-leader") == 0)
    warn_alone(self, group, mutes(self, run));
  self->reported = TRUE;
}

/* The run that all of @runs go by: muted before undecided before passed, the first of its kind.
 * (Undecided may pass, now or from one moment to the next: it takes nothing redacted along.) */
static const GstHysacRun *
worst(const GArray *runs)
{
  static const guint ranks[] = {[GST_HYSAC_RUN_PASS] = 0, [GST_HYSAC_RUN_UNDECIDED] = 1,
                                [GST_HYSAC_RUN_MUTE] = 2};
  const GstHysacRun *found = &g_array_index(runs, GstHysacRun, 0);
  for (guint i = 1; i < runs->len; i++) {
    const GstHysacRun *run = &g_array_index(runs, GstHysacRun, i);
    if (ranks[run->kind] > ranks[found->kind])
      found = run;
  }
  return found;
}

/* In place of @buffer (taken), which begins at running time @running. */
static GstFlowReturn
push_gap(GstHysacFollow *self, GstBuffer *buffer, gint64 running)
{
  const GstClockTime pts = GST_BUFFER_PTS(buffer), duration = GST_BUFFER_DURATION(buffer);
  gst_buffer_unref(buffer);
  return gst_hysac_push_gap(self->srcpad, pts, duration, running);
}

/* A buffer of audio on its way. */
typedef struct {
  GstBuffer *whole;
  guint64 n;     /* samples */
  gint64 start;  /* running time of the first */
  guint64 rate;  /* a second of stream time */
  double speed;  /* stream time a second of running time, > 0 */
} Sound;

/* Running time of sample @n, rounded down. */
static gint64
time_of(const Sound *sound, guint64 n)
{
  if (sound->speed == 1.0)
    return sound->start + (gint64)gst_util_uint64_scale(n, GST_SECOND, sound->rate);
  return sound->start + (gint64)((double)n * 1e9 / ((double)sound->rate * sound->speed));
}

/* The first sample at or after running time @time. */
static guint64
sample_at(const Sound *sound, gint64 time)
{
  const gint64 since = time - sound->start - ROUNDING;
  if (since <= 0)
    return 0;
  const guint64 stream = sound->speed == 1.0 ? (guint64)since
                                             : (guint64)((double)since * sound->speed);
  return MIN(gst_util_uint64_scale_ceil(stream, sound->rate, GST_SECOND), sound->n);
}

/* Silences what @runs mute of the samples [first, end), which @part (taken) holds, and pushes it. */
static GstFlowReturn
push_part(GstHysacFollow *self, const Sound *sound, GstBuffer *part, guint64 first, guint64 end,
          const GArray *runs)
{
  guint64 silent = 0;
  gboolean ok = TRUE;
  for (guint i = 0; i < runs->len; i++) {
    const GstHysacRun *run = &g_array_index(runs, GstHysacRun, i);
    const guint64 a = i == 0 ? first : CLAMP(sample_at(sound, run->begin), first, end);
    const guint64 b = i + 1 == runs->len ? end : CLAMP(sample_at(sound, run->end), first, end);
    if (a >= b)
      continue;
    if (mutes(self, run)) {
      part = gst_buffer_make_writable(part);
      ok = ok && gst_hysac_audio_silence(&self->info, part, a - first, b - first);
      silent += b - a;
    }
    report(self, run, b - a);
  }
  if (!ok) {
    GST_WARNING_OBJECT(self, "a buffer that cannot be silenced is dropped: %" GST_PTR_FORMAT, part);
    return push_gap(self, part, time_of(sound, first));
  }
  if (silent == end - first)
    GST_BUFFER_FLAG_SET(part, GST_BUFFER_FLAG_GAP);
  return gst_pad_push(self->srcpad, part);
}

/* What plays backwards is muted whole: which of its samples comes when is the sink's business. */
static GstFlowReturn
follow_backwards(GstHysacFollow *self, Sound *sound, GArray *runs)
{
  const gint64 end = sound->start;
  const gint64 begin = 2 * sound->start - time_of(sound, sound->n);
  if (!wait_for(self, begin, end, MAX(end, begin + 1), runs)) {
    gst_buffer_unref(sound->whole);
    return GST_FLOW_FLUSHING;
  }
  GstHysacRun all = *worst(runs);
  g_array_set_size(runs, 0);
  g_array_append_val(runs, all);
  return push_part(self, sound, sound->whole, 0, sound->n, runs);
}

/* As soon as a part of a buffer is decided, it goes: a leader whose own frame is stuck in a sink that
 * waits for this branch to preroll would never get to decide the rest. Live, nothing is stuck, and
 * the rest may wait until the buffer is due. */
static GstFlowReturn
follow_forwards(GstHysacFollow *self, Sound *sound, gboolean live, GArray *runs)
{
  const gint64 end = time_of(sound, sound->n - 1) + ROUNDING + 1;
  const gboolean whole = live || !gst_hysac_audio_can_part(&self->info, sound->whole);
  GstFlowReturn flow = GST_FLOW_OK;
  guint64 first = 0;
  while (first < sound->n && flow == GST_FLOW_OK) {
    const gint64 begin = time_of(sound, first);
    if (!wait_for(self, begin, whole ? end : begin + ROUNDING + 1, end, runs)) {
      flow = GST_FLOW_FLUSHING;
      break;
    }
    const gint64 decided = g_array_index(runs, GstHysacRun, runs->len - 1).end;
    const guint64 last =
        decided >= end ? sound->n : CLAMP(sample_at(sound, decided), first + 1, sound->n);
    GstBuffer *part = first == 0 && last == sound->n
                          ? g_steal_pointer(&sound->whole)
                          : gst_hysac_audio_part(&self->info, sound->whole, first, last);
    flow = part ? push_part(self, sound, part, first, last, runs) : GST_FLOW_OK;
    first = last;
  }
  gst_clear_buffer(&sound->whole);
  return flow;
}

static GstFlowReturn
follow_audio(GstHysacFollow *self, GstBuffer *buffer, gboolean live, GArray *runs)
{
  const double rate = self->segment.format == GST_FORMAT_TIME ? self->segment.rate : 1.0;
  buffer = gst_hysac_audio_trim(&self->info, buffer);
  Sound sound = {.whole = buffer,
                 .n = gst_hysac_audio_samples(&self->info, buffer),
                 .rate = (guint64)GST_AUDIO_INFO_RATE(&self->info),
                 .speed = ABS(rate)};
  sound.start = gst_hysac_running_time(&self->segment, GST_BUFFER_PTS(buffer),
                                       self->have_time ? self->next_running : 0);
  self->next_running = time_of(&sound, sound.n);
  self->have_time = TRUE;
  if (sound.n == 0) /* whatever its bytes are, they are not of a time that could be decided */
    return push_gap(self, buffer, sound.start);

  /* A buffer goes when its begin is due: its end must be decided by then. */
  const gint64 length = self->next_running - sound.start;
  gst_hysac_group_lock(self->group);
  const gboolean longer = length > self->longest;
  if (longer)
    self->longest = length;
  gst_hysac_group_unlock(self->group);
  if (longer && live && gst_hysac_follow_update_latency(self))
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));

  return rate > 0.0 ? follow_forwards(self, &sound, live, runs)
                    : follow_backwards(self, &sound, runs);
}

/* A cue passes where every frame in its time does. Live, what comes after the frames of its begin is
 * not decided when it is due: it goes in pieces, each as long as is known, until a frame is redacted.
 */
static GstFlowReturn
follow_text(GstHysacFollow *self, GstBuffer *buffer, gboolean live, GArray *runs)
{
  const GstClockTime pts = GST_BUFFER_PTS(buffer), duration = GST_BUFFER_DURATION(buffer);
  gint64 begin = gst_hysac_running_time(&self->segment, pts, self->have_time ? self->next_running : 0);
  gint64 end = begin;
  if (GST_CLOCK_TIME_IS_VALID(duration) && duration <= G_MAXINT64 / 4) {
    /* Where it begins without a timestamp, it has no position to end at either. */
    const GstClockTime stop = pts <= G_MAXINT64 ? pts + duration : GST_CLOCK_TIME_NONE;
    end = gst_hysac_running_time(&self->segment, stop, begin + (gint64)duration);
  }
  if (end < begin) { /* backwards */
    const gint64 swap = begin;
    begin = end;
    end = swap;
  }
  end = MAX(end, begin + 1); /* no duration: its begin decides */
  self->next_running = end;
  self->have_time = TRUE;
  const gboolean parts = live && self->segment.rate == 1.0 && GST_CLOCK_TIME_IS_VALID(pts);
  const gint64 start = begin;

  while (begin < end) {
    if (!wait_for(self, begin, end, end, runs)) {
      gst_buffer_unref(buffer);
      return GST_FLOW_FLUSHING;
    }
    const GstHysacRun tail = g_array_index(runs, GstHysacRun, runs->len - 1);
    const gboolean partly = parts && runs->len > 1 && tail.kind == GST_HYSAC_RUN_UNDECIDED &&
                            mutes(self, &tail);
    if (partly)
      g_array_set_size(runs, runs->len - 1);
    const GstHysacRun run = *worst(runs);
    report(self, &run, 1);
    if (begin > start || partly) {
      buffer = gst_buffer_make_writable(buffer);
      GST_BUFFER_PTS(buffer) = pts + (GstClockTime)(begin - start);
      GST_BUFFER_DURATION(buffer) = (GstClockTime)(end - begin);
    }
    if (mutes(self, &run))
      return push_gap(self, buffer, begin);
    if (!partly)
      return gst_pad_push(self->srcpad, buffer);
    GstBuffer *piece = gst_buffer_copy(buffer);
    GST_BUFFER_DURATION(piece) = (GstClockTime)(tail.begin - begin);
    const GstFlowReturn flow = gst_pad_push(self->srcpad, piece);
    if (flow != GST_FLOW_OK) {
      gst_buffer_unref(buffer);
      return flow;
    }
    begin = tail.begin;
  }
  gst_buffer_unref(buffer);
  return GST_FLOW_OK;
}

GstFlowReturn
gst_hysac_follow_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstHysacFollow *self = GST_HYSAC_FOLLOW(parent);
  if (!self->have_caps) {
    gst_buffer_unref(buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  gst_hysac_group_lock(self->group);
  const gboolean known = self->latency_known;
  gst_hysac_group_unlock(self->group);
  if (!known)
    gst_hysac_follow_update_latency(self);
  gst_hysac_group_lock(self->group);
  const gboolean live = self->live;
  gst_hysac_group_unlock(self->group);

  g_autoptr(GArray) runs = g_array_new(FALSE, FALSE, sizeof(GstHysacRun));
  return self->text ? follow_text(self, buffer, live, runs)
                    : follow_audio(self, buffer, live, runs);
}
