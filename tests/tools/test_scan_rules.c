/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: categories and the head beside the region, and rules of a policy that act by them: as the element has
 * them on the same clip, told everywhere, and kept over a stop. */

#include "scans.h"

#include "core/safetensors_write.h"

#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define DIM 48
#define ALL_SAFE "\"bound\": 900, "

static char *folder, *plain, *model, *clip; /* plain: without concepts and head */
static char *concepts;                      /* the member of a policy */
static double lead, score;                  /* thresholds that some samples of the clip reach and some do not */

#define COMMON "--precision", "fp32", "-i", "100ms"

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static char *
make_concepts(guint32 seed)
{
  static const char *const heads[] = { "\"name\": \"knife\", \"category\": \"violence\"",
                                       "\"name\": \"club\", \"category\": \"violence\"",
                                       "\"name\": \"meadow\", \"safe\": true",
                                       "\"name\": \"<b>in & sult\", \"category\": \"hate\"" };
  GRand *rand = g_rand_new_with_seed(seed);
  GString *text = g_string_new("\"concepts\": [");
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
    g_string_append_printf(text, "%s{%s, \"points\": [[", i ? ", " : "", heads[i]);
    for (guint k = 0; k < DIM; k++)
      g_string_append_printf(text, "%s%s", k ? "," : "",
                             g_ascii_formatd(number, sizeof number, "%.4f", g_rand_double_range(rand, -0.5, 0.5)));
    g_string_append(text, "]]}");
  }
  g_string_append_c(text, ']');
  g_rand_free(rand);
  return g_string_free(text, FALSE);
}

static void
write_head(const char *dir)
{
  GRand *rand = g_rand_new_with_seed(3);
  float weight[2 * DIM], bias[] = { 0, -1 }, threshold[] = { 0.5f, 0.25f };
  for (guint i = 0; i < G_N_ELEMENTS(weight); i++)
    weight[i] = (float) g_rand_double_range(rand, -2, 2);
  g_rand_free(rand);
  const HysacFloats tensors[] = { { "weight", weight, 2, { 2, DIM } },
                                  { "bias", bias, 1, { 2 } },
                                  { "threshold", threshold, 1, { 2 } } };
  const char *const metadata[] = { "labels", "weapons,blood", NULL };
  g_autofree char *path = g_build_filename(dir, "head.safetensors", NULL);
  assert_true(hysac_safetensors_write(path, tensors, 3, metadata, NULL));
}

/* A policy with @members; its path. */
static char *
write_policy(const char *name, const char *members)
{
  g_autofree char *text = g_strdup_printf("{\"version\": 1, \"action\": \"tag\", \"sample-interval\": \"100ms\", %s}", members);
  write_file(folder, name, text, -1);
  return in_folder(name);
}

/* The policy whose rules split the clip: the region finds nothing. */
static char *
split_policy(const char *name, const char *more)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  g_ascii_dtostr(a, sizeof a, lead);
  g_ascii_dtostr(b, sizeof b, score);
  g_autofree char *members =
      g_strdup_printf(ALL_SAFE "%s \"categories\": {\"violence\": {\"lead\": %s}}, \"head\": {\"threshold\": %s}, %s",
                      more, a, b, concepts);
  return write_policy(name, members);
}

/* The number behind @key inside the object behind @name. */
static double
nested(const char *line, const char *name, const char *key)
{
  g_autofree char *begin = g_strdup_printf("\"%s\":{", name), *member = g_strdup_printf("\"%s\":", key);
  const char *at = strstr(line, begin);
  at = at ? strstr(at, member) : NULL;
  if (at == NULL)
    fail_msg("no %s of %s in %s", key, name, line);
  return g_ascii_strtod(at + strlen(member), NULL);
}

