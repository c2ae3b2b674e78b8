/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * hysac fit: distances of the user's own benign material -> the bound of the unsafe region, written
 * into hysac.json with where it came from. A bound from somebody else's pictures is worth little: a
 * step of 0.01 moved the paper's false-positive rate from 16.5 to 3.6 percent.
 */

#include "fit.h"
#include "gst/textjoin.h"
#include "policyoptions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIN_SAMPLES 20
#define GIVEN(x) ((x) != TOOL_NOT_GIVEN)
#define DEFAULT_PERCENTILE 98.4 /* as HyPE bounds its benign distances */
#define MAX_JOIN_GAP (3600 * G_GUINT64_CONSTANT(1000000000))
#define FREE_ROUNDS 8           /* of choosing the bound again; after them it only rises */

typedef struct {
  ToolSession session;
  char **safe, **unsafe, **texts, **unsafe_texts;
  double percentile, above, per_hour;
  char *out, *plots, *join_gap;
  int join_buffers; /* 0: not given */
  ToolPolicyOptions policy;
  gint64 seed;
  gboolean force, json, head;
  FitSampling sampling;
  HysacMeasureOptions measures;
} Options;

/* ------------------------------------------------------------ options */

static const char *
take_options(Options *self)
{
  if (GIVEN(self->percentile) + GIVEN(self->above) + GIVEN(self->per_hour) > 1)
    return "--percentile, --false-positives and --alarms-per-hour each choose the bound: one of them";
  if (GIVEN(self->percentile) && !(self->percentile > 0 && self->percentile <= 100))
    return "--percentile is above 0 and at most 100";
  if (GIVEN(self->above) && !(self->above > 0 && self->above < 100))
    return "--false-positives is a percentage above 0 and below 100";
  if (GIVEN(self->per_hour) && !(self->per_hour >= 0 && self->per_hour <= 1e6))
    return "--alarms-per-hour is from 0 to 1000000";
  if (self->seed < 0)
    return "--seed is not negative";
  if (self->sampling.folder_clips && self->sampling.interval == 0)
    return "--folder-clips needs a --sample-interval above 0: the time from one picture to the next";
  if (self->head && self->unsafe == NULL && self->unsafe_texts == NULL)
    return "--head learns from both: --safe and --unsafe, or --texts and --unsafe-texts";
  self->sampling.features = self->head;
  self->measures.percentile = !GIVEN(self->percentile) ? DEFAULT_PERCENTILE : self->percentile;
  self->measures.above = !GIVEN(self->above) ? 0 : self->above / 100;
  self->measures.per_hour = !GIVEN(self->per_hour) ? -1 : self->per_hour;
  self->measures.lowest = self->head ? -(double) INFINITY : 0;
  self->measures.interval = self->sampling.interval;
  self->measures.seed = (guint64) self->seed;
  self->measures.rounds = HYSAC_BOOTSTRAP_ROUNDS;
  return NULL;
}

/* As hysactext joins cues, unless asked otherwise. */
static const char *
take_joining(Options *self)
{
  const gboolean given = self->join_buffers != 0 || self->join_gap != NULL;
  guint64 gap = GST_HYSAC_TEXT_JOIN_GAP;
  if (given && (self->texts == NULL || self->head))
    return "--join-buffers and --join-gap are of the cues that a bound of --texts is fitted on";
  if (self->join_buffers < 0 || self->join_buffers > GST_HYSAC_TEXT_MAX_JOIN_BUFFERS)
    return "--join-buffers is from 1 to " G_STRINGIFY(GST_HYSAC_TEXT_MAX_JOIN_BUFFERS);
  if (self->join_gap != NULL && strcmp(self->join_gap, "0") == 0)
    gap = 0;
  else if (self->join_gap != NULL && (!hysac_policy_parse_time(self->join_gap, &gap) || gap > MAX_JOIN_GAP))
    return "--join-gap is 0 or a number with its unit, at most 1h: 500ms, 10s";
  /* A head's samples are single cues: a joined text is no example of either kind. */
  self->sampling.join_buffers = self->head               ? 1
                                : self->join_buffers > 0 ? (guint) self->join_buffers
                                                         : GST_HYSAC_TEXT_JOIN_BUFFERS;
  self->sampling.join_gap = gap;
  return NULL;
}

