/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: which files there are, and where results go. */

#include "fileid.h"
#include "fit.h"
#include "filekind.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEIGHTS "model.safetensors"
#define MAX_DEPTH 64

static void
free_clip(gpointer data)
{
  FitClip *self = data;
  g_free(self->name);
  g_array_unref(self->distances);
  g_array_unref(self->times);
  g_array_unref(self->boundaries);
  g_array_unref(self->features);
  g_free(self);
}

static void
free_item(gpointer data)
{
  FitItem *self = data;
  if (self == NULL)
    return;
  g_free(self->path);
  g_free(self->id);
  g_free(self);
}

static void
add_file(FitSet *self, char *path, gboolean video, const GStatBuf *st)
{
  FitItem *item = g_new0(FitItem, 1);
  item->path = path;
  item->video = video;
  item->id = tool_file_id(st);
  g_ptr_array_add(self->items, item);
}

/* Its figures show what a model does. */
static gboolean
is_model(const char *folder)
{
  g_autofree char *geometry = g_build_filename(folder, "hysac.json", NULL);
  g_autofree char *weights = g_build_filename(folder, WEIGHTS, NULL);
  return g_file_test(geometry, G_FILE_TEST_EXISTS) && g_file_test(weights, G_FILE_TEST_EXISTS);
}

static gboolean
add_folder(FitSet *self, const char *folder, guint depth, GError **error)
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
      if (is_model(path))
        self->own++;
      else if (!add_folder(self, path, depth + 1, error))
        return FALSE;
    } else if (g_stat(path, &st) == 0 && S_ISREG(st.st_mode) && (tool_is_picture(path) || tool_is_video(path))) {
      const gboolean video = tool_is_video(path);
      if (!video && fit_is_plot(path))
        self->own++;
      else
        add_file(self, g_steal_pointer(&path), video, &st);
    } else {
      self->others++;
    }
  }
  return TRUE;
}

static int
compare_items(gconstpointer a, gconstpointer b)
{
  return strcmp((*(FitItem *const *) a)->path, (*(FitItem *const *) b)->path);
}

/* Of several names of one file the first counts: what is drawn together is no more for a second name. Pictures of one
 * folder in time may show the same. */
static void
drop_links(FitSet *self, gboolean folder_clips)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free); /* of ids that items keep */
  guint kept = 0, links = 0;
  for (guint i = 0; i < self->items->len; i++) {
    FitItem *item = self->items->pdata[i];
    g_autofree char *folder = g_path_get_dirname(item->path);
    const char *first = g_hash_table_lookup(seen, item->id);
    if (first != NULL && !(folder_clips && !item->video && strcmp(first, folder) == 0)) {
      links++;
      free_item(item);
      continue;
    }
    if (first == NULL)
      g_hash_table_insert(seen, item->id, g_steal_pointer(&folder));
    self->items->pdata[kept++] = item;
  }
  for (guint i = kept; i < self->items->len; i++)
    self->items->pdata[i] = NULL; /* moved or freed */
  g_ptr_array_set_size(self->items, (int) kept);
  if (links > 0)
    tool_error("note: %s: %u name(s) are of files that are in the list already", self->what, links);
}

FitClip *
fit_set_add_clip(FitSet *self, const char *name)
{
  FitClip *clip = g_new0(FitClip, 1);
  clip->name = g_strdup(name);
  clip->distances = g_array_new(FALSE, FALSE, sizeof(double));
  clip->times = g_array_new(FALSE, FALSE, sizeof(gint64));
  clip->boundaries = g_array_new(FALSE, FALSE, sizeof(guint8));
  clip->features = g_array_new(FALSE, FALSE, sizeof(float));
  g_ptr_array_add(self->clips, clip);
  return clip;
}

/* Each video and picture is a clip; with folder clips the pictures of a folder are one. */
static void
make_clips(FitSet *self, gboolean folder_clips)
{
  g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < self->items->len; i++) {
    FitItem *item = self->items->pdata[i];
    self->videos += item->video;
    self->pictures += !item->video;
    if (item->video || !folder_clips) {
      item->clip = fit_set_add_clip(self, item->path);
      continue;
    }
    g_autofree char *folder = g_path_get_dirname(item->path);
    item->clip = g_hash_table_lookup(folders, folder);
    if (item->clip == NULL) {
      item->clip = fit_set_add_clip(self, folder);
      g_hash_table_insert(folders, g_steal_pointer(&folder), item->clip);
    }
  }
}

void
fit_set_init(FitSet *self, const char *what)
{
  self->what = what;
  self->items = g_ptr_array_new_with_free_func(free_item);
  self->clips = g_ptr_array_new_with_free_func(free_clip);
  self->used = g_ptr_array_new();
}

