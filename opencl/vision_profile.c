/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tower's time, stage by stage, from the events of its operations. */

#include "opencl/vision_profile.h"

struct _HysacVisionProfile {
  guint n, room;
  struct {
    HysacStage stage;
    cl_event event; /* NULL where the operation enqueued nothing */
  } marks[];
};

HysacVisionProfile *
hysac_vision_profile_new(guint layers)
{
  const guint room = 16 + 16 * layers;
  HysacVisionProfile *self = g_malloc0(sizeof *self + room * sizeof self->marks[0]);
  self->room = room;
  return self;
}

void
hysac_vision_profile_free(HysacVisionProfile *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n; i++)
    g_clear_pointer(&self->marks[i].event, clReleaseEvent);
  g_free(self);
}

cl_event *
hysac_vision_profile_mark(HysacVisionProfile *self, HysacStage stage)
{
  if (self->n == self->room)
    return NULL;
  self->marks[self->n].stage = stage;
  return &self->marks[self->n++].event;
}

static gboolean
end_of(cl_event event, cl_ulong *end, GError **error)
{
  return HYSAC_CL(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof *end, end, NULL),
                  "clGetEventProfilingInfo", error);
}

gboolean
hysac_vision_profile_read(HysacVisionProfile *self, cl_event before, double ms[HYSAC_N_STAGES], GError **error)
{
  cl_ulong last, end;
  for (HysacStage s = 0; s < HYSAC_N_STAGES; s++)
    ms[s] = 0.0;
  if (!end_of(before, &last, error))
    return FALSE;
  for (guint i = 0; i < self->n; i++) {
    if (self->marks[i].event == NULL)
      continue;
    if (!end_of(self->marks[i].event, &end, error))
      return FALSE;
    ms[self->marks[i].stage] += ((double) end - (double) last) / 1e6;
    last = end;
  }
  return TRUE;
}