/* Lines of text have no time, and no picture's features. */
static const char *
check_texts(const Options *self)
{
  if (self->texts == NULL && self->unsafe_texts == NULL)
    return NULL;
  if (self->texts == NULL)
    return "--unsafe-texts needs --texts beside it: benign lines of the kind that will be judged";
  if (self->safe != NULL || self->unsafe != NULL)
    return "pictures and texts have a bound each, and a head each: fit with --safe, then with --texts";
  if (GIVEN(self->per_hour))
    return "texts have no time, so no alarms an hour: --percentile or --false-positives chooses their bound";
  if (tool_policy_options_any(&self->policy) || self->sampling.folder_clips)
    return "texts have no time here: --sample-interval, --folder-clips, --policy and the rules over time do not "
           "apply to --texts";
  return NULL;
}

static int
check_options(Options *self, int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  ToolPolicy policy = { 0 };
  const char *wrong = NULL;
  if (argc > 1) {
    tool_error("fit takes its material by --safe and --unsafe, or --texts and --unsafe-texts, not \"%s\"", argv[1]);
    return TOOL_USAGE;
  }
  if (self->session.model_name == NULL)
    wrong = "fit needs --model DIR (or --model demo)";
  else if (self->safe == NULL && self->texts == NULL && self->unsafe_texts == NULL)
    wrong = "fit needs --safe DIR or files, or --texts FILE: benign material of the kind that will be judged";
  else if ((wrong = check_texts(self)) != NULL || (wrong = take_joining(self)) != NULL)
    ;
  else if (!tool_policy_take(&self->policy, &policy, &error))
    tool_fail(error, hysac_policy_remedy(error));
  if (wrong == NULL && error == NULL) {
    self->sampling.interval = policy.interval;
    self->measures.policy = policy.config;
    if (hysac_policy_rules_any(&policy.rules))
      tool_error("note: %s has rules of categories or the head: alarms by those are not in what is measured here",
                 self->policy.file);
    wrong = take_options(self);
  }
  tool_policy_clear(&policy);
  if (wrong != NULL)
    tool_error("%s", wrong);
  return wrong != NULL || error != NULL ? TOOL_USAGE : TOOL_OK;
}

/* Without a bound's use there is no point in encoding; said before minutes are spent. */
static gboolean
check_model(const Options *options, HysacModel *model, GError **error)
{
  if (hysac_model_get_geometry(model) == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s has no hysac.json: a plain CLIP model embeds, but has no distance to bound; " TOOL_NO_GEOMETRY,
                hysac_model_get_path(model));
    return FALSE;
  }
  if (options->out == NULL && tool_is_demo_folder(model)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "%s is the demo model, which comes with the program and stays as it is: give --out DIR, a new folder "
                "for a copy of it with what is fitted",
                hysac_model_get_path(model));
    return FALSE;
  }
  if (options->out != NULL && g_file_test(options->out, G_FILE_TEST_EXISTS)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: File exists; --out makes a new folder",
                options->out);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_pictures(const Options *options, const FitSet *safe, GError **error)
{
  if (options->measures.per_hour >= 0 && safe->videos == 0 && !options->sampling.folder_clips) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "--alarms-per-hour needs safe material in time: videos, or pictures of one clip in a folder and "
                "--folder-clips");
    return FALSE;
  }
  if (safe->videos > 0 || safe->pictures >= MIN_SAMPLES || options->force)
    return TRUE;
  /* Of less than two nothing can be forced. */
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%u safe picture(s): a %s needs at least %d, better hundreds%s",
              safe->pictures, options->head ? "head" : "bound", MIN_SAMPLES,
              safe->pictures < HYSAC_PROFILE_MIN_SAMPLES ? "" : "; --force fits it nevertheless");
  return FALSE;
}

