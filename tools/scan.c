/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: whole videos, several at once, over one engine. */

#include "scan_advice.h"

#include "policyoptions.h"
#include "progress.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MAX_JOBS 64
#define TICK (200 * G_TIME_SPAN_MILLISECOND)

typedef struct {
  ToolSession session;
  ScanSettings settings;
  char **names;
  ToolPolicyOptions policy;
  char *out, *thumbs;
  int jobs;
  gboolean json, fail_on_unsafe;

  GPtrArray *files;
  char *states; /* the folder, NULL without --out */
  int lock_fd;
  ScanEngine engine;
  gint next;  /* atomic: the next file to be taken */
  GMutex lock; /* ended of the files, error */
  GCond changed;
  GError *error; /* of writing state: told once */
} Scan;

/* ---------------------------------------------------------------- work */

static void
scan_one(Scan *self, ScanFile *file)
{
  g_autoptr(GError) error = NULL;
  if (file->status != SCAN_WAITING) /* known to be unreadable */
    return;
  scan_streams_run(file, &self->settings, &self->engine, self->states, tool_stop_flag(), &error);
  g_mutex_lock(&self->lock);
  if (error != NULL && self->error == NULL)
    self->error = g_steal_pointer(&error);
  g_mutex_unlock(&self->lock);
}

static gpointer
work(gpointer user_data)
{
  Scan *self = user_data;
  guint i;
  while ((i = (guint) g_atomic_int_add(&self->next, 1)) < self->files->len) {
    ScanFile *file = self->files->pdata[i];
    if (!tool_stopped())
      scan_one(self, file);
    g_mutex_lock(&self->lock);
    file->ended = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
  }
  return NULL;
}

static void
show_progress(Scan *self, guint ended, gint64 begun)
{
  double part = 0, seconds = (double) (g_get_monotonic_time() - begun) / 1e6;
  const char *name = NULL;
  for (guint i = 0; i < self->files->len; i++) {
    ScanFile *file = self->files->pdata[i];
    const double one = (double) g_atomic_int_get(&file->part) / 1000;
    part += file->ended ? 1 : one;
    if (name == NULL && !file->ended)
      name = file->name;
  }
  part /= MAX(self->files->len, 1);
  g_autofree char *base = name ? g_path_get_basename(name) : g_strdup("");
  g_autofree char *left =
      part > 0.01 && seconds > 2
          ? tool_shown_time((gint64) (seconds * (1 - part) / part * 1e9))
          : NULL;
  if (left != NULL)
    *strchr(left, '.') = '\0';
  g_autofree char *text = g_strdup_printf("%u of %u%s%s%s  %s", ended, self->files->len,
                                          left ? ", " : "", left ? left : "", left ? " left" : "", base);
  tool_progress(part, text);
}

static void
print_file(Scan *self, const ScanFile *file)
{
  GString *text = g_string_new(NULL);
  if (self->json)
    scan_json_file(text, file, &self->settings);
  else
    scan_text_file(text, file, &self->settings);
  tool_progress_clear();
  fputs(text->str, stdout);
  fflush(stdout);
  g_string_free(text, TRUE);
}

/* Prints the files in their order, each when it and all before it have ended. */
static void
follow(Scan *self)
{
  const gint64 begun = g_get_monotonic_time();
  for (guint printed = 0; printed < self->files->len;) {
    guint ended = 0;
    ScanFile *file = self->files->pdata[printed];
    g_mutex_lock(&self->lock);
    if (!file->ended)
      g_cond_wait_until(&self->changed, &self->lock, g_get_monotonic_time() + TICK);
    for (guint i = 0; i < self->files->len; i++)
      ended += ((ScanFile *) self->files->pdata[i])->ended != 0;
    const gboolean ready = file->ended;
    if (!ready)
      show_progress(self, ended, begun);
    g_mutex_unlock(&self->lock);
    if (ready) {
      print_file(self, file);
      printed++;
    }
  }
  tool_progress_clear();
}

static void
print_sum(Scan *self, gint64 took)
{
  gint64 length = 0;
  for (guint i = 0; i < self->files->len; i++) {
    const ScanFile *file = self->files->pdata[i];
    for (guint k = 0; k < scan_file_count(file); k++) {
      const ScanFile *stream = scan_file_stream(file, k);
      length += MAX(stream->duration - stream->earlier, 0);
    }
  }
  g_autofree char *video = tool_shown_time(length), *spent = tool_shown_time(took * 1000);
  printf("%s of video in %s", video, spent);
  if (took > 0 && length > 0)
    printf(", %.1f times real time", (double) length / 1000 / (double) took);
  puts("");
  if (self->settings.ruled) {
    ScanSum sum;
    scan_sum_by(self->files, &sum);
    g_autofree char *by = scan_text_sum(&sum);
    printf("Files that are unsafe by %s\n", by);
  }
  if (self->settings.demo)
    puts("Made with the demo model, which knows drawn scenes only.");
}

