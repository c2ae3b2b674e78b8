/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the subcommands share: messages, options, the model and its engine. */

#include "tool.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELP_COLUMNS 100

void
tool_error(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_strdelimit(text, "\r\n", ' ');
  fprintf(stderr, "hysac: %s\n", text);
}

static gboolean verbose;

gboolean
tool_is_verbose(void)
{
  return verbose;
}

/* GOption breaks no line: an option's that is too long goes on below its description. */
static void
print_help(const char *text)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    const char *line = lines[i], *words = g_str_has_prefix(line, "  -") ? strstr(line + 4, "  ") : NULL;
    while (words != NULL && *words == ' ')
      words++;
    const glong indent = words != NULL ? g_utf8_strlen(line, words - line) : 0;
    glong column = indent;
    if (words == NULL) {
      fputs(line, stdout);
    } else {
      g_auto(GStrv) parts = g_strsplit(words, " ", -1);
      fwrite(line, 1, (gsize) (words - line), stdout);
      for (guint k = 0; parts[k] != NULL; k++) {
        const glong width = g_utf8_strlen(parts[k], -1);
        const gboolean fits = k == 0 || column + 1 + width <= HELP_COLUMNS;
        if (!fits)
          printf("\n%*s", (int) indent, "");
        printf("%s%s", k > 0 && fits ? " " : "", parts[k]);
        column = (fits ? column + (k > 0) : indent) + width;
      }
    }
    if (lines[i + 1] != NULL)
      putchar('\n');
  }
}

gboolean
tool_parse(GOptionContext *context, int *argc, char ***argv, int *code)
{
  const GOptionEntry common[] = {
    { "verbose", 0, 0, G_OPTION_ARG_NONE, &verbose, "Tell on stderr what was chosen, and why", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GError) error = NULL;
  gboolean help = FALSE;
  g_option_context_add_main_entries(context, common, NULL);
  for (int i = 1; i < *argc && !g_str_equal((*argv)[i], "--"); i++)
    help = help || g_str_equal((*argv)[i], "--help") || g_str_equal((*argv)[i], "-h");
  /* GOption's own --help would exit. */
  g_option_context_set_help_enabled(context, FALSE);
  if (help) {
    g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
    print_help(text);
    *code = tool_finish_output(TOOL_OK);
    return FALSE;
  }
  if (g_option_context_parse(context, argc, argv, &error))
    return TRUE;
  tool_error("%s; see hysac help", error->message);
  *code = TOOL_USAGE;
  return FALSE;
}

int
tool_verdict_code(gboolean unsafe, gboolean failed, gboolean asked)
{
  if (unsafe && asked)
    return failed ? TOOL_UNSAFE_AND_FAILED : TOOL_UNSAFE;
  return failed ? TOOL_FAILED : TOOL_OK;
}

int
tool_finish_output(int code)
{
  const int why = fflush(stdout) != 0 ? errno : 0; /* where it was an earlier write, nobody has kept its reason */
  if (why == 0 && !ferror(stdout))
    return code;
  tool_error("what was printed could not be written%s%s", why != 0 ? ": " : "", why != 0 ? g_strerror(why) : "");
  return code == TOOL_UNSAFE || code == TOOL_UNSAFE_AND_FAILED ? TOOL_UNSAFE_AND_FAILED : TOOL_FAILED;
}

void
tool_append_number(GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  if (isfinite(value))
    g_string_append(text, g_ascii_formatd(buffer, sizeof buffer, "%.9g", value));
  else
    g_string_append(text, "null");
}

static void
on_progress(guint done, guint total, const char *what, gpointer user_data)
{
  if (!isatty(STDERR_FILENO))
    return;
  fprintf(stderr, "\r\033[Kwarming up %u/%u: %s", done, total, what);
  if (done == total)
    fputs("\r\033[K", stderr);
  fflush(stderr);
}

void
tool_fail(const GError *error, const char *remedy)
{
  if (isatty(STDERR_FILENO))
    fputs("\r\033[K", stderr);
  tool_error("%s%s%s", error->message, remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
}

/* The model, unless it is there, and the precision: that of numbers to keep and to compare, unless told. */
static int
load_model(ToolSession *self, const char *command, HysacPrecision *precision)
{
  static const char *const judging[] = { "classify", "fit", "index", "search", "scan", NULL };
  g_autoptr(GError) error = NULL;
  *precision = HYSAC_PRECISION_FP32;
  if (self->model_name == NULL) {
    tool_error("%s needs --model DIR (or --model demo)", command);
    return TOOL_USAGE;
  }
  if (self->precision != NULL && !hysac_precision_parse(self->precision, precision)) {
    tool_error("--precision is auto, fp32, bf16, fp16 or int8, not \"%s\"", self->precision);
    return TOOL_USAGE;
  }
  if (self->model != NULL)
    return TOOL_OK;
  g_autofree char *path = hysac_model_resolve(self->model_name, &error);
  if (path != NULL)
    self->model = hysac_model_load(path, &error);
  if (self->model == NULL)
    tool_fail(error, hysac_error_remedy(error));
  else
    self->demo = g_strv_contains(judging, command) && hysac_is_demo(hysac_model_get_weights_sha256(self->model));
  if (self->demo && strcmp(command, "scan") != 0) /* which says it in its result */
    tool_error("note: the demo model knows drawn scenes only; what it says of real pictures and texts means nothing");
  return self->model != NULL ? TOOL_OK : TOOL_FAILED;
}

gboolean
tool_is_demo_folder(HysacModel *model)
{
  g_autofree char *demo = hysac_model_resolve("demo", NULL);
  struct stat a, b;
  return demo != NULL && stat(demo, &a) == 0 && stat(hysac_model_get_path(model), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

int
tool_session_open(ToolSession *self, const char *command)
{
  g_autoptr(GError) error = NULL;
  HysacPrecision precision;
  const int code = load_model(self, command, &precision);
  if (code != TOOL_OK)
    return code;
  self->engine = hysac_engine_get(self->model, self->device, precision, on_progress, NULL, &error);
  if (self->engine == NULL)
    tool_fail(error, hysac_error_remedy(error));
  return self->engine != NULL ? TOOL_OK : TOOL_FAILED;
}

int
tool_session_open_text(ToolSession *self, const char *command)
{
  g_autoptr(GError) error = NULL;
  HysacPrecision precision;
  const int code = load_model(self, command, &precision);
  if (code != TOOL_OK)
    return code;
  self->text = hysac_text_encoder_get(self->model, self->device, precision, on_progress, NULL, &error);
  if (self->text == NULL)
    tool_fail(error, hysac_error_remedy(error));
  return self->text != NULL ? TOOL_OK : TOOL_FAILED;
}

int
tool_session_open_model(ToolSession *self, const char *command)
{
  HysacPrecision precision;
  return load_model(self, command, &precision);
}

void
tool_note_bound(const ToolSession *self, const HysacRegion *region, gboolean given, const char *what, const char *fit)
{
  if (!given && !region->calibrated && !self->demo)
    tool_error("note: the bound%s is the model's own, not fitted on material like yours: see %s (docs/fit.md)", what, fit);
}

void
tool_session_clear(ToolSession *self)
{
  g_clear_pointer(&self->text, hysac_text_encoder_unref);
  g_clear_pointer(&self->engine, hysac_engine_unref);
  g_clear_pointer(&self->model, hysac_model_unref);
  g_clear_pointer(&self->model_name, g_free);
  g_clear_pointer(&self->device, g_free);
  g_clear_pointer(&self->precision, g_free);
}