/* ------------------------------------------------------------ the bound */

/* What the distances were measured in. */
static HysacPrecision
get_precision(const ToolSession *session, double *accuracy)
{
  HysacAccuracy measured;
  *accuracy = 0;
  if (session->engine == NULL) /* texts */
    return hysac_text_encoder_get_precision(session->text);
  hysac_engine_get_accuracy(session->engine, &measured);
  *accuracy = isfinite(measured.distance) ? MIN(measured.distance, 1.0) : 1.0;
  return hysac_engine_get_precision(session->engine);
}

static HysacProfile *
make_profile(const Options *options, const FitSet *safe, const FitSet *unsafe, double bound, gboolean exact,
             GError **error)
{
  g_autofree double *a = fit_set_distances(safe);
  g_autofree double *b = fit_set_distances(unsafe);
  double accuracy;
  const HysacPrecision precision = get_precision(&options->session, &accuracy);
  g_autoptr(HysacProfile) profile =
      exact && options->measures.per_hour < 0 && options->measures.above == 0
          ? hysac_profile_fit(a, safe->samples, b, unsafe->samples, options->measures.percentile, precision,
                              error)
          : hysac_profile_fit_at(a, safe->samples, b, unsafe->samples, bound, precision, error);
  if (profile == NULL)
    return NULL;
  profile->safe_sha256 = fit_set_hash(safe, error);
  if (profile->safe_sha256 == NULL)
    return NULL;
  if (unsafe->samples > 0) {
    profile->unsafe_sha256 = fit_set_hash(unsafe, error);
    if (profile->unsafe_sha256 == NULL)
      return NULL;
  }
  profile->distance_error = accuracy;
  if (safe->films != NULL && options->sampling.join_buffers > 1) {
    profile->join_buffers = options->sampling.join_buffers;
    profile->join_gap = options->sampling.join_gap;
  }
  profile->weights_sha256 = g_strdup(hysac_model_get_weights_sha256(options->session.model));
  g_free(profile->tool);
  profile->tool = g_strdup("hysac fit " HYSAC_VERSION);
  return g_steal_pointer(&profile);
}

static gboolean
save(const HysacProfile *profile, gboolean texts, const char *model, const char *out, char **where, GError **error)
{
  FitTarget target = { 0 };
  fit_signals_hold();
  const gboolean ok = fit_target_begin(&target, model, out, error) &&
                      (texts ? hysac_profile_save_text : hysac_profile_save)(profile, target.folder, error) && fit_target_finish(&target, error);
  *where = g_strdup(target.folder);
  fit_target_abandon(&target);
  fit_signals_release();
  return ok;
}

static void
print_json(const HysacProfile *profile, const FitResult *result, const char *where)
{
  GString *json = g_string_new("{\n  \"written\": ");
  g_autofree char *shown = g_utf8_make_valid(where, -1);
  g_autofree char *text = hysac_profile_to_json(profile);
  hysac_json_append_string(json, shown);
  g_string_append_printf(json,
                         ",\n  \"kind\": \"%s\",\n  \"unreadable\": {\"safe\": %u, \"unsafe\": %u},\n"
                         "  \"profile\": %s",
                         result->texts ? "text" : "picture", result->safe->unreadable, result->unsafe->unreadable, text);
  fit_append_curves(json, result);
  fit_append_warnings(json, result);
  g_string_append(json, "\n}");
  puts(json->str);
  g_string_free(json, TRUE);
}

