/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/flicker.h"

#define ONE_SECOND G_GINT64_CONSTANT(1000000000)

void
hysac_flicker_init(HysacFlicker *self)
{
  self->redacting = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(self->toggles); i++)
    self->toggles[i] = G_MININT64;
}

static gboolean
within_second(gint64 toggle, gint64 time)
{
  /* As a sum, so that no difference of two far times overflows; a time going back counts too. */
  return toggle != G_MININT64 && (toggle > G_MAXINT64 - ONE_SECOND || time <= toggle + ONE_SECOND);
}

gboolean
hysac_flicker_filter(HysacFlicker *self, gint64 time, gboolean redact)
{
  redact = !!redact;
  if (redact == self->redacting)
    return redact;
  /*
   * Coming back makes one toggle and may be followed at once by a redaction, which nothing holds up:
   * at most one toggle may lie in the second before.
   */
  if (!redact && within_second(self->toggles[1], time))
    return TRUE;

  self->toggles[2] = self->toggles[1];
  self->toggles[1] = self->toggles[0];
  self->toggles[0] = time;
  self->redacting = redact;
  return redact;
}
