/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac index: the points of pictures and of videos' frames, in a file that hysac search reads. */

#include "filekind.h"
#include "index_files.h"
#include "progress.h"
#include "stop.h"
#ifdef HYSAC_HAVE_VIDEO
#include "video.h"
#include "videoend.h"
#endif

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* Pictures between two looks at Ctrl-C. */
#define AT_ONCE 16
/* What is lost at most where the process is killed. */
#define KEEP_EVERY (10 * 60 * G_USEC_PER_SEC)

typedef struct {
  ToolSession session;
  HysacIndexSpace space;
  HysacIndexWriter *writer;
  char *out;
  gint64 interval; /* ns, between a video's frames: at least 1, which takes every one */
  GHashTable *known; /* path -> time of its last point, or G_MAXINT64 where all of it is there */
  guint pictures, frames, skipped, others, failed;
  gint64 kept; /* when the file was written last */
  char **paths; /* of the pictures that are being encoded */
  gboolean broken; /* the engine or the disk: nothing goes on */
} Indexing;

static void
fail_file(Indexing *self, const GError *error)
{
  tool_progress_clear();
  tool_error("%s", error->message);
  self->failed++;
}

/* FALSE where it has been told, and nothing goes on. */
static gboolean
add_point(Indexing *self, const char *path, gint64 time, const float *point)
{
  g_autoptr(GError) error = NULL;
  if (hysac_index_writer_add(self->writer, path, time, point, &error))
    return TRUE;
  fail_file(self, error);
  self->broken = !g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT);
  return FALSE;
}

static void
on_picture(guint index, const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Indexing *self = user_data;
  if (error != NULL) {
    fail_file(self, error);
  } else if (!self->broken && add_point(self, self->paths[index], -1, embedding->point)) {
    hysac_index_writer_end_file(self->writer);
    self->pictures++;
  }
}

static void
index_pictures(Indexing *self, GPtrArray *paths)
{
  g_autoptr(GError) error = NULL;
  if (paths->len == 0)
    return;
  g_ptr_array_add(paths, NULL);
  self->paths = (char **) paths->pdata;
  if (!tool_embed_pictures(self->session.engine, self->paths, TOOL_PICTURES_AS_SHOWN, on_picture, self, &error)) {
    fail_file(self, error);
    self->broken = TRUE;
  }
  g_ptr_array_set_size(paths, 0);
}

