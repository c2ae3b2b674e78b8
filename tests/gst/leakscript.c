/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "tests/gst/leakscript.h"
#include "tests/gst/numbered.h"

#define LONGEST_BURST 125 /* 5 s */
#define SHADE_A 60
#define SHADE_B 220 /* far enough to be a cut by the difference alone */

void
script_fail(const Script *script, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  fail_msg("run with HYSAC_TEST_SEED=%u: %s", script->seed, text);
}

static Scripted *
at(const Script *script, guint number)
{
  return &g_array_index(script->frames, Scripted, number);
}

/* From one frame to the longest, short ones as likely as long ones. */
static guint
burst_length(GRand *rand)
{
  const gint most = 1 << g_rand_int_range(rand, 0, 8);
  return (guint)g_rand_int_range(rand, 1, MIN(most, LONGEST_BURST) + 1);
}

/* A whole shot, or a few frames at its beginning or its end: [*@start, *@end). */
static void
part_of_shot(const Script *script, GRand *rand, guint *start, guint *end)
{
  const guint n = script->frames->len, shot = at(script, *start)->shot;
  const guint here = *start;
  guint first = here, beyond = here;
  while (first > 0 && at(script, first - 1)->shot == shot)
    first--;
  while (beyond < n && at(script, beyond)->shot == shot)
    beyond++;
  const guint few = MIN((guint)g_rand_int_range(rand, 1, 9), beyond - first);
  const gint part = g_rand_int_range(rand, 0, 3);
  *start = part == 1 ? beyond - few : first;
  *end = part == 2 ? first + few : beyond;
}

static void
add_bursts(Script *script, GRand *rand, const ScriptKind *kind)
{
  static const guint8 codes[] = {FAKE_UNSAFE, FAKE_UNSAFE, FAKE_UNSAFE, FAKE_UNSAFE,
                                 FAKE_ERROR,  FAKE_NAN,    FAKE_REFUSE};
  const guint n = script->frames->len;
  for (guint burst = 0; burst < kind->n_bursts; burst++) {
    guint start = (guint)g_rand_int_range(rand, 0, (gint)n);
    guint end = start + burst_length(rand);
    if (g_rand_boolean(rand))
      part_of_shot(script, rand, &start, &end);
    const guint8 code = codes[g_rand_int_range(rand, 0, G_N_ELEMENTS(codes))];
    for (guint i = start; i < MIN(end, n); i++)
      at(script, i)->code = code;
  }
  for (guint i = 0; kind->hangs && i < 3; i++)
    at(script, (guint)g_rand_int_range(rand, 0, (gint)n))->code = FAKE_HANG;
}

void
script_init(Script *script, GRand *rand, const ScriptKind *kind)
{
  script->frames = g_array_new(FALSE, TRUE, sizeof(Scripted));
  g_array_set_size(script->frames, kind->n_frames);
  for (guint i = 0; i < kind->n_frames; i++) {
    Scripted *frame = at(script, i);
    *frame = (Scripted){.code = FAKE_SAFE, .shade = SHADE_A};
    if (i == 0)
      continue;
    const Scripted *before = at(script, i - 1);
    const gboolean has_step = g_rand_double(rand) < kind->step_rate;
    frame->step = has_step ? (Step)g_rand_int_range(rand, STEP_CUT, N_STEPS) : STEP_NONE;
    if (frame->step == STEP_SEEK && !kind->flushes)
      frame->step = STEP_NONE;
    frame->big = before->big != (frame->step == STEP_CAPS);
    frame->shade = frame->step != STEP_CUT    ? before->shade
                   : before->shade == SHADE_A ? SHADE_B
                                              : SHADE_A;
    const gboolean ends = frame->step == STEP_STREAM || frame->step == STEP_SEEK;
    frame->shot = before->shot + (frame->step != STEP_NONE || before->step == STEP_GAP);
    frame->run = before->run + ends;
    frame->flush = before->flush + (frame->step == STEP_SEEK);
  }
  add_bursts(script, rand, kind);
  for (guint i = 0; i < kind->n_frames; i++)
    if (at(script, i)->step == STEP_GAP)
      at(script, i)->code = FAKE_SAFE;
}