static void
print_text(const HysacProfile *profile, const Options *options, const FitResult *result, const char *where)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  printf("%-18s %s%s\n", "bound", g_ascii_formatd(a, sizeof a, "%.6g", profile->bound),
         result->texts ? ", of texts" : "");
  printf("%-18s %s of the safe samples' distances", "percentile",
         g_ascii_formatd(a, sizeof a, "%.6g", profile->percentile));
  if (profile->measures->target >= 0)
    printf(", for at most %s alarms an hour",
           g_ascii_formatd(a, sizeof a, "%.6g", profile->measures->target));
  else if (options->measures.above > 0)
    printf(", for at most %s %% false positives", g_ascii_formatd(a, sizeof a, "%.6g", options->above));
  if (profile->join_buffers > 0)
    printf("\n%-18s up to %u cues in a row that begin at most %s s apart, beside each alone", "joined",
           profile->join_buffers, g_ascii_formatd(a, sizeof a, "%.6g", (double) profile->join_gap / 1e9));
  printf("\n%-18s %s\n", "scale", g_ascii_formatd(a, sizeof a, "%.6g", profile->scale));
  printf("%-18s %s\n", "precision", hysac_precision_to_string(profile->precision));
  fit_print(result);
  printf("%-18s %s/hysac.json, \"%s\"\n", "written to", where, result->texts ? "text_profile" : "profile");
}

/* Which cues are joined depends on the bound, and the bound on them. So it is chosen again for what it makes of them
 * until it stays; should it go round in circles, it only rises: then no more than asked for lie above it. *@exact: it is
 * what was asked for of the distances as they are now. */
static gboolean
choose_bound(const Options *options, FitSet *safe, const HysacClip *clips, double *bound, gboolean *exact, GError **error)
{
  double next = 0;
  *exact = TRUE;
  if (!hysac_measures_bound(clips, safe->clips->len, &options->measures, bound, error))
    return FALSE;
  for (guint round = 0; safe->films != NULL; round++) {
    if (!fit_cues_rejoin(safe, *bound, error) ||
        !hysac_measures_bound(clips, safe->clips->len, &options->measures, &next, error))
      return FALSE;
    *exact = next == *bound;
    if (*exact || (round >= FREE_ROUNDS && next < *bound))
      break;
    *bound = next;
  }
  return TRUE;
}

static gboolean
fit_region(const Options *options, FitSet *safe, FitSet *unsafe, GError **error)
{
  g_autofree HysacClip *a = fit_set_view(safe);
  g_autofree HysacClip *b = fit_set_view(unsafe);
  g_autofree char *where = NULL;
  gboolean exact;
  double bound;
  if (!choose_bound(options, safe, a, &bound, &exact, error) || !fit_cues_rejoin(unsafe, bound, error))
    return FALSE;
  g_autoptr(HysacProfile) profile = make_profile(options, safe, unsafe, bound, exact, error);
  if (profile == NULL)
    return FALSE;
  profile->measures = g_new0(HysacMeasures, 1);
  if (!hysac_measures_take(a, safe->clips->len, b, unsafe->clips->len, profile->bound, &options->measures,
                           profile->measures, error) ||
      !save(profile, options->texts != NULL, hysac_model_get_path(options->session.model), options->out, &where, error))
    return FALSE;
  const FitResult result = { .score = "distance", .limit = "bound", .texts = options->texts != NULL, .safe = safe,
                             .unsafe = unsafe, .safe_clips = a, .unsafe_clips = b, .measures = profile->measures,
                             .bound = profile->bound, .percentile = profile->percentile,
                             .chosen = fit_chosen_percentile(&options->measures) };
  if (options->json)
    print_json(profile, &result, where);
  else
    print_text(profile, options, &result, where);
  fit_warn(&result);
  return options->plots == NULL || fit_write_plots(&result, options->plots, error);
}

static gboolean
check_samples(const Options *options, const FitSet *safe, guint files, GError **error)
{
  if (safe->samples >= MIN_SAMPLES || options->force)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
              "only %" G_GUINT64_FORMAT " %s of %u safe file(s) could be read, at least %d are needed, better hundreds%s",
              safe->samples, options->texts ? "line(s)" : "sample(s)", files, MIN_SAMPLES,
              safe->samples < HYSAC_PROFILE_MIN_SAMPLES ? "" : "; --force fits it nevertheless");
  return FALSE;
}

