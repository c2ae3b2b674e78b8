/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac verify: is an audit log as it was written? */

#include "tool.h"

#include <stdio.h>
#include <string.h>

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

static void
print_json(const char *path, const HysacAuditResult *result, const char *verdict)
{
  g_autoptr(GString) text = g_string_new("{\"file\":");
  hysac_json_append_string(text, path);
  g_string_append_printf(text, ",\"verdict\":\"%s\",\"lines\":%" G_GUINT64_FORMAT ",\"records\":%" G_GUINT64_FORMAT
                         ",\"closed\":%s,\"hash\":", verdict, result->lines, result->records,
                         result->closed ? "true" : "false");
  hysac_json_append_string(text, result->hash);
  g_string_append_printf(text, ",\"faults\":%" G_GUINT64_FORMAT ",\"list\":[", result->n_faults);
  for (guint i = 0; i < result->faults->len; i++) {
    const HysacAuditFault *fault = result->faults->pdata[i];
    g_string_append_printf(text, "%s{\"line\":%" G_GUINT64_FORMAT ",\"what\":", i ? "," : "", fault->line);
    hysac_json_append_string(text, fault->what);
    g_string_append_c(text, '}');
  }
  g_string_append(text, "]}");
  puts(text->str);
}

int
tool_verify(int argc, char **argv)
{
  gboolean json = FALSE, open = FALSE;
  g_autofree char *hash = NULL;
  const GOptionEntry entries[] = {
    { "hash", 0, 0, G_OPTION_ARG_STRING, &hash, "The last hash, as it was kept elsewhere; one file only", "HEX" },
    { "open", 0, 0, G_OPTION_ARG_NONE, &open, "Accept a log that is still being written", NULL },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Print a JSON object a file", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new("FILE…");
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(context, "Checks audit logs: finds any edited, removed, inserted or reordered line, and a missing end.");
  g_option_context_set_description(
    context, "A log that was written anew as a whole is only found out by --hash, with the hash that\n"
             "the element posted when it closed the log (message hysac-audit).\n\n"
             "Examples:\n  hysac verify audit.jsonl\n  hysac verify --open --json audit.jsonl\n\n"
             "Exit codes: 0 every log is whole, 1 one is not, 2 wrong usage or a file that cannot be read.");
  int code;
  if (!tool_parse(context, &argc, &argv, &code))
    return code;
  if (argc < 2 || (hash != NULL && argc > 2)) {
    tool_error(argc < 2 ? "verify needs a file" : "--hash is of one file");
    return TOOL_USAGE;
  }
  code = TOOL_OK;
  for (int i = 1; i < argc; i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(HysacAuditResult) result = hysac_audit_verify(argv[i], &error);
    if (result == NULL) {
      tool_error("%s", error->message);
      code = TOOL_USAGE;
      continue;
    }
    const gboolean other = hash != NULL && g_strcmp0(hash, result->hash) != 0;
    const gboolean ends = result->closed || open;
    const char *verdict = result->n_faults > 0 || result->records == 0 ? "broken"
                          : other                                      ? "other-hash"
                          : ends                                       ? "ok"
                                                                       : "not-closed";
    if (json) {
      print_json(argv[i], result, verdict);
    } else {
      print_text(argv[i], result);
      if (result->records == 0)
        printf("%s: holds no record\n", argv[i]);
      else if (other)
        printf("%s: ends in another hash, %s\n", argv[i], result->hash);
      else if (!ends)
        printf("%s: has no closing record: it is still being written, its writer was killed, or its end is missing\n",
               argv[i]);
      if (strcmp(verdict, "ok") == 0)
        printf("%s: ok, %" G_GUINT64_FORMAT " records, last hash %s\n", argv[i], result->records, result->hash);
    }
    if (strcmp(verdict, "ok") != 0 && code == TOOL_OK)
      code = TOOL_FAILED;
  }
  return tool_finish_output(code);
}
