/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * The verdict log: JSON lines appended to a file by a thread of its own, behind a bounded queue. A
 * slow disk never stalls the caller: what does not fit is dropped, counted, and the count is written
 * as a line of its own, {"event":"log-overflow","lost":N}, once there is room again. A write that
 * fails (disk full) drops its line in the same way; writing is tried again with the next. So is
 * opening, where the file was removed meanwhile. A file that is made is its owner's alone (0600).
 *
 * Thread-safety: hysac_report_write_line() and hysac_report_get_error() from any thread.
 */

G_BEGIN_DECLS

typedef struct _HysacReport HysacReport;

/* Opens @path for appending; it is made if missing. NULL and @error (IO) where it cannot be, or where the
 * file holds something else than JSON lines. */
HYSAC_API HysacReport *hysac_report_open(const char *path, GError **error);

/* Writes what is queued and closes. NULL is fine. Returns at once for a regular file on a working
 * disk; a pipe that nobody reads is given up after two seconds. */
HYSAC_API void hysac_report_free(HysacReport *self);
/* The same of one that is there. (transfer full) (nullable): an error that nobody has been told. */
HYSAC_API GError *hysac_report_close(HysacReport *self);

/* @line: (transfer full): one JSON object without a newline; freed by g_free(). Never blocks.
 * FALSE where the queue is full and the line was dropped. */
HYSAC_API gboolean hysac_report_write_line(HysacReport *self, char *line);

/* (transfer full) (nullable): the first write error (IO), handed out once; NULL after that until
 * writing has worked again and failed anew. Cheap: may be asked after every line. */
HYSAC_API GError *hysac_report_get_error(HysacReport *self);

/* For building lines: a JSON string with its quotes (invalid UTF-8 becomes U+FFFD; NULL is null), and
 * a number, shortest form that reads back the same, '.' in any locale, null where not finite. */
HYSAC_API void hysac_json_append_string(GString *line, const char *text);
HYSAC_API void hysac_json_append_double(GString *line, double value);

/* (transfer full): the time of day, UTC, to the microsecond, in the form of DL Streamer's records. */
HYSAC_API char *hysac_report_time(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacReport, hysac_report_free)

G_END_DECLS
