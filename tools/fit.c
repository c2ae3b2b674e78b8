/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac fit: distances of the user's own benign pictures -> the bound of the unsafe region, written
 * into hysac.json with where it came from. A bound from somebody else's pictures is worth little: a
 * step of 0.01 moved the paper's false-positive rate from 16.5 to 3.6 percent.
 */

#include "fit_files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIN_PICTURES 20
#define DEFAULT_PERCENTILE 98.4 /* as HyPE bounds its benign distances */

typedef struct {
  const char *what; /* "safe", "unsafe": for messages */
  char **paths;
  guint n_paths;
  GArray *distances; /* double, of those that could be encoded */
  GPtrArray *used;   /* their paths, borrowed */
  guint unreadable;
  gboolean broken; /* the encoder failed, not a picture */
} Set;

typedef struct {
  ToolSession session;
  char **safe, **unsafe;
  double percentile;
  char *out;
  gboolean force;
} Options;

static gboolean
open_set(Set *set, const char *what, char **args, GError **error)
{
  guint others = 0;
  set->what = what;
  set->distances = g_array_new(FALSE, FALSE, sizeof(double));
  set->used = g_ptr_array_new();
  set->paths = fit_collect_pictures(args, &others, error);
  if (set->paths == NULL)
    return FALSE;
  set->n_paths = g_strv_length(set->paths);
  if (others > 0)
    tool_error("%s: %u file(s) passed over that are no pictures", what, others);
  return TRUE;
}

static void
clear_set(Set *set)
{
  g_clear_pointer(&set->paths, g_strfreev);
  g_clear_pointer(&set->distances, g_array_unref);
  g_clear_pointer(&set->used, g_ptr_array_unref);
}

static void
take_picture(guint index, const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Set *set = user_data;
  if (isatty(STDERR_FILENO)) {
    fprintf(stderr, "\r\033[K%s: %u/%u%s", set->what, index + 1, set->n_paths,
            index + 1 == set->n_paths ? "\r\033[K" : "");
    fflush(stderr);
  }
  if (error == NULL) {
    g_array_append_val(set->distances, embedding->distance);
    g_ptr_array_add(set->used, set->paths[index]);
    return;
  }
  tool_error("%s", error->message);
  /* Only a file that is no picture may be left out: a failing encoder would bend the bound. */
  if (g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_IO) ||
      g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT) ||
      g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED))
    set->unreadable++;
  else
    set->broken = TRUE;
}

static gboolean
encode_set(HysacEngine *engine, Set *set, GError **error)
{
  if (!tool_embed_pictures(engine, set->paths, take_picture, set, error))
    return FALSE;
  if (set->broken)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE, "the encoder failed; nothing was written");
  return !set->broken;
}

static HysacProfile *
make_profile(HysacEngine *engine, const Set *safe, const Set *unsafe, double percentile,
             GError **error)
{
  g_autoptr(HysacProfile) profile = hysac_profile_fit(
      (const double *) (void *) safe->distances->data, safe->distances->len,
      (const double *) (void *) unsafe->distances->data, unsafe->distances->len, percentile,
      hysac_engine_get_precision(engine), error);
  if (profile == NULL)
    return NULL;
  profile->safe_sha256 = hysac_profile_hash_inputs((const char *const *) safe->used->pdata,
                                                   safe->used->len, error);
  if (profile->safe_sha256 == NULL)
    return NULL;
  if (unsafe->used->len > 0) {
    profile->unsafe_sha256 = hysac_profile_hash_inputs((const char *const *) unsafe->used->pdata,
                                                       unsafe->used->len, error);
    if (profile->unsafe_sha256 == NULL)
      return NULL;
  }
  HysacAccuracy accuracy;
  hysac_engine_get_accuracy(engine, &accuracy);
  profile->distance_error = isfinite(accuracy.distance) ? MIN(accuracy.distance, 1.0) : 1.0;
  profile->weights_sha256 =
      g_strdup(hysac_model_get_weights_sha256(hysac_engine_get_model(engine)));
  g_free(profile->tool);
  profile->tool = g_strdup("hysac fit " HYSAC_VERSION);
  return g_steal_pointer(&profile);
}

static void
print_number(const char *label, double value, const char *unit)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];
  printf("%-18s %s%s\n", label, g_ascii_formatd(buffer, sizeof buffer, "%.6g", value), unit);
}

static void
print_summary(const HysacProfile *profile, const Set *safe, const Set *unsafe, const char *where)
{
  guint64 enough = hysac_profile_enough_samples(profile->percentile);
  print_number("bound", profile->bound, "");
  print_number("percentile", profile->percentile, " of the safe pictures' distances");
  print_number("scale", profile->scale, "");
  printf("%-18s %s\n", "precision", hysac_precision_to_string(profile->precision));
  printf("%-18s %" G_GUINT64_FORMAT ", %u unreadable\n", "safe pictures", profile->safe_count,
         safe->unreadable);
  print_number("false positives", 100 * profile->safe_above, " % of them lie above the bound");
  if (profile->unsafe_count > 0) {
    printf("%-18s %" G_GUINT64_FORMAT ", %u unreadable\n", "unsafe pictures", profile->unsafe_count,
           unsafe->unreadable);
    print_number("recall", 100 * profile->recall, " % of them lie above the bound");
    print_number("AUC", profile->auc, " of the distance");
  }
  printf("%-18s %s/hysac.json\n", "written to", where);
  if (profile->safe_count < enough)
    tool_error("warning: with fewer than %" G_GUINT64_FORMAT " safe pictures this percentile is "
              "hardly more than the largest distance seen", enough);
}