/* What was named itself: also a picture without the ending of one, but nothing that is none. */
static void
add_named(FitSet *self, const char *path, const GStatBuf *st)
{
  if (tool_is_video(path) || tool_is_picture(path) || tool_holds_picture(path)) {
    add_file(self, g_strdup(path), tool_is_video(path), st);
    return;
  }
  tool_error("%s: neither a picture nor a video; lines of text are for --texts", path);
  self->unreadable++;
}

gboolean
fit_set_collect(FitSet *self, const char *what, char **args, const FitSampling *sampling, GError **error)
{
  fit_set_init(self, what);
  for (guint i = 0; args != NULL && args[i] != NULL; i++) {
    GStatBuf st;
    if (g_stat(args[i], &st) != 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", args[i], g_strerror(errno));
      return FALSE;
    }
    if (!S_ISDIR(st.st_mode))
      add_named(self, args[i], &st);
    else if (!add_folder(self, args[i], 0, error))
      return FALSE;
  }
  g_ptr_array_sort(self->items, compare_items);
  drop_links(self, sampling->folder_clips);
  make_clips(self, sampling->folder_clips);
  if (self->own > 0)
    tool_error("note: %s: %u plot(s) and model folder(s) of hysac passed over, which are no material", what, self->own);
  if (self->others > 0)
    tool_error("%s: %u file(s) passed over that are no pictures or videos", what, self->others);
  return TRUE;
}

void
fit_set_clear(FitSet *self)
{
  g_clear_pointer(&self->items, g_ptr_array_unref);
  g_clear_pointer(&self->clips, g_ptr_array_unref);
  g_clear_pointer(&self->used, g_ptr_array_unref);
  g_clear_pointer(&self->sums, g_ptr_array_unref);
  g_clear_pointer(&self->films, g_ptr_array_unref);
}

char *
fit_set_hash(const FitSet *self, GError **error)
{
  return self->sums != NULL
             ? hysac_profile_hash_sums((const char *const *) self->sums->pdata, self->sums->len)
             : hysac_profile_hash_inputs((const char *const *) self->used->pdata, self->used->len, error);
}

static gboolean
takes_list(const char *option)
{
  static const char *const options[] = { "--safe", "--unsafe", "--texts", "--unsafe-texts", NULL };
  return g_strv_contains(options, option);
}

char **
fit_expand_lists(int argc, char **argv)
{
  GPtrArray *out = g_ptr_array_new();
  const char *list = NULL; /* the option whose list we are in */
  gboolean first = FALSE;  /* its first value follows the option itself */
  for (int i = 0; i < argc; i++) {
    if (takes_list(argv[i])) {
      list = argv[i];
      first = TRUE;
    } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
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

static gboolean
copy_model(const char *from, const char *to, GError **error)
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

/* A model directory holds plain files and links; folders were not copied. */
static void
remove_copy(const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_unlink(path);
  }
  g_rmdir(folder);
}

gboolean
fit_target_begin(FitTarget *self, const char *from, const char *to, GError **error)
{
  if (to == NULL) {
    self->folder = g_strdup(from);
    return TRUE;
  }
  g_autofree char *plain = g_strdup(to);
  for (gsize n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
    plain[n - 1] = '\0';
  self->folder = g_strdup_printf("%s.part-%d", plain, (int) getpid());
  self->final = g_steal_pointer(&plain);
  return copy_model(from, self->folder, error);
}

gboolean
fit_target_finish(FitTarget *self, GError **error)
{
  if (self->final == NULL)
    return TRUE;
  /* rename() alone would take an empty folder's place. */
  if (g_file_test(self->final, G_FILE_TEST_EXISTS) || g_rename(self->folder, self->final) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", self->final,
                g_file_test(self->final, G_FILE_TEST_EXISTS) ? g_strerror(EEXIST) : g_strerror(errno));
    return FALSE;
  }
  g_free(self->folder);
  self->folder = g_steal_pointer(&self->final);
  return TRUE;
}

void
fit_target_abandon(FitTarget *self)
{
  if (self->final != NULL)
    remove_copy(self->folder);
  g_clear_pointer(&self->folder, g_free);
  g_clear_pointer(&self->final, g_free);
}

/* ------------------------------------------------------------ signals */

static volatile sig_atomic_t waiting;
static struct sigaction before[2];
static const int held[2] = { SIGINT, SIGTERM };

static void
on_signal(int number)
{
  waiting = number;
}

void
fit_signals_hold(void)
{
  struct sigaction wait = { .sa_handler = on_signal };
  for (guint i = 0; i < G_N_ELEMENTS(held); i++)
    sigaction(held[i], &wait, &before[i]);
}

void
fit_signals_release(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(held); i++)
    sigaction(held[i], &before[i], NULL);
  if (waiting)
    raise(waiting);
}
