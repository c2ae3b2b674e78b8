/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac: the command. This file knows the subcommands' names and nothing of what they do. */

#include "tool.h"

#include "opencl/building.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} commands[] = {
#ifdef HYSAC_HAVE_VIDEO
  { "scan", tool_scan, "look through whole videos, and report what is unsafe" },
#endif
  { "classify", tool_classify, "say of pictures and texts whether they are unsafe" },
  { "embed", tool_embed, "print where pictures and texts lie in HySAC's space" },
  { "tokenize", tool_tokenize, "print the tokens that a model's vocabulary makes of texts" },
  { "fit", tool_fit, "fit the bound of the unsafe region, or a head, on material of your own" },
  { "concepts", tool_concepts, "list named concepts, and keep their points" },
  { "traverse", tool_traverse, "the way from a picture or text to the root" },
  { "index", tool_index, "keep the points of pictures and videos in a file" },
  { "search", tool_search, "find what is nearest to a text or picture in an index" },
  { "verify", tool_verify, "check that audit logs are as they were written" },
  { "bench", tool_bench, "measure where the time goes on a device" },
  { "devices", tool_devices, "list OpenCL devices and which one is chosen" },
};

static void
print_usage(FILE *out)
{
  fputs("Usage: hysac COMMAND [OPTION...]\n\nCommands:\n", out);
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
  fputs("  help      this text, or hysac help COMMAND\n"
        "\n"
        "Options:\n"
        "  --version print the version\n"
        "  --help    this text\n"
        "\n"
        "Examples:\n"
        "  hysac devices\n"
        "  hysac classify --model demo picture.png\n"
        "  hysac scan --model ~/models/hysac --out report ~/videos\n"
        "  hysac embed --model demo picture.png\n"
        "  hysac embed --model demo --text \"a red ball\"\n"
        "  hysac fit --model ~/models/hysac --safe ~/pictures/benign\n"
        "  hysac traverse --model demo --candidates captions.txt --svg way.svg picture.png\n"
        "  hysac index --model demo --out drawings.index ~/drawings\n"
        "  hysac search --model demo --index drawings.index \"a red ball\"\n"
        "  hysac verify audit.jsonl\n"
        "  hysac bench --model demo\n"
        "\n"
        "The first start on a device builds its programs, which takes a minute; later ones do not.\n"
        "--verbose, of any command, tells on stderr which device and precision were chosen, and why.\n"
        "Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C; only where\n"
        "--fail-on-unsafe was given, 3 something is unsafe, 4 that, and something failed. hysac(1) has\n"
        "all of this in one page.\n",
        out);
}

static int
run(const char *name, int argc, char **argv)
{
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
    if (strcmp(commands[i].name, name) != 0)
      continue;
    g_autofree char *program = g_strdup_printf("hysac %s", name); /* for the usage line */
    g_set_prgname(program);
    return commands[i].run(argc, argv);
  }
  tool_error("no command is called \"%s\"; see hysac help", name);
  return TOOL_USAGE;
}

/* What nobody needs, but who asked for it; and who waits without a progress to see. */
static gboolean
is_to_be_told(GLogLevelFlags level, const char *message)
{
  if (level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO) && tool_is_verbose())
    return TRUE;
  return level & G_LOG_LEVEL_INFO && g_str_has_prefix(message, HYSAC_LOG_BUILDING) && !isatty(STDERR_FILENO);
}

static void
on_log(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (level & G_LOG_LEVEL_WARNING)
    tool_error("warning: %s", message);
  else if (is_to_be_told(level, message))
    tool_error("%s", message);
  else if (!(level & G_LOG_LEVEL_MESSAGE)) /* nothing is wrong */
    g_log_default_handler(domain, level, message, data);
}

/* Of a command that has nothing to keep (others have tool_stop_catch()). It ends as it would have without. */
static void
on_interrupt(int number)
{
  static const char line[] = "\r\033[Khysac: stopped\n";
  const gsize at = isatty(STDERR_FILENO) ? 0 : strlen("\r\033[K");
  if (write(STDERR_FILENO, line + at, sizeof line - 1 - at) < 0) {
    /* then nobody reads it */
  }
  signal(number, SIG_DFL);
  raise(number);
}

int
main(int argc, char **argv)
{
  setlocale(LC_ALL, "");
  if (signal(SIGINT, on_interrupt) == SIG_IGN)
    signal(SIGINT, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a limit of files' sizes is an error as a full disk is, not the end */
  g_set_prgname("hysac");
  g_log_set_handler("hysac", G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_ERROR & ~G_LOG_LEVEL_CRITICAL, on_log,
                    NULL);
  if (argc < 2) {
    print_usage(stderr);
    return TOOL_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0) {
    puts("hysac " HYSAC_VERSION);
    return tool_finish_output(TOOL_OK);
  }
  gboolean help = strcmp(name, "help") == 0;
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
    print_usage(stdout);
    return tool_finish_output(TOOL_OK);
  }
  if (help) {
    char *sub[] = { argv[2], (char *) "--help", NULL };
    return run(argv[2], 2, sub);
  }
  return run(name, argc - 1, argv + 1);
}
