/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "texts.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  FILE *file;
  const char *name;
  guint64 line;
  GString *text;
  gboolean failed;
} Lines;

/* A line into @self->text, without its end; FALSE after the last. */
static gboolean
read_line(Lines *self)
{
  int c;
  g_string_truncate(self->text, 0);
  while ((c = getc_unlocked(self->file)) != EOF && c != '\n') {
    if (self->text->len <= HYSAC_TOKENIZER_MAX_TEXT) /* one more shows that it is too long */
      g_string_append_c(self->text, (char) c);
  }
  if (c == EOF && self->text->len == 0)
    return FALSE;
  self->line++;
  if (self->text->len > 0 && self->text->str[self->text->len - 1] == '\r')
    g_string_truncate(self->text, self->text->len - 1);
  return TRUE;
}

/* The next that can be a text. */
static gboolean
next_line(Lines *self)
{
  while (read_line(self)) {
    const char *problem = self->text->len > HYSAC_TOKENIZER_MAX_TEXT             ? "is too long"
                          : memchr(self->text->str, '\0', self->text->len) != NULL ? "holds a zero byte"
                                                                                   : NULL;
    if (problem == NULL)
      return TRUE;
    tool_error("%s: line %" G_GUINT64_FORMAT " %s", self->name, self->line, problem);
    self->failed = TRUE;
  }
  return FALSE;
}

static gboolean
read_lines(const char *name, guint first, ToolTextFunc func, gpointer user_data)
{
  const gboolean standard = strcmp(name, "-") == 0;
  FILE *file = standard ? stdin : fopen(name, "r");
  if (file == NULL) {
    tool_error("%s: %s", name, g_strerror(errno));
    return FALSE;
  }
  Lines lines = { .file = file, .name = name, .text = g_string_new(NULL) };
  g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func(g_free);
  gsize bytes = 0;
  while (next_line(&lines)) {
    g_ptr_array_add(batch, g_strndup(lines.text->str, lines.text->len));
    bytes += lines.text->len;
    /* What has been typed is answered at once; a file's lines together. */
    if (batch->len == TOOL_TEXTS_AT_ONCE || bytes > HYSAC_TOKENIZER_MAX_TEXT || standard) {
      func((const char *const *) batch->pdata, batch->len, first, user_data);
      first += batch->len;
      bytes = 0;
      g_ptr_array_set_size(batch, 0);
    }
  }
  if (batch->len > 0)
    func((const char *const *) batch->pdata, batch->len, first, user_data);
  if (ferror(file)) {
    tool_error("%s: %s", name, g_strerror(errno));
    lines.failed = TRUE;
  }
  g_string_free(lines.text, TRUE);
  if (!standard)
    fclose(file);
  return !lines.failed;
}

gboolean
tool_read_texts(char **given, const char *file, ToolTextFunc func, gpointer user_data)
{
  const guint n = given != NULL ? g_strv_length(given) : 0;
  for (guint i = 0; i < n; i += TOOL_TEXTS_AT_ONCE)
    func((const char *const *) given + i, MIN(n - i, TOOL_TEXTS_AT_ONCE), i, user_data);
  return file == NULL || read_lines(file, n, func, user_data);
}