static void
find_thresholds(void)
{
  Run run = { 0 };
  g_autoptr(GArray) leads = g_array_new(FALSE, FALSE, sizeof(double)), scores = g_array_new(FALSE, FALSE, sizeof(double));
  g_autofree char *members = g_strconcat("\"head\": {\"threshold\": 1}, ", concepts, NULL);
  g_autofree char *policy = write_policy("find.json", members);
  run_hysac(&run, "scan", "--model", model, COMMON, "--json", "--policy", policy, clip, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  for (guint i = 0; i < run.n_lines; i++) {
    if (!is_type(run.lines[i], "sample"))
      continue;
    const double a = nested(run.lines[i], "violence", "lead"), b = nested(run.lines[i], "head", "score");
    g_array_append_val(leads, a);
    g_array_append_val(scores, b);
  }
  lead = middle(leads);
  score = middle(scores);
  run_clear(&run);
}

/* From a member's name to the end of the list "rules". */
static char *
advice_of(const char *line)
{
  const char *from = strstr(line, ",\"advisory\":"), *to = from ? strstr(from, "\"rules\":[") : NULL;
  if (to == NULL)
    fail_msg("no advice in %s", line);
  return g_strndup(from, (gsize) (strchr(to, ']') + 1 - from));
}

/* ------------------------------------------------------------------ against the element */

static void
compare_with_element(const char *more)
{
  Run run = { 0 };
  g_autofree char *log = in_folder("element.jsonl"), *vtt = in_folder("element.vtt"), *out = in_folder("as-element");
  g_autofree char *ours = g_build_filename(out, "segments", "0001-clip.mp4.vtt", NULL);
  g_autofree char *policy = split_policy("as-element.json", more);
  g_unlink(log);
  run_pipeline("filesrc location=\"%s\" ! qtdemux ! h264parse ! avdec_h264 ! hysacmoderate model=\"%s\" "
               "precision=fp32 policy=\"%s\" verdict-log=\"%s\" segments-vtt=\"%s\" ! fakesink",
               clip, model, policy, log, vtt);
  run_hysac(&run, "scan", "--model", model, "--precision", "fp32", "--json", "--out", out, "--policy", policy, clip, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(log, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint at = 0, scored = 0, by_rule = 0;
  for (guint i = 0; lines[i] != NULL; i++) {
    if (!is_type(lines[i], "frame") || strstr(lines[i], "\"origin\":\"scored\"") == NULL)
      continue;
    while (at < run.n_lines && !is_type(run.lines[at], "sample"))
      at++;
    assert_true(at < run.n_lines);
    g_autofree char *theirs = advice_of(lines[i]), *mine = advice_of(run.lines[at]);
    g_autofree char *verdict = json_text(lines[i], "verdict"), *verdict2 = json_text(run.lines[at], "verdict");
    assert_string_equal(theirs, mine);
    assert_string_equal(verdict, verdict2);
    by_rule += strstr(mine, "\"rules\":[]") == NULL;
    scored++;
    at++;
  }
  assert_true(scored > 10 && by_rule > 0 && by_rule < scored);
  g_autofree char *a = NULL, *b = NULL;
  assert_true(g_file_get_contents(vtt, &a, NULL, NULL) && g_file_get_contents(ours, &b, NULL, NULL));
  assert_non_null(strstr(a, "-->"));
  assert_string_equal(strstr(a, "hysac-1"), strstr(b, "hysac-1"));
  remove_folder(g_steal_pointer(&out));
  run_clear(&run);
}

static void
says_what_the_element_says(void **state)
{
  compare_with_element("");
  compare_with_element("\"confirm-k\": 2, \"confirm-n\": 3, \"min-duration\": \"300ms\", \"pre-roll\": \"80ms\", "
                       "\"post-roll\": \"120ms\",");
}

/* ------------------------------------------------------------------ what is told */

static guint
count(const char *text, const char *part)
{
  guint n = 0;
  for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
    n++;
  return n;
}

static void
rules_make_segments(void **state)
{
  Run run = { 0 };
  g_autofree char *policy = split_policy("split.json", ""), *out = in_folder("split");
  run_hysac(&run, "scan", "--model", model, COMMON, "--json", "--out", out, "--policy", policy, "--fail-on-unsafe", clip,
            NULL);
  assert_int_equal(run.code, 3);
  assert_non_null(strstr(run.lines[0], "\"concepts\":4,\"head\":[\"weapons\",\"blood\"],\"rules\":{\"violence\":\"lead above "));
  guint segments = 0, acts = 0, samples = 0, reached = 0;
  for (guint i = 0; i < run.n_lines; i++) {
    const char *line = run.lines[i];
    g_autofree char *verdict = is_type(line, "sample") || is_type(line, "segment") ? json_text(line, "verdict") : NULL;
    if (is_type(line, "sample")) {
      /* k = 1: a sample is redacted by a rule exactly where it reaches that. */
      const gboolean violence = nested(line, "violence", "lead") > lead, head = nested(line, "head", "score") >= score;
      g_autofree char *rules = g_strdup_printf("\"rules\":[%s%s%s]", violence ? "\"violence\"" : "",
                                               violence && head ? "," : "", head ? "\"head\"" : "");
      if (strstr(line, rules) == NULL)
        fail_msg("%s: %s", rules, line);
      assert_string_equal(verdict, violence || head ? "unsafe" : "safe");
      samples++;
      reached += violence || head;
    } else if (is_type(line, "segment")) {
      assert_string_equal(verdict, "unsafe");
      assert_null(strstr(line, "\"region\""));
      assert_null(strstr(line, "\"rules\":[]"));
      segments++;
    }
    acts += is_type(line, "rule");
  }
  assert_true(segments > 0 && acts >= segments && reached > 0 && reached < samples);
  const char *file = run.lines[run.n_lines - 2], *end = run.lines[run.n_lines - 1];
  assert_non_null(strstr(file, "\"verdict\":\"unsafe\""));
  assert_non_null(strstr(file, "\"rules\":[\"violence\",\"head\"],\"advisory\":{\"hate\":{\"concept\":\"<b>in & sult\",\"lead\":"));
  assert_non_null(strstr(end, "\"unsafe_by\":{\"region\":0,\"violence\":1,\"head\":1}"));

  g_autofree char *page = read_file(out, "report.html", NULL);
  for (guint i = 0; i < 2; i++)
    assert_non_null(strstr(page, i ? "the rule of head acts" : "the rule of violence acts"));
  assert_int_equal(count(page, "<rect") - count(page, "<rect width"), segments + acts);
  assert_non_null(strstr(page, "Files that are unsafe by region 0, violence 1, head 1."));
  assert_non_null(strstr(page, "violence, lead (advisory)"));
  assert_non_null(strstr(page, "class=\"lanes\""));
  assert_non_null(strstr(page, "&lt;b&gt;in &amp; sult"));
  assert_null(strstr(page, "<b>in"));
  assert_non_null(strstr(page, "data:image/png")); /* what a rule finds has its picture too */

  run_hysac(&run, "scan", "--model", model, COMMON, "--policy", policy, clip, NULL);
  assert_int_equal(run.code, 0);
  assert_true(g_str_has_prefix(run.out, "unsafe "));
  assert_true(strstr(run.out, "unsafe by violence") || strstr(run.out, "unsafe by head"));
  assert_non_null(strstr(run.out, "Files that are unsafe by region 0, violence 1, head 1\n"));
  run_clear(&run);
}

static void
the_region_is_told_beside_rules(void **state)
{
  Run run = { 0 };
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *members = g_strdup_printf("\"categories\": {\"violence\": {\"lead\": %s}}, %s",
                                             g_ascii_dtostr(number, sizeof number, lead), concepts);
  g_autofree char *policy = write_policy("both.json", members);
  /* Everything is beyond the bound. */
  run_hysac(&run, "scan", "--model", model, COMMON, "--json", "--bound", "1e-6", "--policy", policy, clip, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "\"rules\":[\"region\",\"violence\"]"));
  assert_non_null(strstr(run.out, "\"unsafe_by\":{\"region\":1,\"violence\":1}"));
  run_clear(&run);
}

/* Scores are shown without a policy, and change no verdict. */
static void
advice_alone(void **state)
{
  Run run = { 0 }, without = { 0 };
  g_autofree char *out = in_folder("advice"), *policy = write_policy("advice.json", concepts);
  run_hysac(&without, "scan", "--model", plain, COMMON, "--json", clip, NULL);
  assert_int_equal(without.code, 0);
  assert_non_null(strstr(without.out, "\"advisory\":null,\"rules\":[]"));
  assert_non_null(strstr(without.lines[0], "\"concepts\":null,\"head\":null,\"rules\":{}"));
  run_hysac(&run, "scan", "--model", model, COMMON, "--json", clip, NULL); /* its head */
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "\"advisory\":{\"head\":{\"label\":"));
  run_hysac(&run, "scan", "--model", plain, COMMON, "--json", "--out", out, "--policy", policy, clip, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "\"advisory\":{\"hate\":{\"concept\":\"<b>in & sult\","));
  g_autofree char *page = read_file(out, "report.html", NULL);
  assert_non_null(strstr(page, "no verdict here is theirs"));
  assert_non_null(strstr(page, "no rule acts by it"));
  assert_int_equal(run.n_lines, without.n_lines);
  for (guint i = 1; i < run.n_lines; i++) {
    const char *const keys[] = { "verdict", "reason" };
    for (guint k = 0; is_type(run.lines[i], "sample") && k < G_N_ELEMENTS(keys); k++) {
      g_autofree char *a = json_text(run.lines[i], keys[k]), *b = json_text(without.lines[i], keys[k]);
      assert_string_equal(a, b);
    }
  }
  run_clear(&run);
  run_clear(&without);
}