void
script_clear(Script *script)
{
  g_clear_pointer(&script->frames, g_array_unref);
}

gboolean
script_is_bad(const Script *script, guint number)
{
  return at(script, number)->code != FAKE_SAFE;
}

/* ------------------------------------------------------------ playing */

static void
size_of(gboolean big, guint *width, guint *height)
{
  *width = big ? 96 : RIG_WIDTH;
  *height = big ? 54 : RIG_HEIGHT;
}

static GstCaps *
caps_of(gboolean big)
{
  guint width, height;
  size_of(big, &width, &height);
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  caps = gst_caps_make_writable(caps);
  gst_caps_set_simple(caps, "width", G_TYPE_INT, width, "height", G_TYPE_INT, height, NULL);
  return g_steal_pointer(&caps);
}

static GstBuffer *
draw(const Scripted *frame, guint number)
{
  guint width, height;
  size_of(frame->big, &width, &height);
  const gsize luma = (gsize)width * height, size = luma * 3 / 2;
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  memset(map.data, frame->shade, luma);
  memset(map.data + luma, 128, size - luma);
  numbered_draw(map.data, width, width, height, number);
  map.data[0] = frame->code;
  for (guint i = 0; i < 3; i++)
    map.data[1 + i] = (guint8)(number >> (8 * i));
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = number * RIG_FRAME;
  GST_BUFFER_DURATION(buffer) = RIG_FRAME;
  if (frame->step == STEP_DISCONT)
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  return buffer;
}

static void
send(Rig *rig, GstEvent *event)
{
  const GstEventType type = GST_EVENT_TYPE(event);
  if (!gst_harness_push_event(rig->h, event))
    fail_msg("%s was refused", gst_event_type_get_name(type));
}

/* Running time goes on as the numbers do, after a flush too. */
static void
send_segment(Rig *rig, guint number)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = segment.base = number * RIG_FRAME;
  send(rig, gst_event_new_segment(&segment));
}

static void
send_caps(Rig *rig, gboolean big)
{
  g_autoptr(GstCaps) caps = caps_of(big);
  send(rig, gst_event_new_caps(caps));
}

static void
take_step(const Script *script, guint number, Rig *rig)
{
  const Scripted *frame = at(script, number);
  switch (frame->step) {
  case STEP_SEGMENT:
    send_segment(rig, number);
    break;
  case STEP_CAPS:
    send_caps(rig, frame->big);
    break;
  case STEP_GAP:
    send(rig, gst_event_new_gap(number * RIG_FRAME, RIG_FRAME));
    break;
  case STEP_SEEK:
    gst_harness_push_event(rig->h, gst_event_new_flush_start());
    gst_harness_push_event(rig->h, gst_event_new_flush_stop(TRUE));
    send_segment(rig, number);
    break;
  case STEP_STREAM:
    send(rig, gst_event_new_eos());
    send(rig, gst_event_new_stream_start("another"));
    send_caps(rig, frame->big);
    send_segment(rig, number);
    break;
  default:
    break;
  }
}

void
script_push(const Script *script, guint number, Rig *rig)
{
  const Scripted *frame = at(script, number);
  take_step(script, number, rig);
  if (frame->step == STEP_GAP)
    return;
  const GstFlowReturn flow = gst_harness_push(rig->h, draw(frame, number));
  if (flow != GST_FLOW_OK)
    script_fail(script, "frame %u: %s", number, gst_flow_get_name(flow));
}

/* Rig's lock held. Other EOS events may come before it. */
static gboolean
came_out(Rig *rig, guint32 seqnum)
{
  for (guint i = rig->out->len; i > 0; i--) {
    gpointer object = rig->out->pdata[i - 1];
    if (GST_IS_EVENT(object) && GST_EVENT_TYPE(object) == GST_EVENT_EOS)
      return gst_event_get_seqnum(object) == seqnum;
  }
  return FALSE;
}