#ifdef HYSAC_HAVE_VIDEO
/* Of a video that was read to its end: whether that is all of it. */
static gboolean
is_whole(ToolVideo *video, const char *path, GError **error)
{
  ToolVideoInfo info;
  tool_video_get_info(video, &info);
  g_autofree char *why = tool_video_end_error(path, &info);
  if (why != NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s; what came before is in the index", why);
  return why == NULL;
}

/* Frames after @after, at least the interval apart. Where it is stopped, those so far stay: the next run goes on. */
static void
index_video(Indexing *self, const char *path, gint64 after)
{
  g_autoptr(GError) error = NULL;
  g_autofree float *feature = g_new(float, self->space.dim), *point = g_new(float, self->space.dim);
  g_autoptr(ToolVideo) video = tool_video_open(path, 0, &error);
  gint64 next = after < 0 ? 0 : after + self->interval;
  ToolVideoFrame *frame = NULL;
  gboolean any = after >= 0;
  while (video != NULL && !self->broken && (frame = tool_video_next(video, tool_stop_flag(), &error)) != NULL) {
    const gint64 time = frame->time;
    gboolean ok = TRUE;
    if (time >= next) {
      ok = hysac_engine_embed(self->session.engine, &frame->picture, feature, point, NULL, &error);
      if (ok && add_point(self, path, time, point)) {
        any = TRUE;
        self->frames++;
      }
      next = MAX(next, time - time % self->interval) + self->interval;
    }
    tool_video_frame_unref(frame);
    if (!ok)
      break;
  }
  if (error == NULL && video != NULL && !any && !self->broken && !tool_stopped())
    g_set_error(&error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "no picture in it could be decoded");
  else if (error == NULL && any && !self->broken && !tool_stopped() && is_whole(video, path, &error))
    hysac_index_writer_end_file(self->writer);
  if (error != NULL) {
    g_autofree char *shown = g_filename_display_name(path);
    if (!g_str_has_prefix(error->message, shown))
      g_prefix_error(&error, "%s: ", shown);
    fail_file(self, error);
    self->broken = hysac_engine_has_failed(self->session.engine);
  }
}
#else
static void
index_video(Indexing *self, const char *path, gint64 after)
{
  g_autofree char *shown = g_filename_display_name(path);
  tool_error("%s: this build reads no videos", shown);
  self->failed++;
}
#endif

/* A writer for what is in the file and what will be added. */
static gboolean
open_writer(Indexing *self, HysacIndex *old, GError **error)
{
  self->writer = hysac_index_writer_new(self->out, &self->space, error);
  self->kept = g_get_monotonic_time();
  return self->writer != NULL && (old == NULL || hysac_index_writer_add_all(self->writer, old, error));
}

static gboolean
keep(Indexing *self, gboolean go_on)
{
  g_autoptr(GError) error = NULL;
  gboolean ok = hysac_index_writer_finish(g_steal_pointer(&self->writer), &error);
  if (ok && go_on) {
    g_autoptr(HysacIndex) old = hysac_index_open(self->out, &error);
    ok = old != NULL && open_writer(self, old, &error);
  }
  if (ok)
    return TRUE;
  tool_progress_clear();
  tool_error("%s", error->message);
  self->broken = TRUE;
  return FALSE;
}

static gboolean
read_known(Indexing *self, HysacIndex *old, GError **error)
{
  for (guint i = 0; i < hysac_index_get_n_points(old); i++) {
    HysacIndexId id;
    if (!hysac_index_get_id(old, i, &id, error))
      return FALSE;
    gint64 *time = g_hash_table_lookup(self->known, id.path);
    if (time == NULL) {
      time = g_new(gint64, 1);
      *time = -1;
      g_hash_table_insert(self->known, g_strdup(id.path), time);
    }
    *time = id.last ? G_MAXINT64 : MAX(*time, id.time);
  }
  return TRUE;
}

/* The file that is there, if one is: it must be of this model. */
static gboolean
take_up(Indexing *self, GError **error)
{
  g_autoptr(HysacIndex) old = NULL;
  const HysacPrecision precision = hysac_engine_get_precision(self->session.engine);
  if (!hysac_model_get_index_space(self->session.model, precision, &self->space, error))
    return FALSE;
  if (g_file_test(self->out, G_FILE_TEST_EXISTS)) {
    g_autofree char *shown = g_filename_display_name(self->out);
    old = hysac_index_open(self->out, error);
    if (old == NULL ||
        !hysac_index_space_equal(hysac_index_get_space(old), shown, &self->space, "the model", error) ||
        !read_known(self, old, error))
      return FALSE;
  }
  return open_writer(self, old, error);
}

static void
index_files(Indexing *self, GPtrArray *files)
{
  g_autoptr(GPtrArray) pictures = g_ptr_array_new();
  for (guint i = 0; i < files->len && !self->broken && !tool_stopped(); i++) {
    char *path = files->pdata[i];
    const gint64 *known = g_hash_table_lookup(self->known, path);
    tool_progress((double) i / files->len, path);
    if (known != NULL && *known == G_MAXINT64)
      self->skipped++;
    else if (tool_is_video(path))
      index_video(self, path, known ? *known : -1);
    else
      g_ptr_array_add(pictures, path);
    if (pictures->len == AT_ONCE)
      index_pictures(self, pictures);
    if (!self->broken && g_get_monotonic_time() - self->kept > KEEP_EVERY)
      keep(self, TRUE);
  }
  if (!self->broken)
    index_pictures(self, pictures);
  tool_progress_clear();
}

static void
print_result(const Indexing *self, guint points, gboolean json)
{
  g_autofree char *shown = g_filename_display_name(self->out);
  if (json) {
    g_autoptr(GString) line = g_string_new("{\"index\":");
    hysac_json_append_string(line, shown);
    g_string_append_printf(line, ",\"points\":%u,\"pictures\":%u,\"frames\":%u,\"skipped\":%u,\"others\":%u,"
                                 "\"failed\":%u,\"stopped\":%s}",
                           points, self->pictures, self->frames, self->skipped, self->others, self->failed,
                           tool_stopped() ? "true" : "false");
    puts(line->str);
  } else {
    printf("%s: %u points; new: %u pictures, %u frames; %u files were in it, %u are neither pictures nor videos, %u "
           "failed\n",
           shown, points, self->pictures, self->frames, self->skipped, self->others, self->failed);
  }
}

static int
run(Indexing *self, char **args, gboolean json)
{
  g_autoptr(GError) error = NULL;
  int code = tool_session_open(&self->session, "index");
  if (code != TOOL_OK)
    return code;
  self->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  tool_stop_catch();
  g_autoptr(GPtrArray) files = index_collect(args, &self->others, &self->failed);
  if (files->len == 0) {
    tool_error("there is no picture or video in what was named");
    return TOOL_FAILED;
  }
  if (!take_up(self, &error)) {
    tool_fail(error, g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_MODEL)
                         ? "go on with the model and precision that it was made with, or give another --out"
                         : NULL);
    return TOOL_FAILED;
  }
  index_files(self, files);
  /* What was encoded stays, whatever happened then. */
  const guint points = self->writer ? hysac_index_writer_get_n_points(self->writer) : 0;
  if (self->writer != NULL && keep(self, FALSE))
    print_result(self, points, json);
  if (tool_stopped())
    tool_error("stopped: the same command goes on from here");
  return tool_finish_output(tool_stopped()                     ? TOOL_STOPPED
                            : self->failed > 0 || self->broken ? TOOL_FAILED
                                                               : TOOL_OK);
}

