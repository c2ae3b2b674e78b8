/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/report.h"

/* Files that need more than lines. Internal: not installed. */

G_BEGIN_DECLS

typedef enum {
  HYSAC_REPORT_APPEND = 0,
  HYSAC_REPORT_TRUNCATE = 1 << 0, /* begin anew */
  HYSAC_REPORT_LOCK = 1 << 1,     /* alone: IO where somebody else writes to it */
  HYSAC_REPORT_SYNC = 1 << 2,     /* on the disk whenever nothing waits to be written */
} HysacReportFlags;

/* Lines that depend on what has been written before them, or that are more than one. All run on the
 * writer's thread; a line that could not be written whole is taken back and never committed. */
typedef struct {
  /* (transfer full): the line to write for @line or, where that is NULL, for @lost dropped lines. */
  char *(*seal)(const char *line, guint64 lost, gpointer user_data);
  void (*commit)(gpointer user_data); /* nullable */
  void (*fail)(gpointer user_data);   /* it could not be written, or not synced; nullable */
  /* (transfer full): what an empty file begins with, newline included: also one that takes the place
   * of a file that was removed. Nullable. */
  char *(*head)(gpointer user_data);
  const char *begins; /* as such a file begins: another one is not touched. NULL: "{" */
  gpointer user_data;
} HysacReportSealer;

/* @sealer: (nullable): copied. */
HysacReport *hysac_report_open_full(const char *path, HysacReportFlags flags,
                                    const HysacReportSealer *sealer, GError **error);

G_END_DECLS
