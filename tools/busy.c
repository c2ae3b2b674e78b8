/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How busy others keep the machine while something is measured. */

#include "busy.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define SHORTEST 0.2 /* seconds of processor time; a tick is a hundredth */

gboolean
tool_times_parse(const char *stat, double tick, ToolTimes *out)
{
  /* user nice system idle iowait irq softirq steal (the host took it); guests' are in user and nice: proc(5). */
  unsigned long long t[8] = { 0 };
  if (sscanf(stat, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6],
             &t[7]) < 4)
    return FALSE;
  out->all = 0;
  for (guint i = 0; i < G_N_ELEMENTS(t); i++)
    out->all += (double) t[i] * tick;
  out->idle = (double) (t[3] + t[4]) * tick;
  return TRUE;
}

static double
seconds(const struct timeval *time)
{
  return (double) time->tv_sec + (double) time->tv_usec / 1e6;
}

gboolean
tool_times_take(ToolTimes *out)
{
  g_autofree char *stat = NULL;
  struct rusage usage;
  const long ticks = sysconf(_SC_CLK_TCK);
  *out = (ToolTimes) { 0 };
  if (ticks <= 0 || getrusage(RUSAGE_SELF, &usage) != 0 || !g_file_get_contents("/proc/stat", &stat, NULL, NULL) ||
      !tool_times_parse(stat, 1.0 / (double) ticks, out))
    return FALSE;
  out->own = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
  return TRUE;
}

double
tool_times_others(const ToolTimes *begin, const ToolTimes *end)
{
  const double all = end->all - begin->all;
  const double others = all - (end->idle - begin->idle) - (end->own - begin->own);
  return all < SHORTEST ? -1.0 : CLAMP(others / all, 0.0, 1.0);
}
