/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "index_files.h"

#include "filekind.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 64

typedef struct {
  GPtrArray *files;
  guint others, failed;
} Collection;

static void
fail(Collection *self, const char *path, const char *why)
{
  g_autofree char *shown = g_filename_display_name(path);
  tool_error("%s: %s", shown, why);
  self->failed++;
}

static void
add_folder(Collection *self, const char *folder, guint depth)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
  const char *name;
  if (dir == NULL || depth > MAX_DEPTH) {
    fail(self, folder, dir ? "folders too deep inside each other" : error->message);
    return;
  }
  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    GStatBuf st;
    if (g_lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
      add_folder(self, path, depth + 1);
    else if (g_stat(path, &st) == 0 && S_ISREG(st.st_mode) && (tool_is_picture(path) || tool_is_video(path)))
      g_ptr_array_add(self->files, g_steal_pointer(&path));
    else
      self->others++;
  }
}

static int
compare_paths(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *) a, *(char *const *) b);
}

GPtrArray *
index_collect(char **args, guint *others, guint *failed)
{
  Collection self = { .files = g_ptr_array_new_with_free_func(g_free) };
  for (guint i = 0; args[i] != NULL; i++) {
    g_autofree char *path = g_canonicalize_filename(args[i], NULL);
    GStatBuf st;
    if (g_stat(path, &st) != 0)
      fail(&self, args[i], g_strerror(errno));
    else if (S_ISDIR(st.st_mode))
      add_folder(&self, path, 0);
    else
      g_ptr_array_add(self.files, g_steal_pointer(&path));
  }
  g_ptr_array_sort(self.files, compare_paths);
  for (guint i = 1; i < self.files->len;) {
    if (strcmp(self.files->pdata[i - 1], self.files->pdata[i]) == 0)
      g_ptr_array_remove_index(self.files, i);
    else
      i++;
  }
  *others = self.others;
  *failed = self.failed;
  return self.files;
}