/* @failed: something beside the files. */
static int
exit_code(Scan *self, gboolean failed)
{
  gboolean unsafe = FALSE;
  for (guint i = 0; i < self->files->len; i++) {
    const ScanFile *file = self->files->pdata[i];
    unsafe |= strcmp(scan_file_verdict(file), "unsafe") == 0;
    failed |= file->status != SCAN_COMPLETE && file->status != SCAN_OTHER;
  }
  return tool_verdict_code(unsafe, failed, self->fail_on_unsafe);
}

static int
scan_all(Scan *self)
{
  const gint64 begun = g_get_monotonic_time();
  GThread *threads[MAX_JOBS];
  const guint n = MIN((guint) self->jobs, MAX(self->files->len, 1));
  tool_stop_catch();
  if (self->json) {
    GString *line = g_string_new(NULL);
    scan_json_begin(line, &self->settings);
    fputs(line->str, stdout);
    g_string_free(line, TRUE);
  }
  for (guint i = 0; i < n; i++)
    threads[i] = g_thread_new("scan", work, self);
  follow(self);
  for (guint i = 0; i < n; i++)
    g_thread_join(threads[i]);
  const gboolean stopped = tool_stopped();
  gboolean failed = FALSE;
  if (self->json) {
    GString *line = g_string_new(NULL);
    scan_json_end(line, self->files, stopped);
    fputs(line->str, stdout);
    g_string_free(line, TRUE);
  } else {
    print_sum(self, g_get_monotonic_time() - begun);
  }
  if (self->error != NULL) {
    tool_error("warning: %s: it will be scored again by the next scan", self->error->message);
    failed = TRUE;
  }
  g_autoptr(GError) error = NULL;
  if (self->out != NULL &&
      !scan_write_report(self->out, self->files, &self->settings, stopped, &error)) {
    tool_error("the report could not be written: %s", error->message);
    failed = TRUE;
  }
  if (stopped)
    tool_error("stopped%s", self->out ? ": the same command goes on from here" : "");
  return tool_finish_output(stopped ? TOOL_STOPPED : exit_code(self, failed));
}

/* ---------------------------------------------------------------- what is asked for */

/* A folder of its owner's alone: it says when something was found unsafe in somebody's video. */
static gboolean
open_out(Scan *self, GError **error)
{
  if (self->out == NULL)
    return TRUE;
  self->states = g_build_filename(self->out, "state", NULL);
  g_autofree char *lock = g_build_filename(self->states, "lock", NULL);
  if (g_mkdir_with_parents(self->states, 0700) != 0 ||
      (self->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", self->out, g_strerror(errno));
    return FALSE;
  }
  if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: another scan writes there", self->out);
    return FALSE;
  }
  return TRUE;
}

static const char *
take_options(Scan *self)
{
  ScanSettings *s = &self->settings;
  if (self->jobs < 1 || self->jobs > MAX_JOBS)
    return "--jobs is from 1 to 64";
  s->thumbs = SCAN_THUMBS_PIXELATED;
  if (g_strcmp0(self->thumbs, "none") == 0)
    s->thumbs = SCAN_THUMBS_NONE;
  else if (g_strcmp0(self->thumbs, "clear") == 0)
    s->thumbs = SCAN_THUMBS_CLEAR;
  else if (self->thumbs != NULL && strcmp(self->thumbs, "pixelated") != 0)
    return "--thumbnails is pixelated, none or clear";
  return self->names == NULL ? "scan needs a file, folder or address; see hysac help scan" : NULL;
}

static int
check_options(Scan *self)
{
  g_autoptr(GError) error = NULL;
  ToolPolicy policy;
  if (!tool_policy_take(&self->policy, &policy, &error)) {
    tool_policy_clear(&policy);
    tool_fail(error, hysac_policy_remedy(error));
    return TOOL_USAGE;
  }
  self->settings.rules = policy.rules; /* with its concepts */
  self->settings.interval = policy.interval;
  self->settings.policy = policy.config;
  self->settings.bound = policy.bound;
  const char *wrong = take_options(self);
  if (wrong != NULL) {
    tool_error("%s", wrong);
    return TOOL_USAGE;
  }
  return TOOL_OK;
}

