/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A live gate over a device that is slower than its samples. Answers come in the order of the requests:
 * were all of them made, each would wait behind the others until it is too late, and every frame would
 * be redacted while the device works all the time. So a sample whose answer would come too late is not
 * asked for: it has failed at once, and the device checks as many frames as it can. Frames go at their
 * deadline either way. */
#include "gst/gsthysacprivate.h"

/* Of an answer's time in the average. */
#define WEIGHT 4

static gint64
clock_time(GstHysacModerate *self)
{
  if (!self->live || !self->playing)
    return -1;
  g_autoptr(GstClock) clock = gst_element_get_clock(GST_ELEMENT(self));
  return clock ? (gint64)gst_clock_get_time(clock) : -1;
}

void
gst_hysac_moderate_pace_ask(GstHysacModerate *self, GstHysacRequest *request)
{
  request->asked = clock_time(self);
}

void
gst_hysac_moderate_pace_answer(GstHysacModerate *self, const GstHysacRequest *request)
{
  const gint64 now = clock_time(self);
  if (now < 0 || request->asked < 0)
    return;
  /* Time behind our own earlier requests is queueing. Those of a batch take nothing but the first. */
  const gint64 taken = MAX(now - MAX(request->asked, self->last_answer), 0);
  self->last_answer = now;
  self->pace += self->pace == 0 ? taken : (taken - self->pace) / WEIGHT;
}

gboolean
gst_hysac_moderate_pace_is_late(GstHysacModerate *self)
{
  /* With none under way one is made in any case: only answers tell that it has become faster. */
  return self->live && self->run.mode == GST_HYSAC_MODE_GATE && self->n_waiting > 0 &&
         (self->n_waiting + 1) * self->pace > self->timing.min;
}
