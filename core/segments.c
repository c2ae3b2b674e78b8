/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/segments.h"

#include <string.h>

void
hysac_segmenter_init(HysacSegmenter *self)
{
  *self = (HysacSegmenter) {0};
}

static gboolean
tells_little(HysacReason reason)
{
  return reason == HYSAC_REASON_PRE_ROLL || reason == HYSAC_REASON_POST_ROLL ||
         reason == HYSAC_REASON_FLICKER;
}

/* One interval's frames differ in their reasons; whatever else there is, is a cause of its own. */
static gboolean
same_cause(HysacReason a, HysacReason b)
{
  const gboolean in_interval = (a == HYSAC_REASON_UNSAFE || tells_little(a)) &&
                               (b == HYSAC_REASON_UNSAFE || tells_little(b));
  return a == b || in_interval;
}

/* Timestamps are rounded, durations too: what is that near is the same moment. */
static gboolean
touch(gint64 a, gint64 b, gint64 duration)
{
  return ABS(a - b) <= duration / 2;
}

/* Whether the frame belongs to the segment that runs. */
static gboolean
belongs(const HysacSegmenter *self, const HysacSegmentFrame *frame, gint64 start, gint direction)
{
  const HysacSegment *s = &self->segment;
  if (!frame->marked || strcmp(s->action, frame->action) != 0)
    return FALSE;
  if (!frame->goes_along &&
      (strcmp(s->verdict, frame->verdict) != 0 || s->interval != frame->interval ||
       !same_cause(s->reason, frame->reason)))
    return FALSE;
  if (self->direction != 0 && self->direction != direction)
    return FALSE;
  /* Forwards the last frame stays on screen over what is missing. */
  return direction > 0 || touch(start + frame->duration, s->start, frame->duration);
}

static void
extend(HysacSegmenter *self, const HysacSegmentFrame *frame, gint64 start)
{
  HysacSegment *s = &self->segment;
  s->start = MIN(s->start, start);
  s->end = MAX(s->end, start + frame->duration);
  s->last = frame->number;
  s->frames++;
  if (tells_little(s->reason))
    s->reason = frame->reason;
  if (frame->has_margin && (!s->has_peak || frame->margin > s->peak)) {
    s->has_peak = TRUE;
    s->peak = frame->margin;
  }
}

static void
begin(HysacSegmenter *self, const HysacSegmentFrame *frame, gint64 start)
{
  self->running = TRUE;
  self->direction = 0;
  self->segment = (HysacSegment) {
    .start = start,
    .end = start,
    .first = frame->number,
    .verdict = frame->verdict,
    .action = frame->action,
    .reason = frame->reason,
    .interval = frame->interval,
    .hidden = frame->hidden,
  };
  extend(self, frame, start);
}

gboolean
hysac_segmenter_add(HysacSegmenter *self, const HysacSegmentFrame *frame, HysacSegment *ended)
{
  const gint64 start = frame->start >= 0 ? frame->start : self->any ? self->last_end : 0;
  const gint direction = !self->any || start >= self->last_start ? 1 : -1;
  gboolean ends = FALSE;

  if (self->running) {
    HysacSegment *s = &self->segment;
    /* The last frame's end, now that it is known. */
    if (direction > 0 && s->end == self->last_end && start > self->last_start &&
        (self->last_until_next || touch(start, s->end, self->last_end - self->last_start)))
      s->end = start;
    if (belongs(self, frame, start, direction)) {
      self->direction = direction;
      extend(self, frame, start);
    } else {
      ends = TRUE;
      *ended = *s;
      self->running = FALSE;
    }
  }
  if (frame->marked && !self->running)
    begin(self, frame, start);
  self->any = TRUE;
  self->last_start = start;
  self->last_end = start + frame->duration;
  self->last_until_next = frame->until_next;
  return ends;
}

gboolean
hysac_segmenter_break(HysacSegmenter *self, HysacSegment *ended)
{
  const gboolean ends = self->running;
  if (ends)
    *ended = self->segment;
  self->running = FALSE;
  self->any = FALSE;
  return ends;
}