static int
check(const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacIndex) index = hysac_index_open(path, &error);
  if (index == NULL || !hysac_index_verify(index, &error)) {
    tool_error("%s", error->message);
    return TOOL_FAILED;
  }
  g_autofree char *shown = g_filename_display_name(path);
  printf("%s: whole, %u points of %u numbers\n", shown, hysac_index_get_n_points(index),
         hysac_index_get_space(index)->dim);
  return tool_finish_output(TOOL_OK);
}

int
tool_index(int argc, char **argv)
{
  Indexing self = { 0 };
  g_auto(GStrv) args = NULL;
  g_autofree char *interval = NULL;
  gboolean json = FALSE, only_check = FALSE;
  guint64 ns = G_GUINT64_CONSTANT(1000000000);
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&self.session),
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &self.out, "The index; what is in it stays, and is not encoded again",
      "FILE" },
    { "interval", 'i', 0, G_OPTION_ARG_STRING, &interval, "Between frames of a video (1s); 0: every frame", "TIME" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &only_check, "Read all of the index and say whether it is whole", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Say what was done as a JSON object", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &args, NULL, "DIR|FILE…" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Encodes the pictures and the videos' frames below folders, and keeps their points with their\n"
               "paths and times in a file for hysac search. A file that is in the index is not read again,\n"
               "also where it has changed since or the interval is another. Names and points are personal\n"
               "data: the index is readable by its owner alone.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac index --model demo --out drawings.index ~/drawings\n"
               "  hysac index --model ~/models/hysac --out films.index --interval 2s ~/films\n"
               "  hysac index --out films.index --check\n"
               "\n"
               "What cannot be read is one line on stderr; the others are still encoded, and the exit code\n"
               "is 1. Ctrl-C keeps what was encoded (exit code 130); the same command goes on from there.");
  int code = TOOL_USAGE;
  if (tool_parse(context, &argc, &argv, &code)) {
    if (self.out == NULL)
      tool_error("index needs --out FILE; see hysac help index");
    else if (interval != NULL && strcmp(interval, "0") != 0 && !hysac_policy_parse_time(interval, &ns))
      tool_error("--interval is a time like 500ms or 2s, or 0 for every frame, not \"%s\"", interval);
    else if (only_check)
      code = check(self.out);
    else if (args == NULL)
      tool_error("index needs folders or files; see hysac help index");
    else {
      if (g_strcmp0(interval, "0") == 0)
        ns = 0;
      self.interval = (gint64) CLAMP(ns, 1, G_MAXINT64 / 4);
      code = run(&self, args, json);
    }
  }
  hysac_index_writer_free(self.writer);
  g_clear_pointer(&self.known, g_hash_table_unref);
  g_free(self.out);
  tool_session_clear(&self.session);
  return code;
}
