/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "texts.h"
#include "progress.h"
#include "stop.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Between two looks at Ctrl-C while nothing is typed, ms. */
#define LOOK_EVERY 200
/* A bar for what takes longer, us. */
#define LONG (G_USEC_PER_SEC / 2)
/* Of a line that is too long, bytes. */
#define SHOWN 100

typedef struct {
  int fd;
  const char *name, *shown;
  guint8 block[65536];
  gsize at, filled;
  gboolean at_end; /* or broken, or stopped */
  GChecksum *sum;
  guint64 line;
  GString *text;
  gboolean failed, broken;
  guint64 left_out;
} Lines;

static void
say(Lines *self, const char *problem)
{
  tool_progress_clear();
  tool_error("%s: %s", self->shown, problem);
  self->failed = TRUE;
}

/* FALSE at the end. Does not sleep through Ctrl-C. */
static gboolean
fill(Lines *self)
{
  struct pollfd wait = { self->fd, POLLIN, 0 };
  while (!self->at_end) {
    if (tool_stopped())
      break;
    const int ready = poll(&wait, 1, LOOK_EVERY);
    const gssize got = ready > 0 ? read(self->fd, self->block, sizeof self->block) : ready;
    if (ready == 0 || (got < 0 && errno == EINTR))
      continue;
    if (got <= 0) {
      self->broken = got < 0;
      if (got < 0)
        say(self, g_strerror(errno));
      break;
    }
    g_checksum_update(self->sum, self->block, got);
    self->at = 0;
    self->filled = (gsize) got;
    return TRUE;
  }
  self->at_end = TRUE;
  return FALSE;
}

static int
next_byte(Lines *self)
{
  return self->at < self->filled || fill(self) ? self->block[self->at++] : EOF;
}

/* A line into @self->text, without its end; FALSE after the last. */
static gboolean
read_line(Lines *self)
{
  int c;
  g_string_truncate(self->text, 0);
  while ((c = next_byte(self)) != EOF && c != '\n') {
    if (self->text->len <= HYSAC_TOKENIZER_MAX_TEXT) /* one more shows that it is too long */
      g_string_append_c(self->text, (char) c);
  }
  /* What was being typed, or read, as it was stopped or broke is no line. */
  if (c == EOF && (self->text->len == 0 || self->broken || tool_stopped()))
    return FALSE;
  self->line++;
  if (self->text->len > 0 && self->text->str[self->text->len - 1] == '\r')
    g_string_truncate(self->text, self->text->len - 1);
  return TRUE;
}

/* Why the line can be no text, or NULL. */
static const char *
problem_of(const Lines *self)
{
  return self->text->len > HYSAC_TOKENIZER_MAX_TEXT                   ? "is too long"
         : memchr(self->text->str, '\0', self->text->len) != NULL ? "holds a zero byte"
                                                                  : NULL;
}

/* The line as far as it can be shown, U+FFFD for each zero byte. (transfer full) */
static char *
legible(const Lines *self)
{
  const gboolean cut = self->text->len > HYSAC_TOKENIZER_MAX_TEXT;
  const gsize n = cut ? SHOWN : self->text->len;
  g_autoptr(GString) all = g_string_new(NULL);
  for (gsize i = 0; i < n; i++) {
    if (self->text->str[i] == '\0')
      g_string_append(all, "\uFFFD");
    else
      g_string_append_c(all, self->text->str[i]);
  }
  return g_strconcat(all->str, cut ? "\u2026" : "", NULL);
}

static void
leave_out(Lines *self, const char *problem, ToolBadTextFunc bad, gpointer user_data)
{
  self->left_out++;
  if (bad == NULL) {
    g_autofree char *text = g_strdup_printf("line %" G_GUINT64_FORMAT " %s", self->line, problem);
    say(self, text);
    return;
  }
  g_autofree char *shown = legible(self);
  g_autofree char *origin = g_strdup_printf("%s: line %" G_GUINT64_FORMAT, self->shown, self->line);
  bad(shown, origin, problem, user_data);
}

typedef struct {
  GPtrArray *texts;
  GArray *lines;
  guint64 first;
  const char *name;
  ToolTextFunc func;
  gpointer user_data;
} Batch;

static void
hand_over(Batch *self)
{
  const ToolTexts texts = { (const char *const *) self->texts->pdata, self->texts->len, self->first, self->name,
                            (const guint64 *) (void *) self->lines->data };
  if (self->texts->len > 0 && !tool_stopped())
    self->func(&texts, self->user_data);
  self->first += self->texts->len;
  g_ptr_array_set_size(self->texts, 0);
  g_array_set_size(self->lines, 0);
}