static gboolean
fit_texts(const Options *options, FitSet *safe, FitSet *unsafe, GError **error)
{
  HysacTextEncoder *encoder = options->session.text;
  const FitHeadOf of = { options->session.model, hysac_text_encoder_get_precision(encoder),
                         hysac_text_encoder_get_dim(encoder), TRUE };
  return fit_texts_encode(safe, "safe", options->texts, &options->sampling, encoder, error) &&
         check_samples(options, safe, g_strv_length(options->texts), error) &&
         fit_texts_encode(unsafe, "unsafe", options->unsafe_texts, &options->sampling, encoder, error) &&
         (options->head ? fit_head(&of, safe, unsafe, &options->measures, options->out, options->plots, options->json,
                                   error)
                        : fit_region(options, safe, unsafe, error));
}

static gboolean
fit(const Options *options, FitSet *safe, FitSet *unsafe, GError **error)
{
  HysacEngine *engine = options->session.engine;
  if (!fit_set_encode(safe, engine, &options->sampling, error) ||
      !fit_set_encode(unsafe, engine, &options->sampling, error) ||
      !check_samples(options, safe, safe->items->len, error))
    return FALSE;
  const FitHeadOf of = { options->session.model, hysac_engine_get_precision(engine),
                         hysac_model_get_vision_config(options->session.model)->projection, FALSE };
  if (options->head)
    return fit_head(&of, safe, unsafe, &options->measures, options->out, options->plots, options->json, error);
  return fit_region(options, safe, unsafe, error);
}

/* Both lists together: standard input can be read once. */
static gboolean
check_inputs(const Options *options, GError **error)
{
  g_autoptr(GStrvBuilder) all = g_strv_builder_new();
  g_strv_builder_addv(all, (const char **) options->texts);
  if (options->unsafe_texts != NULL)
    g_strv_builder_addv(all, (const char **) options->unsafe_texts);
  g_auto(GStrv) files = g_strv_builder_end(all);
  return fit_texts_check(files, error);
}

static int
run(Options *options)
{
  FitSet safe = { 0 }, unsafe = { 0 };
  g_autoptr(GError) error = NULL;
  int code = TOOL_FAILED;
  const gboolean texts = options->texts != NULL;
  gboolean ok = texts ? check_inputs(options, &error)
                      : fit_set_collect(&safe, "safe", options->safe, &options->sampling, &error) &&
                            fit_set_collect(&unsafe, "unsafe", options->unsafe, &options->sampling, &error);
  if (ok)
    code = (texts ? tool_session_open_text : tool_session_open)(&options->session, "fit");
  if (ok && code == TOOL_OK) {
    ok = check_model(options, options->session.model, &error) &&
         (texts ? fit_texts(options, &safe, &unsafe, &error)
                : check_pictures(options, &safe, &error) && fit(options, &safe, &unsafe, &error));
    code = tool_finish_output(ok && safe.unreadable + unsafe.unreadable == 0 ? TOOL_OK : TOOL_FAILED);
  }
  if (error != NULL)
    tool_error("%s", error->message);
  else if (ok && safe.unreadable + unsafe.unreadable > 0)
    tool_error("what was written is of the rest: %u of the safe and %u of the unsafe %s could not be read, or not to the end",
               safe.unreadable, unsafe.unreadable, texts ? "lines, cues or files" : "files");
  fit_set_clear(&safe);
  fit_set_clear(&unsafe);
  return code;
}

static void
clear_options(Options *self)
{
  g_strfreev(self->safe);
  g_strfreev(self->unsafe);
  g_strfreev(self->texts);
  g_strfreev(self->unsafe_texts);
  g_free(self->out);
  g_free(self->plots);
  g_free(self->join_gap);
  tool_policy_options_clear(&self->policy);
  tool_session_clear(&self->session);
}