void
script_finish(const Script *script, Rig *rig)
{
  GstEvent *eos = gst_event_new_eos();
  const guint32 seqnum = gst_event_get_seqnum(eos);
  send(rig, eos);
  const gint64 until = g_get_monotonic_time() + 60 * G_TIME_SPAN_SECOND;
  g_mutex_lock(&rig->lock);
  while (!came_out(rig, seqnum) && g_cond_wait_until(&rig->cond, &rig->lock, until))
    ;
  const gboolean ended = came_out(rig, seqnum);
  g_mutex_unlock(&rig->lock);
  if (!ended)
    script_fail(script, "no EOS came out");
}

void
script_play(const Script *script, Rig *rig)
{
  for (guint i = 0; i < script->frames->len; i++)
    script_push(script, i, rig);
  script_finish(script, rig);
}

/* ------------------------------------------------------------ what came out */

/* action=freeze: an earlier frame in the place of this one. */
static gboolean
is_frozen(GstBuffer *buffer)
{
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  return g_strcmp0(gst_hysac_meta_get_action(meta), "freeze") == 0;
}

static Fate
look(const Script *script, GstBuffer *buffer, GstVideoInfo *info, guint number)
{
  GstVideoFrame frame;
  guint32 read;
  if (!gst_video_frame_map(&frame, info, buffer, GST_MAP_READ))
    script_fail(script, "frame %u cannot be mapped", number);
  const Numbered kind =
      numbered_read(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0), GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0),
                    GST_VIDEO_FRAME_WIDTH(&frame), GST_VIDEO_FRAME_HEIGHT(&frame), &read);
  gst_video_frame_unmap(&frame);
  if (kind == NUMBERED_READ && is_frozen(buffer)) {
    if (read >= number || script_is_bad(script, read))
      script_fail(script, "LEAK: frame %u stands still in the place of %u", read, number);
    return FATE_GONE;
  }
  if (kind == NUMBERED_READ && read != number)
    script_fail(script, "at the time of frame %u came frame %u", number, read);
  if (kind == NUMBERED_GARBLED)
    script_fail(script, "frame %u is neither shown nor gone: %s", number, rig_reason(buffer));
  return kind == NUMBERED_READ ? FATE_SHOWN : FATE_GONE;
}

static void
note(const Script *script, Outcome *outcomes, gint64 *last, GstClockTime time, Outcome outcome)
{
  const gint64 number = (gint64)(time / RIG_FRAME);
  if (time % RIG_FRAME != 0 || number >= script->frames->len)
    script_fail(script, "a time that was never sent: %" GST_TIME_FORMAT, GST_TIME_ARGS(time));
  if (number <= *last)
    script_fail(script, "%" G_GINT64_FORMAT " came after %" G_GINT64_FORMAT, number, *last);
  *last = number;
  outcomes[number] = outcome;
}

/* Nothing may be missing, but what a flush found in the hold: the rest of its part of the script.
 */
static void
check_complete(const Script *script, const Outcome *outcomes)
{
  const guint n = script->frames->len;
  for (guint i = 0; i < n; i++) {
    if (outcomes[i].fate != FATE_LOST)
      continue;
    const guint flush = at(script, i)->flush;
    if (flush == at(script, n - 1)->flush)
      script_fail(script, "frame %u was lost, and there was no flush; step %u, code %u", i,
                  at(script, i)->step, at(script, i)->code);
    for (guint j = i + 1; j < n && at(script, j)->flush == flush; j++)
      if (outcomes[j].fate != FATE_LOST)
        script_fail(script, "frame %u was lost and frame %u was not", i, j);
  }
}

