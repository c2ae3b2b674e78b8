/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/control.h"

static gint64
saturating_add(gint64 a, gint64 b)
{
  gint64 sum;
  return !__builtin_add_overflow(a, b, &sum) ? sum : b > 0 ? G_MAXINT64 : G_MININT64;
}

/* 0 where @end is not after @time. */
static gint64
time_until(gint64 end, gint64 time)
{
  gint64 left;
  if (end <= time)
    return 0;
  return __builtin_sub_overflow(end, time, &left) ? G_MAXINT64 : left;
}

void
hysac_control_init(HysacControl *self)
{
  *self = (HysacControl){0};
}

void
hysac_control_hold(HysacControl *self)
{
  self->hold = TRUE;
}

gboolean
hysac_control_release(HysacControl *self)
{
  const gboolean any = self->hold || self->dump.active || self->override.active;
  self->hold = FALSE;
  self->dump = self->override = (HysacControlWindow){0};
  return any;
}

void
hysac_control_dump(HysacControl *self, gint64 duration)
{
  HysacControlWindow *dump = &self->dump;
  duration = MAX(duration, 0);
  if (self->has_frame && !self->all_left) {
    const gint64 end = saturating_add(self->newest_end, duration);
    dump->end = dump->active ? MAX(dump->end, end) : end; /* an active one is anchored */
    dump->active = dump->anchored = TRUE;
    self->dump_seq = self->newest_seq;
  } else if (duration > 0) {
    /* What is left of the first is so from the last frame's end: by the next one's it is no less. */
    dump->left = MAX(duration, hysac_control_get_left(self, dump));
    dump->active = TRUE;
    dump->anchored = FALSE;
  }
}

gint64
hysac_control_override(HysacControl *self, HysacControlState verdict, gint64 duration)
{
  duration = CLAMP(duration, 1, HYSAC_CONTROL_MAX_OVERRIDE);
  self->override = (HysacControlWindow){.active = TRUE, .left = duration};
  self->verdict = verdict == HYSAC_CONTROL_SAFE ? HYSAC_CONTROL_SAFE : HYSAC_CONTROL_UNSAFE;
  return duration;
}

static void
anchor(HysacControlWindow *window, gint64 time)
{
  window->anchored = TRUE;
  window->end = saturating_add(time, window->left);
}

void
hysac_control_admit(HysacControl *self, guint64 seq, gint64 time, gint64 duration)
{
  if (!self->has_frame)
    self->position = time;
  self->has_frame = TRUE;
  self->all_left = FALSE;
  self->newest_seq = seq;
  self->newest_end = saturating_add(time, MAX(duration, 0));
  if (self->dump.active && !self->dump.anchored) {
    anchor(&self->dump, time);
    self->dump_seq = seq;
  }
}

static void
end(HysacControl *self, HysacControlWindow *window, HysacControlState what)
{
  *window = (HysacControlWindow){0};
  self->ended |= 1u << what;
}

HysacControlState
hysac_control_leave(HysacControl *self, guint64 seq, gint64 time, gint64 duration)
{
  self->position = saturating_add(time, MAX(duration, 0));
  self->all_left = seq >= self->newest_seq;
  if (self->override.active && !self->override.anchored)
    anchor(&self->override, time);
  if (self->override.active && time >= self->override.end)
    end(self, &self->override, self->verdict);
  if (self->dump.active && self->dump.anchored && seq > self->dump_seq && time >= self->dump.end)
    end(self, &self->dump, HYSAC_CONTROL_DUMP);
  return hysac_control_get_state(self);
}

static void
detach(HysacControl *self, HysacControlWindow *window, HysacControlState what)
{
  if (!window->active || !window->anchored)
    return;
  const gint64 left = time_until(window->end, self->position);
  if (left == 0)
    end(self, window, what);
  else
    *window = (HysacControlWindow){.active = TRUE, .left = left};
}

void
hysac_control_flush(HysacControl *self)
{
  detach(self, &self->dump, HYSAC_CONTROL_DUMP);
  if (self->override.active && self->verdict == HYSAC_CONTROL_SAFE)
    end(self, &self->override, self->verdict);
  else
    detach(self, &self->override, self->verdict);
  self->has_frame = FALSE;
}

guint
hysac_control_take_ended(HysacControl *self)
{
  const guint ended = self->ended;
  self->ended = 0;
  return ended;
}

HysacControlState
hysac_control_get_state(const HysacControl *self)
{
  return self->dump.active       ? HYSAC_CONTROL_DUMP
         : self->hold            ? HYSAC_CONTROL_HOLD
         : self->override.active ? self->verdict
                                 : HYSAC_CONTROL_NONE;
}

gint64
hysac_control_get_left(const HysacControl *self, const HysacControlWindow *window)
{
  if (!window->active)
    return 0;
  return window->anchored ? time_until(window->end, self->position) : window->left;
}