int
tool_fit(int argc, char **argv)
{
  Options options = { .percentile = TOOL_NOT_GIVEN,
                      .above = TOOL_NOT_GIVEN,
                      .per_hour = TOOL_NOT_GIVEN,
                      .policy = TOOL_POLICY_OPTIONS_INIT,
                      .seed = 1 };
  const GOptionEntry entries[] = {
    TOOL_SESSION_OPTIONS(&options.session),
    { "safe", 's', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.safe,
      "Benign videos and pictures: folders (with all below them) and files", "DIR|FILE…" },
    { "unsafe", 'u', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.unsafe,
      "Unsafe ones, to measure the recall; they do not move the bound", "DIR|FILE…" },
    { "texts", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.texts,
      "Benign lines of text, or subtitles, for the bound of texts; - is standard input", "FILE…" },
    { "unsafe-texts", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.unsafe_texts, "Unsafe lines, as --unsafe", "FILE…" },
    { "percentile", 0, 0, G_OPTION_ARG_DOUBLE, &options.percentile,
      "Share of the benign samples below the bound (98.4)", "P" },
    { "false-positives", 0, 0, G_OPTION_ARG_DOUBLE, &options.above,
      "Choose the lowest bound that no more than this of the benign samples lie above", "PERCENT" },
    { "alarms-per-hour", 0, 0, G_OPTION_ARG_DOUBLE, &options.per_hour,
      "Choose the bound so that benign clips raise no more alarms than this", "N" },
    { "head", 0, 0, G_OPTION_ARG_NONE, &options.head,
      "Train a linear head instead of a bound: head.safetensors, of texts text-head.safetensors; needs both kinds", NULL },
    TOOL_POLICY_OPTIONS(&options.policy),
    { "join-buffers", 0, 0, G_OPTION_ARG_INT, &options.join_buffers,
      "Cues of subtitles in a row that are scored as one text too, as hysactext's property (3); 1: none", "N" },
    { "join-gap", 0, 0, G_OPTION_ARG_STRING, &options.join_gap,
      "Cues that begin longer apart are not joined (10s)", "TIME" },
    { "folder-clips", 0, 0, G_OPTION_ARG_NONE, &options.sampling.folder_clips,
      "The pictures of a folder are one clip in time, in the order of their names", NULL },
    { "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "Seed of the random draws that the intervals come from (1)", "N" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
      "Write to a new model directory, not into the model's own; its weights are a link to the old one's. The demo "
      "model needs it: nothing is written into that",
      "DIR" },
    { "plots", 0, 0, G_OPTION_ARG_FILENAME, &options.plots,
      "Draw distances.svg, roc.svg and reliability.svg there", "DIR" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "Print one JSON object", NULL },
    { "force", 0, 0, G_OPTION_ARG_NONE, &options.force, "Fit on fewer than 20 samples", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Fits the bound of the unsafe region: takes a percentile of benign material's distances to\n"
               "the root, says what that bound does (false positives, alarms an hour after the rules over\n"
               "time, recall), and writes it into the model's hysac.json with where it came from. Texts have\n"
               "a bound of their own, beside that of pictures and videos: --texts.");
  g_option_context_set_description(
      context, "Examples:\n"
               "  hysac fit --model ~/models/hysac --safe ~/videos/benign\n"
               "  hysac fit --model ~/models/hysac --safe benign/ --alarms-per-hour 0.5 -k 2 -n 3\n"
               "  hysac fit --model demo --safe safe/ --unsafe unsafe/ --out fitted --plots plots\n"
               "  hysac fit --model ~/models/hysac --texts chat.txt --unsafe-texts bad.txt\n"
               "  hysac fit --model ~/models/hysac --head --safe safe/ --unsafe unsafe/\n"
               "  hysac fit --model ~/models/hysac --head --texts chat.txt --unsafe-texts bad.txt\n"
               "\n"
               "What each number means: docs/fit.md. Files and lines that cannot be read are said and left\n"
               "out; until the end nothing is written.\n"
               "\n"
               "Exit codes: 0 done, 1 nothing could be fitted, or something of the material could not be read\n"
               "(what is said to be written is, from the rest), 2 wrong usage");
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
  clear_options(&options);
  return code;
}
