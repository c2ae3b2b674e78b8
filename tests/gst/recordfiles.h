/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>

#include "tests/gst/jsonlines.h"
#include "tests/gst/rig.h"

/* The element's records in a folder of the test's own. */

typedef struct {
  char *folder, *verdict, *audit, *vtt, *edl;
} Files;

static inline Files
make_files(void)
{
  Files files = {.folder = g_dir_make_tmp("hysac-XXXXXX", NULL)};
  assert_non_null(files.folder);
  files.verdict = g_build_filename(files.folder, "verdicts.jsonl", NULL);
  files.audit = g_build_filename(files.folder, "audit.jsonl", NULL);
  files.vtt = g_build_filename(files.folder, "segments.vtt", NULL);
  files.edl = g_build_filename(files.folder, "segments.edl", NULL);
  return files;
}

static inline void
remove_files(Files *files)
{
  g_unlink(files->verdict);
  g_unlink(files->audit);
  g_unlink(files->vtt);
  g_unlink(files->edl);
  g_rmdir(files->folder);
  g_free(files->folder);
  g_free(files->verdict);
  g_free(files->audit);
  g_free(files->vtt);
  g_free(files->edl);
}

#define ALL(files)                                                                                 \
  "verdict-log", (files).verdict, "audit-log", (files).audit, "segments-vtt", (files).vtt,         \
      "segments-edl", (files).edl

/* The records are complete once the element has stopped. */
static inline void
stop(Rig *rig)
{
  gst_element_set_state(rig->element, GST_STATE_NULL);
}
