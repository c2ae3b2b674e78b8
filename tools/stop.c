/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ctrl-C, for what keeps what it has done. */

#include "stop.h"

#include <signal.h>

static gint stopped;

static void
on_signal(int number)
{
  g_atomic_int_set(&stopped, 1);
}

void
tool_stop_catch(void)
{
  const struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int) (SA_RESTART | SA_RESETHAND) };
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

gboolean
tool_stopped(void)
{
  return g_atomic_int_get(&stopped) != 0;
}

gint *
tool_stop_flag(void)
{
  return &stopped;
}