static gboolean
read_lines(const char *name, guint64 first, ToolTextFunc func, ToolBadTextFunc bad, gpointer user_data,
           ToolTextFile *about)
{
  const gboolean standard = strcmp(name, "-") == 0;
  g_autofree Lines *lines = g_new0(Lines, 1);
  lines->name = name;
  lines->shown = standard ? "standard input" : name;
  lines->fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
  if (lines->fd < 0) {
    say(lines, g_strerror(errno));
    return FALSE;
  }
  lines->text = g_string_new(NULL);
  lines->sum = g_checksum_new(G_CHECKSUM_SHA256);
  Batch batch = { g_ptr_array_new_with_free_func(g_free), g_array_new(FALSE, FALSE, sizeof(guint64)), first, name,
                  func, user_data };
  gsize bytes = 0;
  while (read_line(lines)) {
    const char *problem = problem_of(lines);
    if (problem != NULL) {
      hand_over(&batch);
      bytes = 0;
      if (!tool_stopped())
        leave_out(lines, problem, bad, user_data);
      continue;
    }
    g_ptr_array_add(batch.texts, g_strndup(lines->text->str, lines->text->len));
    g_array_append_val(batch.lines, lines->line);
    bytes += lines->text->len;
    /* What has been typed is answered at once; a file's lines together. */
    if (batch.texts->len == TOOL_TEXTS_AT_ONCE || bytes > HYSAC_TOKENIZER_MAX_TEXT || standard) {
      hand_over(&batch);
      bytes = 0;
    }
  }
  hand_over(&batch);
  if (about != NULL) {
    about->left_out = lines->left_out;
    about->sha256 = lines->broken || tool_stopped() ? NULL : g_strdup(g_checksum_get_string(lines->sum));
  }
  g_ptr_array_unref(batch.texts);
  g_array_unref(batch.lines);
  g_string_free(lines->text, TRUE);
  g_checksum_free(lines->sum);
  if (!standard)
    close(lines->fd);
  return !lines->failed;
}

gboolean
tool_read_texts(char **given, char **files, ToolTextFunc func, ToolBadTextFunc bad, gpointer user_data)
{
  gboolean ok = TRUE;
  const guint n = given != NULL ? g_strv_length(given) : 0;
  for (guint i = 0; i < n && !tool_stopped(); i += TOOL_TEXTS_AT_ONCE) {
    const ToolTexts texts = { (const char *const *) given + i, MIN(n - i, TOOL_TEXTS_AT_ONCE), i, NULL, NULL };
    func(&texts, user_data);
  }
  for (guint i = 0; files != NULL && files[i] != NULL && !tool_stopped(); i++)
    ok = read_lines(files[i], n, func, bad, user_data, NULL) && ok;
  return ok;
}

gboolean
tool_read_text_file(const char *file, ToolTextFunc func, gpointer user_data, ToolTextFile *about)
{
  *about = (ToolTextFile) { 0 };
  return read_lines(file, 0, func, NULL, user_data, about);
}

char *
tool_text_origin(const ToolTexts *texts, guint i)
{
  if (texts->file == NULL)
    return g_strdup_printf("text %" G_GUINT64_FORMAT, texts->first + i + 1);
  return g_strdup_printf("%s: line %" G_GUINT64_FORMAT,
                         strcmp(texts->file, "-") == 0 ? "standard input" : texts->file, texts->lines[i]);
}

/* ------------------------------------------------------------ the encoder */

typedef struct {
  gint64 since;
} Watch;

static gboolean
on_windows(gsize done, gsize windows, gpointer user_data)
{
  const Watch *self = user_data;
  if (g_get_monotonic_time() - self->since > LONG && done < windows) {
    g_autofree char *text = g_strdup_printf("windows of texts: %" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT, done, windows);
    tool_progress((double) done / (double) windows, text);
  }
  return !tool_stopped();
}

void
tool_embed_texts(HysacTextEncoder *encoder, const ToolTexts *texts, HysacTextFlags flags,
                 HysacTextEmbedding *out, GError **errors)
{
  Watch watch = { g_get_monotonic_time() };
  hysac_text_encoder_embed_many_watched(encoder, texts->texts, texts->n, flags, on_windows, &watch, out, errors);
  tool_progress_clear();
}
