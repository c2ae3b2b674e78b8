/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: the files' side. */

#include "fit_files.h"

#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEIGHTS "model.safetensors"
#define MAX_DEPTH 64

static gboolean
has_ending(const char *path, const char *const *endings)
{
  const char *dot = strrchr(path, '.');
  for (guint i = 0; dot != NULL && endings[i] != NULL; i++) {
    if (g_ascii_strcasecmp(dot + 1, endings[i]) == 0)
      return TRUE;
  }
  return FALSE;
}

gboolean
tool_is_video(const char *path)
{
  static const char *const endings[] = { "mp4",  "m4v", "mkv", "webm", "mov", "avi", "ts",  "mpg",
                                         "mpeg", "flv", "wmv", "ogv",  "y4m", "mxf", "3gp", NULL };
  return has_ending(path, endings);
}

gboolean
tool_is_picture(const char *path)
{
  GSList *formats = gdk_pixbuf_get_formats();
  gboolean found = FALSE;
  for (GSList *at = formats; at != NULL && !found; at = at->next) {
    g_auto(GStrv) endings = gdk_pixbuf_format_get_extensions(at->data);
    found = has_ending(path, (const char *const *) endings);
  }
  g_slist_free(formats);
  return found;
}

static gboolean
add_folder(GPtrArray *files, const char *folder, guint depth, guint *others, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &local);
  if (dir == NULL || depth > MAX_DEPTH) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s",
                local ? local->message : "folders too deep inside each other");
    return FALSE;
  }
  const char *name;
  while ((name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    GStatBuf st;
    if (g_lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
      if (!add_folder(files, path, depth + 1, others, error))
        return FALSE;
    } else if (g_stat(path, &st) == 0 && S_ISREG(st.st_mode) && tool_is_picture(path)) {
      g_ptr_array_add(files, g_steal_pointer(&path));
    } else {
      ++*others;
    }
  }
  return TRUE;
}

static int
compare_paths(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *) a, *(char *const *) b);
}

char **
fit_collect_pictures(char **args, guint *others, GError **error)
{
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; args != NULL && args[i] != NULL; i++) {
    GStatBuf st;
    if (g_stat(args[i], &st) != 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", args[i], g_strerror(errno));
      return NULL;
    }
    if (S_ISDIR(st.st_mode)) {
      if (!add_folder(files, args[i], 0, others, error))
        return NULL;
    } else if (tool_is_video(args[i])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                  "%s: fit takes pictures only in this version; take frames out of the video first",
                  args[i]);
      return NULL;
    } else {
      g_ptr_array_add(files, g_strdup(args[i]));
    }
  }
  g_ptr_array_sort(files, compare_paths);
  g_ptr_array_add(files, NULL);
  return (char **) g_ptr_array_free(g_steal_pointer(&files), FALSE);
}

char **
fit_expand_lists(int argc, char **argv)
{
  GPtrArray *out = g_ptr_array_new();
  const char *list = NULL; /* the option whose list we are in */
  gboolean first = FALSE;  /* its first value follows the option itself */
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--safe") == 0 || strcmp(argv[i], "--unsafe") == 0) {
      list = argv[i];
      first = TRUE;
    } else if (argv[i][0] == '-') {
      list = NULL;
    } else if (list != NULL) {
      if (!first)
        g_ptr_array_add(out, g_strdup(list));
      first = FALSE;
    }
    g_ptr_array_add(out, g_strdup(argv[i]));
  }
  g_ptr_array_add(out, NULL);
  return (char **) g_ptr_array_free(out, FALSE);
}

static gboolean
copy_one(const char *from, const char *to, const char *name, GError **error)
{
  g_autofree char *source = g_build_filename(from, name, NULL);
  g_autofree char *target = g_build_filename(to, name, NULL);
  GStatBuf st;
  if (g_stat(source, &st) != 0 || !S_ISREG(st.st_mode))
    return TRUE;
  if (strcmp(name, WEIGHTS) == 0) {
    g_autofree char *absolute = g_canonicalize_filename(source, NULL);
    if (symlink(absolute, target) == 0)
      return TRUE;
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", target, g_strerror(errno));
    return FALSE;
  }
  g_autofree char *data = NULL;
  gsize length;
  g_autoptr(GError) local = NULL;
  if (g_file_get_contents(source, &data, &length, &local) &&
      g_file_set_contents(target, data, (gssize) length, &local))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s", local->message);
  return FALSE;
}

gboolean
fit_copy_model(const char *from, const char *to, GError **error)
{
  g_autoptr(GError) local = NULL;
  if (g_mkdir(to, 0755) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", to, g_strerror(errno));
    return FALSE;
  }
  g_autoptr(GDir) dir = g_dir_open(from, 0, &local);
  if (dir == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s", local->message);
    return FALSE;
  }
  const char *name;
  while ((name = g_dir_read_name(dir)) != NULL) {
    if (!copy_one(from, to, name, error))
      return FALSE;
  }
  return TRUE;
}
