/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: which files there are. */

#include "fileid.h"
#include "scan_advice.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_DEPTH 64

typedef struct {
  GPtrArray *files;
  GHashTable *seen; /* tool_file_id() of files and folders */
  GStatBuf except;
  gboolean has_except;
  guint links;
} Collection;

ScanFile *
scan_file_new(const char *name, gboolean from_folder)
{
  ScanFile *self = g_new0(ScanFile, 1);
  self->name = g_strdup(name);
  self->path = tool_video_path(name);
  self->from_folder = from_folder;
  self->stream = 1;
  self->stated = -1;
  self->choice.program = -1;
  self->fps_den = 1;
  self->samples = g_array_new(FALSE, FALSE, sizeof(ScanSample));
  self->segments = g_array_new(FALSE, FALSE, sizeof(ScanSegment));
  self->ratings = g_array_new(FALSE, FALSE, sizeof(HysacRating));
  self->acts = g_array_new(FALSE, FALSE, sizeof(ScanAct));
  return self;
}

void
scan_file_reset(ScanFile *self)
{
  for (guint i = 0; i < self->segments->len; i++)
    g_clear_pointer(&g_array_index(self->segments, ScanSegment, i).thumb, g_bytes_unref);
  g_array_set_size(self->samples, 0);
  g_array_set_size(self->segments, 0);
  g_array_set_size(self->ratings, 0);
  g_array_set_size(self->acts, 0);
  g_clear_pointer(&self->error, g_free);
  self->failed_samples = 0;
  self->earlier = 0;
}

void
scan_file_free(gpointer file)
{
  ScanFile *self = file;
  scan_file_reset(self);
  g_array_unref(self->samples);
  g_array_unref(self->segments);
  g_array_unref(self->ratings);
  g_array_unref(self->acts);
  g_clear_pointer(&self->more, g_ptr_array_unref);
  g_free(self->own_error);
  g_free(self->name);
  g_free(self->path);
  g_free(self);
}

const char *
scan_status_to_string(ScanStatus status)
{
  static const char *const names[] = { "waiting", "complete", "partial", "failed", "no-video",
                                       "stopped" };
  return names[status];
}

const char *
scan_sample_verdict(const ScanFile *file, const ScanSample *sample, const ScanSettings *settings,
                    HysacReason *reason)
{
  guint low = 0, high = file->segments->len;
  while (low < high) {
    const guint middle = (low + high) / 2;
    const HysacSegment *s = &g_array_index(file->segments, ScanSegment, middle).segment;
    if (sample->frame > s->last) {
      low = middle + 1;
    } else if (sample->frame < s->first) {
      high = middle;
    } else {
      *reason = s->reason;
      return s->verdict;
    }
  }
  *reason = sample->distance - settings->region.bound > settings->policy.enter_margin
                ? HYSAC_REASON_UNCONFIRMED
                : HYSAC_REASON_SAFE;
  return "safe";
}

/* FALSE where it has been seen. */
static gboolean
is_new(Collection *self, const GStatBuf *st)
{
  return g_hash_table_add(self->seen, tool_file_id(st));
}

static ScanFile *
add(Collection *self, const char *name, gboolean from_folder)
{
  ScanFile *file = scan_file_new(name, from_folder);
  g_ptr_array_add(self->files, file);
  return file;
}

static void
add_failed(Collection *self, const char *name, gboolean from_folder, const char *why)
{
  ScanFile *file = add(self, name, from_folder);
  file->status = SCAN_FAILED;
  file->error = g_strdup(why);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *) a, *(char *const *) b);
}

static void add_folder(Collection *self, const char *folder, guint depth);

static void
add_entry(Collection *self, const char *path, guint depth)
{
  GStatBuf st;
  const gboolean is_link = g_lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
  if (g_stat(path, &st) != 0) {
    /* A link to nowhere, or to itself. */
    add_failed(self, path, TRUE, g_strerror(errno));
  } else if (S_ISDIR(st.st_mode)) {
    if (!is_link && !(self->has_except && st.st_ino == self->except.st_ino &&
                      st.st_dev == self->except.st_dev))
      add_folder(self, path, depth + 1);
  } else if (S_ISREG(st.st_mode) && st.st_size == 0 && g_str_has_suffix(path, "/state/lock")) {
    /* Of an earlier scan that wrote here: any other empty file may have lost what was in it. */
  } else if (S_ISREG(st.st_mode)) {
    if (is_new(self, &st))
      add(self, path, TRUE)->size = (guint64) st.st_size;
    else
      self->links++;
  } /* pipes, sockets and devices hold nothing that stays */
}

static void
add_folder(Collection *self, const char *folder, guint depth)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
  if (dir == NULL || depth > MAX_DEPTH) {
    add_failed(self, folder, TRUE, dir ? "folders too deep inside each other" : error->message);
    return;
  }
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  const char *name;
  while ((name = g_dir_read_name(dir)) != NULL)
    g_ptr_array_add(names, g_build_filename(folder, name, NULL));
  g_ptr_array_sort(names, compare_names);
  for (guint i = 0; i < names->len; i++)
    add_entry(self, names->pdata[i], depth);
}

static void
add_argument(Collection *self, const char *arg)
{
  GStatBuf st;
  g_autofree char *path = tool_video_path(arg);
  if (path == NULL)
    add(self, arg, FALSE);
  else if (g_stat(path, &st) != 0)
    add_failed(self, arg, FALSE, g_strerror(errno));
  else if (S_ISDIR(st.st_mode))
    add_folder(self, path, 0);
  else if (is_new(self, &st))
    add(self, arg, FALSE)->size = (guint64) st.st_size;
  else
    self->links++;
}

GPtrArray *
scan_collect(char **args, const char *except, guint *links)
{
  Collection self = { .files = g_ptr_array_new_with_free_func(scan_file_free) };
  self.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  self.has_except = except != NULL && g_stat(except, &self.except) == 0;
  for (guint i = 0; args[i] != NULL; i++)
    add_argument(&self, args[i]);
  for (guint i = 0; i < self.files->len; i++)
    ((ScanFile *) self.files->pdata[i])->index = i + 1;
  g_hash_table_unref(self.seen);
  *links = self.links;
  return self.files;
}