Outcome *
script_outcomes(const Script *script, Rig *rig)
{
  const guint n = script->frames->len;
  Outcome *outcomes = g_new0(Outcome, n);
  GstVideoInfo info;
  gint64 last = -1;
  gst_video_info_init(&info);
  g_mutex_lock(&rig->lock);
  for (guint i = 0; i < rig->out->len; i++) {
    gpointer object = rig->out->pdata[i];
    if (GST_IS_BUFFER(object)) {
      const guint number = rig_number(object);
      note(script, outcomes, &last, GST_BUFFER_PTS(object),
           (Outcome){look(script, object, &info, number), g_intern_string(rig_reason(object))});
    } else if (GST_EVENT_TYPE(object) == GST_EVENT_GAP) {
      GstClockTime time;
      gst_event_parse_gap(object, &time, NULL);
      note(script, outcomes, &last, time, (Outcome){FATE_GAP, "gap"});
    } else if (GST_EVENT_TYPE(object) == GST_EVENT_CAPS) {
      GstCaps *caps;
      gst_event_parse_caps(object, &caps);
      assert_true(gst_video_info_from_caps(&info, caps));
    }
  }
  g_mutex_unlock(&rig->lock);
  check_complete(script, outcomes);
  return outcomes;
}

/* ------------------------------------------------------------ what should have */

/* Of the interval that the unsafe frame @first opens: the number that is looked at next, and the
 * time of its end. */
static guint
end_of_interval(const Script *script, guint first, const Rolls *rolls, gint64 *end)
{
  const gint64 start = first * (gint64)RIG_FRAME;
  guint i = first, last = first;
  for (; i < script->frames->len && at(script, i)->run == at(script, first)->run; i++) {
    if (script_is_bad(script, i))
      last = i;
    else if (at(script, i)->step != STEP_GAP &&
             i * (gint64)RIG_FRAME >= start + rolls->min_duration)
      break;
  }
  *end = MAX(last * (gint64)RIG_FRAME, start + rolls->min_duration);
  return i;
}

gboolean *
script_intervals(const Script *script, const Rolls *rolls)
{
  const guint n = script->frames->len;
  gboolean *inside = g_new0(gboolean, n);
  for (guint i = 0; i < n; i++) {
    if (at(script, i)->code != FAKE_UNSAFE)
      continue;
    gint64 end;
    const guint next = end_of_interval(script, i, rolls, &end);
    const gint64 from = i * (gint64)RIG_FRAME - rolls->pre_roll, to = end + rolls->post_roll;
    for (guint j = 0; j < n; j++) {
      const gint64 time = j * (gint64)RIG_FRAME;
      /* Back inside the run only; ahead until a flush. */
      const gboolean same = j < i ? at(script, j)->run == at(script, i)->run
                                  : at(script, j)->flush == at(script, i)->flush;
      inside[j] |= same && time >= from && time <= to;
    }
    i = next - 1;
  }
  return inside;
}

gboolean *
script_flicker(const Script *script, const Outcome *outcomes)
{
  const guint n = script->frames->len;
  const gint64 second = GST_SECOND;
  gboolean *held_on = g_new0(gboolean, n);
  g_autoptr(GArray) toggles = g_array_new(FALSE, FALSE, sizeof(gint64));
  gboolean shown = TRUE;
  for (guint i = 0; i < n; i++) {
    const gint64 time = i * (gint64)RIG_FRAME;
    if (i > 0 && at(script, i)->flush != at(script, i - 1)->flush) {
      g_array_set_size(toggles, 0);
      shown = TRUE;
    }
    if (at(script, i)->step == STEP_GAP || outcomes[i].fate == FATE_LOST)
      continue;
    guint in_second = 0, before = 0;
    for (guint j = 0; j < toggles->len; j++) {
      in_second += time - g_array_index(toggles, gint64, j) < second;
      before += time - g_array_index(toggles, gint64, j) <= second;
    }
    held_on[i] = before >= 2;
    if (shown == (outcomes[i].fate == FATE_SHOWN))
      continue;
    shown = !shown;
    g_array_append_val(toggles, time);
    if (in_second >= 3)
      script_fail(script, "%u toggles in the second before frame %u", in_second + 1, i);
  }
  return held_on;
}