static void
what_cannot_be_measured_is_said_first(void **state)
{
  Run run = { 0 };
  g_autofree char *with_hate = g_strdup_printf("\"categories\": {\"illegal\": {\"cone\": 0}}, %s", concepts);
  const struct {
    const char *model, *members, *why;
    int code;
    const char *remedy;
  } cases[] = {
    { plain, "\"head\": {}", "head.safetensors", 1, "; `hysac fit --head`" },
    { plain, "\"categories\": {\"violence\": {\"cone\": 0}}", "threshold for violence", 1, "the policy's \"concepts\"" },
    { model, with_hate, "threshold for illegal", 1, "hysac concepts --file" },
    { model, "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"points\": [[1, 2]]}]", "have 2 numbers", 1,
      "leave the points out" },
    { model, "\"concepts\": [{\"name\": \"a\", \"category\": \"hate\", \"prompts\": [\"p\"]}]", "vocab", 1, NULL },
    { model, "\"categories\": {\"violence\": {\"cones\": 0}}", "categories.violence.cones is no key", 2, NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *policy = write_policy("bad.json", cases[i].members), *out = in_folder("never");
    run_hysac(&run, "scan", "--model", cases[i].model, COMMON, "--out", out, "--policy", policy, clip, NULL);
    expect_failure(&run, cases[i].code, cases[i].why, cases[i].remedy, NULL);
    if (cases[i].code == 1 && strstr(run.err, "make it anew"))
      fail_msg("the model is whole: %s", run.err);
    assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
  }
  run_clear(&run);
}

/* ------------------------------------------------------------------ stopped, and taken up again */

static guint
count_samples(const char *out)
{
  g_autofree char *path = state_path(out), *text = NULL;
  return path && g_file_get_contents(path, &text, NULL, NULL) ? count(text, "\"type\":\"sample\"") : 0;
}

static void
goes_on_where_it_was_stopped(void **state)
{
  Run run = { 0 };
  enum { FRAMES = 900 };
  g_autofree char *path = in_folder("long.mp4"), *out = in_folder("stopped"), *fresh = in_folder("fresh");
  g_autofree char *policy = split_policy("long.json", ""), *where = NULL, *kept = NULL;
  make_mp4(path, "snow", FRAMES);
  const char *argv[] = { g_getenv("HYSAC_TOOL"), "scan", "--model", model, "--precision", "fp32", "-i", "0", "--out",
                         out, "--policy", policy, path, NULL };
  GPid pid;
  int status;
  assert_true(g_spawn_async(NULL, (char **) argv, NULL,
                            G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                            NULL, &pid, NULL));
  while (count_samples(out) < 3) {
    g_usleep(2000);
    if (waitpid(pid, &status, WNOHANG) != 0)
      fail_msg("it ended before anybody stopped it");
  }
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_in_range(count_samples(out), 3, FRAMES - 1);
  run_hysac_v(&run, (char **) argv + 1);
  assert_int_equal(run.code, 0);
  assert_int_equal(count_samples(out), FRAMES); /* nothing was scored twice */
  argv[9] = fresh;
  run_hysac_v(&run, (char **) argv + 1);
  expect_same(out, fresh);
  /* Finished, and not read again. */
  argv[9] = out;
  run_hysac_v(&run, (char **) argv + 1);
  expect_same(out, fresh);
  /* A line whose scores are gone is none, nor is what follows it. */
  where = state_path(out);
  assert_true(g_file_get_contents(where, &kept, NULL, NULL));
  char *third = kept;
  for (guint i = 0; i < 3; i++)
    third = strchr(third, '\n') + 1;
  memcpy(strstr(third, "\"advisory\""), "\"advisorx\"", 10);
  assert_true(g_file_set_contents(where, kept, -1, NULL));
  run_hysac_v(&run, (char **) argv + 1);
  expect_same(out, fresh);
  run_clear(&run);
}

/* Another threshold of a category judges kept scores; other concepts, another threshold of the head (which says what is
 * told) and what an older program kept are scanned anew. All of them give what a scan in one go does. */
static void
another_policy_is_heeded(void **state)
{
  Run run = { 0 };
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *others = make_concepts(77), *cone = NULL, *other = NULL, *head = NULL, *out = in_folder("another");
  g_autofree char *first = split_policy("first.json", "");
  g_ascii_dtostr(number, sizeof number, score);
  cone = g_strdup_printf(ALL_SAFE "\"categories\": {\"violence\": {\"inner\": -100}}, \"head\": {\"threshold\": %s}, %s",
                         number, concepts);
  other = g_strdup_printf(ALL_SAFE "\"categories\": {\"violence\": {\"lead\": 0}}, \"head\": {\"threshold\": %s}, %s",
                          number, others);
  head = g_strdup_printf(ALL_SAFE "\"head\": {}, %s", concepts);
  run_hysac(&run, "scan", "--model", model, COMMON, "--out", out, "--policy", first, clip, NULL);
  assert_int_equal(run.code, 0);
  const char *const members[] = { cone, other, head, NULL };
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    g_autofree char *policy = members[i] ? write_policy("next.json", members[i]) : NULL, *fresh = in_folder("another-fresh");
    g_autofree char *where = state_path(out), *before = NULL, *after = NULL;
    assert_true(g_file_get_contents(where, &before, NULL, NULL));
    run_hysac(&run, "scan", "--model", model, COMMON, "--out", out, clip, policy ? "--policy" : NULL, policy, NULL);
    assert_int_equal(run.code, 0);
    assert_true(g_file_get_contents(where, &after, NULL, NULL));
    assert_int_equal(g_str_has_prefix(after, before), i == 0);
    run_hysac(&run, "scan", "--model", model, COMMON, "--out", fresh, clip, policy ? "--policy" : NULL, policy, NULL);
    expect_same(out, fresh);
    remove_folder(g_steal_pointer(&fresh));
  }
  run_clear(&run);
}

/* Where somebody fits a bound for a policy that has rules: it is told that those are not measured. */
static void
fit_takes_the_same_file(void **state)
{
  Run run = { 0 };
  g_autofree char *policy = split_policy("fit.json", ""), *copy = copy_model(folder, "fitted");
  run_hysac(&run, "fit", "--model", copy, "--safe", clip, "--policy", policy, "--json", NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.err, "note: "));
  assert_non_null(strstr(run.err, "rules of categories or the head"));
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(says_what_the_element_says),
    cmocka_unit_test(rules_make_segments),
    cmocka_unit_test(the_region_is_told_beside_rules),
    cmocka_unit_test(advice_alone),
    cmocka_unit_test(what_cannot_be_measured_is_said_first),
    cmocka_unit_test(goes_on_where_it_was_stopped),
    cmocka_unit_test(another_policy_is_heeded),
    cmocka_unit_test(fit_takes_the_same_file),
  };
  folder = make_folder();
  plain = data_path("reference/small/model");
  model = copy_model(folder, "model");
  write_head(model);
  concepts = make_concepts(5);
  clip = in_folder("clip.mp4");
  make_shots(clip, 25);
  find_thresholds();
  const int failed = cmocka_run_group_tests_name("scan_rules", tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
