/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "core/report.h"

/* Keys and values of a JSON object that begins as "{". */

static inline void
add_string(GString *line, const char *key, const char *value)
{
  g_string_append_printf(line, "%s\"%s\":", line->len > 1 ? "," : "", key);
  hysac_json_append_string(line, value);
}

static inline void
add_double(GString *line, const char *key, double value)
{
  g_string_append_printf(line, "%s\"%s\":", line->len > 1 ? "," : "", key);
  hysac_json_append_double(line, value);
}

static inline void
add_int(GString *line, const char *key, gint64 value)
{
  g_string_append_printf(line, "%s\"%s\":%" G_GINT64_FORMAT, line->len > 1 ? "," : "", key, value);
}

static inline void
add_null(GString *line, const char *key)
{
  g_string_append_printf(line, "%s\"%s\":null", line->len > 1 ? "," : "", key);
}

static inline void
add_bool(GString *line, const char *key, gboolean value)
{
  g_string_append_printf(line, "%s\"%s\":%s", line->len > 1 ? "," : "", key,
                         value ? "true" : "false");
}

static inline void
add_time(GString *line, const char *key, GstClockTime time)
{
  if (GST_CLOCK_TIME_IS_VALID(time))
    add_int(line, key, (gint64)time);
  else
    add_null(line, key);
}

static inline void
add_count(GString *line, const char *key, guint64 value)
{
  g_string_append_printf(line, "%s\"%s\":%" G_GUINT64_FORMAT, line->len > 1 ? "," : "", key, value);
}