static int
run(Scan *self)
{
  g_autoptr(GError) error = NULL;
  guint links = 0;
  int code = check_options(self);
  if (code != TOOL_OK)
    return code;
  if (self->session.precision == NULL)
    self->session.precision = g_strdup("auto");
  code = tool_session_open(&self->session, "scan");
  if (code != TOOL_OK)
    return code;
  self->engine.engine = hysac_engine_ref(self->session.engine);
  self->engine.device = self->session.device;
  self->engine.precision = hysac_engine_get_precision(self->session.engine);
  self->settings.demo = self->session.demo;
  if (!scan_settings_finish(&self->settings, self->session.engine, self->session.device, &error)) {
    tool_fail(error, hysac_error_remedy(error));
    return TOOL_FAILED;
  }
  if (!open_out(self, &error)) {
    tool_error("%s", error->message);
    return TOOL_FAILED;
  }
  tool_note_bound(&self->session, &self->settings.region, self->settings.bound > 0, "", "hysac fit");
  self->files = scan_collect(self->names, self->out, &links);
  if (links > 0)
    tool_error("note: %u name(s) are of files that are in the list already", links);
  if (self->files->len == 0) {
    tool_error("there is no file in what was named");
    return TOOL_FAILED;
  }
  return scan_all(self);
}

static void
clear(Scan *self)
{
  g_clear_pointer(&self->files, g_ptr_array_unref);
  g_clear_pointer(&self->engine.engine, hysac_engine_unref);
  scan_settings_clear(&self->settings);
  tool_session_clear(&self->session);
  if (self->lock_fd >= 0)
    close(self->lock_fd);
  g_clear_error(&self->error);
  g_strfreev(self->names);
  tool_policy_options_clear(&self->policy);
  g_free(self->out);
  g_free(self->thumbs);
  g_free(self->states);
  g_mutex_clear(&self->lock);
  g_mutex_clear(&self->engine.lock);
  g_cond_clear(&self->changed);
}

int
tool_scan(int argc, char **argv)
{
  Scan self = { .lock_fd = -1,
                .jobs = (int) CLAMP(g_get_num_processors(), 1, 4),
                .policy = TOOL_POLICY_OPTIONS_INIT };
  g_mutex_init(&self.lock);
  g_mutex_init(&self.engine.lock);
  g_cond_init(&self.changed);
  const GOptionEntry entries[] = {
    TOOL_MODEL_OPTIONS(&self.session),
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &self.session.precision,
      "auto (the default): the fastest that is exact enough; fp32, bf16, fp16, int8", "P" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &self.out,
      "Write report.html, scan.jsonl and segments/ there, and go on where a scan was stopped", "DIR" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "Print lines of JSON", NULL },
    { "jobs", 0, 0, G_OPTION_ARG_INT, &self.jobs,
      "Files at once (the number of processors, at most 4)", "N" },
    TOOL_POLICY_OPTIONS(&self.policy),
    { "bound", 0, 0, G_OPTION_ARG_DOUBLE, &self.policy.bound, "Distance beyond which is unsafe (the model's)", "D" },
    { "pre-roll", 0, 0, G_OPTION_ARG_STRING, &self.policy.pre_roll, "Begin segments this much earlier (0)", "TIME" },
    { "post-roll", 0, 0, G_OPTION_ARG_STRING, &self.policy.post_roll, "End segments this much later (0)", "TIME" },
    { "thumbnails", 0, 0, G_OPTION_ARG_STRING, &self.thumbs,
      "Pictures of unsafe segments in the report: pixelated (the default), none, clear", "KIND" },
    { "fail-on-unsafe", 0, 0, G_OPTION_ARG_NONE, &self.fail_on_unsafe,
      "End with exit code 3 where something is unsafe, 4 where something failed too", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.names, NULL, "FILE|DIR|URI…" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Looks through whole videos: which stretches are unsafe, by samples and the same rules\n"
               "over time as hysacmoderate's. Of a file every video stream is scanned; folders are searched with\n"
               "all below them.");
  g_option_context_set_description(
      context,
      "Examples:\n"
      "  hysac scan --model demo clip.mp4\n"
      "  hysac scan --model ~/models/hysac --out report ~/videos    # then open report/report.html\n"
      "  hysac scan --model ~/models/hysac -i 0 -k 2 -n 3 --json film.mkv > film.jsonl\n"
      "  hysac scan --model ~/models/hysac --fail-on-unsafe https://example.org/upload.mp4\n"
      "\n"
      "A file that cannot be read, or not wholly, is a line of its own; the others are scanned. Ctrl-C\n"
      "keeps what was scanned; with --out the same command goes on from there.\n"
      "\n"
      "Exit codes: 0 everything was scanned, 1 something could not be, 2 wrong usage, 130 stopped by\n"
      "Ctrl-C; with --fail-on-unsafe 3 something is unsafe, 4 that, and something could not be scanned.");
  int code;
  if (tool_parse(context, &argc, &argv, &code))
    code = run(&self);
  clear(&self);
  return code;
}