static int
check_options(Options *options, int argc, char **argv)
{
  if (argc > 1) {
    tool_error("fit takes its pictures by --safe and --unsafe, not \"%s\"", argv[1]);
    return TOOL_USAGE;
  }
  if (options->session.model_name == NULL) {
    tool_error("fit needs --model DIR (or --model demo)");
    return TOOL_USAGE;
  }
  if (options->safe == NULL) {
    tool_error("fit needs --safe DIR or pictures: benign material of the kind that will be judged");
    return TOOL_USAGE;
  }
  if (!(options->percentile > 0 && options->percentile <= 100)) {
    tool_error("--percentile is above 0 and at most 100");
    return TOOL_USAGE;
  }
  return TOOL_OK;
}

/* Without a bound's use there is no point in encoding; said before minutes are spent. */
static gboolean
check_sets(const Options *options, HysacModel *model, const Set *safe, GError **error)
{
  if (hysac_model_get_geometry(model) == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s has no hysac.json: a plain CLIP model embeds, but has no distance to bound",
                hysac_model_get_path(model));
    return FALSE;
  }
  if (safe->n_paths < MIN_PICTURES && !options->force) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "%u safe picture(s): a bound needs at least %d, better hundreds; --force fits it "
                "nevertheless", safe->n_paths, MIN_PICTURES);
    return FALSE;
  }
  return TRUE;
}

static gboolean
fit(const Options *options, Set *safe, Set *unsafe, GError **error)
{
  HysacEngine *engine = options->session.engine;
  const char *where = hysac_model_get_path(options->session.model);
  if (!encode_set(engine, safe, error) || !encode_set(engine, unsafe, error))
    return FALSE;
  if (safe->distances->len < MIN_PICTURES && !options->force) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "only %u of %u safe pictures could be read, at least %d are needed (--force)",
                safe->distances->len, safe->n_paths, MIN_PICTURES);
    return FALSE;
  }
  g_autoptr(HysacProfile) profile = make_profile(engine, safe, unsafe, options->percentile, error);
  if (profile == NULL)
    return FALSE;
  if (options->out != NULL) {
    if (!fit_copy_model(where, options->out, error))
      return FALSE;
    where = options->out;
  }
  if (!hysac_profile_save(profile, where, error))
    return FALSE;
  print_summary(profile, safe, unsafe, where);
  return TRUE;
}

static int
run(Options *options)
{
  Set safe = { 0 }, unsafe = { 0 };
  g_autoptr(GError) error = NULL;
  int code = TOOL_FAILED;
  gboolean ok = open_set(&safe, "safe", options->safe, &error) &&
                open_set(&unsafe, "unsafe", options->unsafe, &error);
  if (ok)
    code = tool_session_open(&options->session, "fit");
  if (ok && code == TOOL_OK) {
    ok = check_sets(options, options->session.model, &safe, &error) &&
         fit(options, &safe, &unsafe, &error);
    code = tool_finish_output(ok ? TOOL_OK : TOOL_FAILED);
  }
  if (error != NULL)
    tool_error("%s", error->message);
  clear_set(&safe);
  clear_set(&unsafe);
  return code;
}

int
tool_fit(int argc, char **argv)
{
  Options options = { .percentile = DEFAULT_PERCENTILE };
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&options.session),
    { "safe", 's', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.safe,
      "Benign pictures: folders (with all below them) and files", "DIR|FILE…" },
    { "unsafe", 'u', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.unsafe,
      "Unsafe pictures, to measure the recall; they do not move the bound", "DIR|FILE…" },
    { "percentile", 0, 0, G_OPTION_ARG_DOUBLE, &options.percentile,
      "Share of the benign pictures below the bound (98.4)", "P" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
      "Write to a new model directory; its weights are a link to the old one's", "DIR" },
    { "force", 0, 0, G_OPTION_ARG_NONE, &options.force, "Fit on fewer than 20 pictures", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Fits the bound of the unsafe region: encodes benign pictures, takes a percentile of\n"
               "their distances to the root, and writes it into the model's hysac.json with the\n"
               "precision, the number and hash of the pictures, and the date.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac fit --model ~/models/hysac --safe ~/pictures/benign\n"
               "  hysac fit --model demo --safe safe/ --unsafe unsafe/ --percentile 99 --out fitted\n"
               "\n"
               "Pictures only: of a video, take frames first, for example with\n"
               "  ffmpeg -i video.mp4 -vf fps=1 benign/%05d.png");
  /* GOption changes its copy of the vector; the strings are freed with the first. */
  g_auto(GStrv) expanded = fit_expand_lists(argc, argv);
  int n = (int) g_strv_length(expanded);
  g_autofree char **vector = g_memdup2(expanded, ((gsize) n + 1) * sizeof *expanded);
  char **rest = vector;
  int code;
  if (tool_parse(context, &n, &rest, &code)) {
    code = check_options(&options, n, rest);
    if (code == TOOL_OK)
      code = run(&options);
  }
  g_strfreev(options.safe);
  g_strfreev(options.unsafe);
  g_free(options.out);
  tool_session_clear(&options.session);
  return code;
}
