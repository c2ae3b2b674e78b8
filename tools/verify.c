/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac verify: is an audit log as it was written? */

#include "tool.h"

#include <stdio.h>
#include <string.h>

/* Of a file that holds lines, and no record. */
static void
print_other(const char *path, guint64 lines)
{
  static const char start[] = "{\"type\":\"start\"";
  char head[sizeof start - 1];
  FILE *file = fopen(path, "rb");
  const gboolean verdicts =
      file != NULL && fread(head, 1, sizeof head, file) == sizeof head && memcmp(head, start, sizeof head) == 0;
  if (file != NULL)
    fclose(file);
  printf("%s: no audit log: none of its %" G_GUINT64_FORMAT " lines is a record%s\n", path, lines,
         verdicts ? "; it looks like a verdict log, and the property audit-log of the elements makes audit logs" : "");
}

static void
print_text(const char *path, const HysacAuditResult *result)
{
  for (guint i = 0; i < result->faults->len; i++) {
    const HysacAuditFault *fault = result->faults->pdata[i];
    printf("%s:%" G_GUINT64_FORMAT ": %s\n", path, fault->line, fault->what);
  }
  if (result->n_faults > result->faults->len)
    printf("%s: and %" G_GUINT64_FORMAT " more\n", path, result->n_faults - result->faults->len);
}

/* What is asked of a log besides being whole. */
typedef struct {
  gboolean json, open;
  char *head;
  gint64 count;
} Options;

/* NULL where @result is as it should be; else what it is, in a word and in a sentence. */
static const char *
judge(const HysacAuditResult *result, const Options *options, const char **sentence)
{
  *sentence = NULL;
  if (result->records == 0) {
    *sentence = "holds no record";
    return "broken";
  }
  if (result->n_faults > 0)
    return "broken";
  if (options->head && result->head == 0) {
    *sentence = "no record has that hash: its end was cut off, or all of it was written anew";
    return "head-missing";
  }
  if (options->count > 0 && result->records < (guint64) options->count) {
    *sentence = "holds fewer records than that: its end was cut off";
    return "too-short";
  }
  if (!result->closed && !options->open) {
    *sentence = "no end record: cut off or still open (or its writer was killed)";
    return "not-closed";
  }
  return NULL;
}

static void
print_json(const char *path, const HysacAuditResult *result, const char *verdict)
{
  g_autoptr(GString) text = g_string_new("{\"file\":");
  hysac_json_append_string(text, path);
  g_string_append_printf(
    text,
    ",\"verdict\":\"%s\",\"lines\":%" G_GUINT64_FORMAT ",\"records\":%" G_GUINT64_FORMAT
    ",\"closed\":%s,\"unclosed\":%" G_GUINT64_FORMAT ",\"head\":%" G_GUINT64_FORMAT ",\"hash\":",
    verdict, result->lines, result->records, result->closed ? "true" : "false", result->unclosed,
    result->head);
  hysac_json_append_string(text, result->hash);
  g_string_append_printf(text, ",\"faults\":%" G_GUINT64_FORMAT ",\"list\":[", result->n_faults);
  for (guint i = 0; i < result->faults->len; i++) {
    const HysacAuditFault *fault = result->faults->pdata[i];
    g_string_append_printf(text, "%s{\"line\":%" G_GUINT64_FORMAT ",\"what\":", i ? "," : "",
                           fault->line);
    hysac_json_append_string(text, fault->what);
    g_string_append_c(text, '}');
  }
  g_string_append(text, "]}");
  puts(text->str);
}

static void
print_ok(const char *path, const HysacAuditResult *result)
{
  printf("%s: ok, %" G_GUINT64_FORMAT " records, last hash %s\n", path, result->records,
         result->hash);
  if (result->head > 0)
    printf("%s: that hash is record %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT "\n", path,
           result->head, result->records);
  if (result->unclosed > 0)
    printf("%s: note: %" G_GUINT64_FORMAT
           " earlier runs have no end record: they were killed, or their disk was full\n",
           path, result->unclosed);
}

/* One log: TOOL_OK, TOOL_FAILED, or TOOL_USAGE where it cannot be read. */
static int
verify(const char *path, const Options *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, options->head, &error);
  if (result == NULL) {
    tool_error("%s", error->message);
    return TOOL_USAGE;
  }
  const char *sentence, *wrong = judge(result, options, &sentence);
  if (options->json) {
    print_json(path, result, wrong ? wrong : "ok");
    return wrong ? TOOL_FAILED : TOOL_OK;
  }
  if (result->hash == NULL && result->lines > 0) {
    print_other(path, result->lines);
    return TOOL_FAILED;
  }
  print_text(path, result);
  if (sentence)
    printf("%s: %s\n", path, sentence);
  if (!wrong)
    print_ok(path, result);
  return wrong ? TOOL_FAILED : TOOL_OK;
}

static gboolean
is_hash(const char *text)
{
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

int
tool_verify(int argc, char **argv)
{
  Options options = { 0 };
  const GOptionEntry entries[] = {
    { "head", 0, 0, G_OPTION_ARG_STRING, &options.head,
      "A hash that was kept elsewhere: it must be in the log; one file only", "HEX" },
    { "count", 0, 0, G_OPTION_ARG_INT64, &options.count,
      "How many records there were: as many must be there; one file only", "N" },
    { "open", 0, 0, G_OPTION_ARG_NONE, &options.open, "Accept a log without an end record", NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "Print a JSON object a file", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new("FILE…");
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
    context, "Checks audit logs: finds any edited, removed, inserted, duplicated or reordered line by\n"
             "its number, and a missing end.");
  g_option_context_set_description(
    context,
    "The end of a log, or all of it, may have been replaced by records that were made anew. That is\n"
    "found by a hash that was kept elsewhere: the element tells it in the message hysac-audit and,\n"
    "while it runs, in its property stats (audit-head, audit-count). A log may have grown since.\n\n"
    "Examples:\n  hysac verify audit.jsonl\n  hysac verify --open --json audit.jsonl\n"
    "  hysac verify --head 6f1c… --count 214 audit.jsonl\n\n"
    "Exit codes: 0 every log is as it should be, 1 one is not, 2 wrong usage or a file that cannot\n"
    "be read.");
  int code;
  if (!tool_parse(context, &argc, &argv, &code))
    return code;
  g_autofree char *head = options.head;
  const char *wrong = argc < 2 ? "verify needs a file"
                      : (head || options.count) && argc > 2 ? "--head and --count are of one file"
                      : head && !is_hash(head) ? "--head is not a hash: 64 digits of 0-9 and a-f"
                      : options.count < 0      ? "--count is a number of records"
                                               : NULL;
  if (wrong) {
    tool_error("%s", wrong);
    return TOOL_USAGE;
  }
  code = TOOL_OK;
  for (int i = 1; i < argc; i++) {
    const int one = verify(argv[i], &options);
    code = MAX(code, one);
  }
  return tool_finish_output(code);
}
