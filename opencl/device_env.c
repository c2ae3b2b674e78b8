/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What PoCL is told before it is loaded. Its documented variables are the only way in, so this sets environment
 * variables, and only those that nobody has set.
 *
 * POCL_CACHE_DIR: PoCL offers no device at all where it cannot write its own cache (a service without a home, a
 * read-only home). There it is given a folder under the temporary directory: slow starts instead of
 * no moderation.
 *
 * POCL_AFFINITY: each of its threads on a processor of its own. After a pause of a second Linux wakes two of them on
 * one processor and leaves them there for some 40 ms: frames that come a few times a second took half as long again.
 * Only where this process may use every processor: PoCL counts them from the first.
 */

#include "opencl/device_private.h"

#include <glib/gstdio.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether @path is a folder that we may write to, or was made so: access() alone believes root in a
 * folder where nothing can be made. */
static gboolean
is_usable(const char *path)
{
  return g_mkdir_with_parents(path, 0700) == 0 && access(path, W_OK | X_OK) == 0;
}

static char *
private_folder(void)
{
  g_autofree char *path =
      g_strdup_printf("%s/gst-hysac-pocl-%u", g_get_tmp_dir(), (guint) geteuid());
  struct stat st;
  if (g_mkdir(path, 0700) == 0)
    return g_steal_pointer(&path);
  /* It is there already: ours, and nobody else may write, or another name. */
  if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
      (st.st_mode & 077) == 0)
    return g_steal_pointer(&path);
  return g_dir_make_tmp("gst-hysac-pocl-XXXXXX", NULL);
}

static void
prepare_affinity(void)
{
  cpu_set_t ours;
  const long all = sysconf(_SC_NPROCESSORS_ONLN);
  if (g_getenv("POCL_AFFINITY") != NULL || sched_getaffinity(0, sizeof ours, &ours) != 0 ||
      CPU_COUNT(&ours) != all)
    return;
  for (int i = 0; i < (int) all; i++) {
    if (!CPU_ISSET(i, &ours)) /* one below is offline */
      return;
  }
  g_setenv("POCL_AFFINITY", "1", FALSE);
}

static void
prepare_cache(void)
{
  if (g_getenv("POCL_CACHE_DIR") != NULL)
    return;
  const char *cache = g_getenv("XDG_CACHE_HOME"), *home = g_getenv("HOME");
  g_autofree char *wanted = NULL;
  if (cache != NULL && cache[0] != '\0')
    wanted = g_build_filename(cache, "pocl", "kcache", NULL);
  else if (home != NULL)
    wanted = g_build_filename(home, ".cache", "pocl", "kcache", NULL);
  else
    return; /* it takes /tmp then */
  if (is_usable(wanted))
    return;
  g_autofree char *folder = private_folder();
  if (folder == NULL)
    return;
  g_info("PoCL cannot write its cache %s: POCL_CACHE_DIR is set to %s", wanted, folder);
  g_setenv("POCL_CACHE_DIR", folder, FALSE);
}

void
hysac_device_prepare_environment(void)
{
  prepare_affinity();
  prepare_cache();
}
