/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Processor time since the machine started, of /proc/stat, and this process's; seconds. */
typedef struct {
  double all, idle; /* all holds what the host of a virtual machine took from it */
  double own;
} ToolTimes;

/* @stat: what /proc/stat holds; @tick: a clock tick in seconds. FALSE where it holds no such line. */
gboolean tool_times_parse(const char *stat, double tick, ToolTimes *out);
/* Now. FALSE where the system does not tell. */
gboolean tool_times_take(ToolTimes *out);
/* The share of all processors' time that others had between the two, 0 … 1; -1: too short a time to tell. */
double tool_times_others(const ToolTimes *begin, const ToolTimes *end);

G_END_DECLS
