/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>

/* The policy file of a test program, or of each of its tests. */

static char *policy_path;

static inline int
set_up(void **state)
{
  const int fd = g_file_open_tmp("hysac-policy-XXXXXX", &policy_path, NULL);
  return fd < 0 ? 1 : g_close(fd, NULL) - 1;
}

static inline int
tear_down(void **state)
{
  g_unlink(policy_path);
  g_clear_pointer(&policy_path, g_free);
  return 0;
}
