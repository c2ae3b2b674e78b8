/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "tests/gst/rig.h"
#include "tests/gst/slowdevice.h"

#define NEVER G_MAXINT64

typedef struct {
  const SlowDevice *device;
  SlowResult *result;
  Rig rig;
  GstTestClock *clock;
  gint64 now, service;
  GArray *known;    /* gint64 a frame: when it could be decided; NEVER: not yet */
  GArray *asked;    /* gint64 a request: when it came */
  GArray *owner;    /* guint a request: its frame */
  guint answered;   /* of the requests */
  gint64 last_done; /* when the last answer was given */
} Run;

static gint64
at(GArray *array, guint i)
{
  return g_array_index(array, gint64, i);
}

static gint64
next_answer(Run *self)
{
  if (self->answered == self->asked->len)
    return NEVER;
  /* A device that has become faster answers at once what should have been answered by now. */
  return MAX(MAX(at(self->asked, self->answered), self->last_done) + self->service, self->now);
}

static gint64
due(Run *self, guint frame)
{
  return (gint64)(frame * RIG_FRAME) + self->result->latency;
}

/* Frames that leave up to now: in order, each when it and all before it are decided, or when it is due. */
static guint
expected_out(Run *self)
{
  gint64 decided = 0;
  guint n = 0;
  for (; n < self->known->len; n++) {
    decided = MAX(decided, at(self->known, n));
    if (MIN(decided, due(self, n)) > self->now)
      break;
  }
  return n;
}

/* What has left since the last time. */
static void
note_frames(Run *self)
{
  const guint expected = expected_out(self);
  rig_wait_buffers(&self->rig, expected);
  const guint n = rig_n_buffers(&self->rig);
  assert_int_equal(n, expected);
  SlowResult *r = self->result;
  for (guint i = r->failed + r->checked; i < n; i++) {
    GstBuffer *buffer = rig_buffer(&self->rig, i);
    gint64 age = 0;
    assert_int_equal(rig_number(buffer), i);
    r->last_lag = self->now - (gint64)(i * RIG_FRAME);
    r->lag = MAX(r->lag, r->last_lag);
    const gboolean failed = strcmp(rig_verdict(buffer), "failed") == 0;
    r->leaked += (failed || self->device->code != FAKE_SAFE) && rig_looks(buffer) != LOOKS_BLANK;
    if (failed) {
      r->failed++;
      r->last_failed = i;
      continue;
    }
    r->checked++;
    assert_true(gst_hysac_meta_get_age(gst_buffer_get_hysac_meta(buffer), &age));
    r->age = MAX(r->age, age);
  }
  r->held = MAX(r->held, self->known->len - n);
}

/* Time goes on to @time. Nothing else happens until then but deadlines. */
static void
advance(Run *self, gint64 time)
{
  while (rig_n_buffers(&self->rig) < self->known->len) {
    gst_test_clock_wait_for_next_pending_id(self->clock, NULL);
    const gint64 entry = (gint64)gst_test_clock_get_next_entry_time(self->clock);
    if (entry > time)
      break;
    self->now = MAX(self->now, entry);
    gst_test_clock_crank(self->clock);
    note_frames(self);
  }
  self->now = time;
  if ((gint64)gst_clock_get_time(GST_CLOCK(self->clock)) < time)
    gst_test_clock_set_time(self->clock, (GstClockTime)time);
}

static void
push_frame(Run *self)
{
  const guint frame = self->known->len;
  /* A frame of the monitor leaves at once; one of the gate for which nobody is asked has failed. */
  const gint64 known = self->device->mode == GST_HYSAC_MODE_MONITOR ? self->now : NEVER;
  g_array_append_val(self->known, known);
  assert_int_equal(rig_push(&self->rig, self->device->code), GST_FLOW_OK);
  self->result->latency = (gint64)rig_stat(&self->rig, "latency");
  const guint asked = fake_n_submitted(&self->rig.fake);
  if (asked > self->asked->len) {
    assert_int_equal(asked, self->asked->len + 1);
    g_array_append_val(self->asked, self->now);
    g_array_append_val(self->owner, frame);
  } else {
    g_array_index(self->known, gint64, frame) = self->now;
  }
  self->result->requests = asked;
  self->result->open = MAX(self->result->open, asked - self->answered);
}

static void
answer(Run *self)
{
  const guint frame = g_array_index(self->owner, guint, self->answered);
  gint64 *known = &g_array_index(self->known, gint64, frame);
  self->last_done = self->now;
  self->answered++;
  *known = MIN(*known, self->now);
  fake_answer(&self->rig.fake);
}

void
slow_device_run(const SlowDevice *device, SlowResult *result)
{
  const gint64 service = (gint64)(device->ratio * (double)RIG_FRAME);
  Run self = {.device = device,
              .result = result,
              .service = service,
              .known = g_array_new(FALSE, FALSE, sizeof(gint64)),
              .asked = g_array_new(FALSE, FALSE, sizeof(gint64)),
              .owner = g_array_new(FALSE, FALSE, sizeof(guint))};
  *result = (SlowResult){0};
  /* The budget as the real engine's is found: four times a picture's time, 40 ms at least. */
  rig_init(&self.rig, FAKE_MANUAL, TRUE, "mode", device->mode, "sample-interval", device->interval,
           "max-age", device->max_age, "request-budget",
           MAX(4 * (guint64)service, 40 * GST_MSECOND), NULL);
  self.clock = gst_harness_get_testclock(self.rig.h);

  while (result->failed + result->checked < device->frames) {
    const guint n = self.known->len;
    const gint64 arrival = n < device->frames ? (gint64)(n * RIG_FRAME) : NEVER;
    const gint64 done = next_answer(&self);
    const guint out = result->failed + result->checked;
    advance(&self, MIN(MIN(arrival, done), out < n ? due(&self, out) : NEVER));
    note_frames(&self);
    if (self.now == arrival && device->faster_from > 0 && n == device->faster_from)
      self.service = (gint64)RIG_FRAME / 4;
    if (self.now == arrival)
      push_frame(&self);
    else if (self.now == done)
      answer(&self);
    note_frames(&self);
  }
  result->hold_limit = (guint)rig_stat(&self.rig, "hold-limit");
  assert_int_equal(rig_stat(&self.rig, "hold-peak"), MAX(result->held, 1));
  assert_int_equal(rig_n_buffers(&self.rig), device->frames);
  fake_answer_all(&self.rig.fake);
  gst_object_unref(self.clock);
  rig_clear(&self.rig);
  g_array_unref(self.known);
  g_array_unref(self.asked);
  g_array_unref(self.owner);
}
