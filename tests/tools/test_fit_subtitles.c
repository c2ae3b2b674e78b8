/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit --texts on subtitles against hysactext on the same file: what the profile says of a bound, of false
 * positives and of recall, is what the element does with it, joined cues included. */

#include "clips.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#define N_CUES 96

static char *folder, *safe, *unsafe;

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

/* A cue every two seconds, with a pause of twenty before each tenth. */
static char *
write_film(const char *name, const char *const *things, guint n_things)
{
  static const char *const colours[] = { "red", "blue", "green", "yellow", "black", "white", "purple" };
  static const char *const places[] = { "", " on a table", " in a <i>garden</i>", " beside a dog", " under a tree" };
  g_autoptr(GString) text = g_string_new(NULL);
  guint at = 0;
  for (guint i = 0; i < N_CUES; i++, at += i % 10 == 0 ? 20 : 2)
    g_string_append_printf(text, "%u\n00:%02u:%02u,000 --> 00:%02u:%02u,500\na %s %s%s\n\n", i + 1, at / 60, at % 60,
                           (at + 1) / 60, (at + 1) % 60, colours[i % 7], things[(i * i / 3) % n_things], places[i % 5]);
  write_file(folder, name, text->str, (gssize) text->len);
  return in_folder(name);
}

static int
set_up(void **state)
{
  static const char *const good[] = { "ball", "box", "house", "tree", "bird", "balloon", "spoon", "star", "camera" };
  static const char *const bad[] = { "knife", "ball", "gun", "skull", "box", "coffin", "house" };
  folder = make_folder();
  safe = write_film("safe.srt", good, G_N_ELEMENTS(good));
  unsafe = write_film("unsafe.srt", bad, G_N_ELEMENTS(bad));
  return 0;
}

static int
tear_down(void **state)
{
  g_free(safe);
  g_free(unsafe);
  remove_folder(folder);
  return 0;
}

typedef struct {
  guint texts, unsafe, joined;
  double bound;
} Seen;

/* What hysactext makes of a file, with all its defaults but the action and @more. */
static Seen
watch(const char *model, const char *film, const char *more)
{
  static guint n;
  Seen seen = { 0 };
  g_autofree char *name = g_strdup_printf("%u.jsonl", n++), *log = in_folder(name);
  run_pipeline("filesrc location=\"%s\" ! subparse ! hysactext model=\"%s\" action=tag verdict-log=\"%s\" %s ! fakesink",
               film, model, log, more);
  gsize size;
  g_autofree char *text = read_file(folder, name, &size);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    if (!g_str_has_prefix(*line, "{\"type\":\"text\""))
      continue;
    g_autofree char *verdict = json_text(*line, "verdict"), *origin = json_text(*line, "origin");
    assert_non_null(strstr(*line, "\"calibrated\":true"));
    seen.texts++;
    seen.unsafe += strcmp(verdict, "unsafe") == 0;
    seen.joined += strcmp(verdict, "unsafe") == 0 && strcmp(origin, "joined") == 0;
    seen.bound = json_number(*line, "bound");
  }
  return seen;
}

static JsonObject *
fitted(const JsonNode *node)
{
  return json_member(json_node_get_object((JsonNode *) node), "profile");
}

static void
rates_are_the_element_s(void **state)
{
  static const char *const percentiles[] = { "98", "90", "50" };
  Run run = { 0 };
  guint joined = 0;
  for (guint i = 0; i < G_N_ELEMENTS(percentiles); i++) {
    g_autofree char *name = g_strdup_printf("at-%s", percentiles[i]), *model = copy_demo(folder, name);
    run_hysac(&run, "fit", "--model", model, "--texts", safe, "--unsafe-texts", unsafe, "--percentile", percentiles[i],
              "--json", NULL);
    g_autoptr(JsonNode) node = json_output(&run);
    JsonObject *profile = fitted(node), *of = json_member(profile, "safe"), *kept = json_member(profile, "joined");
    const double above = json_object_get_double_member(of, "above");
    const double recall = json_object_get_double_member(json_member(profile, "unsafe"), "recall");
    const Seen benign = watch(model, safe, ""), bad = watch(model, unsafe, "");
    print_message("# percentile %s: fit says %.4f and %.4f; hysactext flags %u of %u (%u joined) and %u of %u (%u joined)\n",
                  percentiles[i], above, recall, benign.unsafe, benign.texts, benign.joined, bad.unsafe, bad.texts,
                  bad.joined);
    assert_int_equal(json_object_get_int_member(of, "count"), N_CUES);
    assert_int_equal(json_object_get_int_member(kept, "buffers"), 3);
    assert_true(json_object_get_int_member(kept, "gap_ns") == 10 * G_GINT64_CONSTANT(1000000000));
    assert_true(benign.bound == json_object_get_double_member(profile, "bound"));
    assert_true(benign.texts == N_CUES && bad.texts == N_CUES);
    assert_true(fabs(above * N_CUES - benign.unsafe) < 1e-6);
    assert_true(fabs(recall * N_CUES - bad.unsafe) < 1e-6);
    assert_true(benign.unsafe > 0 && above <= 1 - g_ascii_strtod(percentiles[i], NULL) / 100 + 1.0 / N_CUES);
    joined += benign.joined;
  }
  assert_true(joined > 0); /* else joining is not what has been tried */
  run_clear(&run);
}

/* A bound of single cues does not hold where the element joins: more lies above it than it says. */
static void
bound_covers_joined_cues(void **state)
{
  Run run = { 0 };
  double bounds[2];
  for (guint i = 0; i < 2; i++) {
    g_autofree char *model = copy_demo(folder, i ? "single" : "joined");
    run_hysac(&run, "fit", "--model", model, "--texts", safe, "--percentile", "50", "--json",
              i ? "--join-buffers" : NULL, "1", NULL);
    g_autoptr(JsonNode) node = json_output(&run);
    JsonObject *profile = fitted(node);
    bounds[i] = json_object_get_double_member(profile, "bound");
    assert_int_equal(json_object_has_member(profile, "joined"), i == 0);
    const Seen seen = watch(model, safe, ""), alone = watch(model, safe, "join-buffers=1");
    if (i == 0) {
      assert_int_equal(seen.unsafe, N_CUES / 2);
      assert_true(alone.unsafe < seen.unsafe && seen.joined > 0);
    } else {
      assert_int_equal(alone.unsafe, N_CUES / 2);
      assert_true(seen.unsafe > alone.unsafe && seen.joined > 0);
    }
  }
  assert_true(bounds[0] > bounds[1]);
  run_clear(&run);
}

/* As the element's properties: how many, and how far apart. */
static void
joining_is_as_asked(void **state)
{
  static const struct {
    const char *buffers, *gap, *properties;
  } cases[] = {
    { "2", "10s", "join-buffers=2" },
    { "5", "30s", "join-buffers=5 join-gap=30000000000" },
    { "3", "500ms", "join-gap=500000000" }, /* nothing is that near */
    { "16", "0", "join-buffers=16 join-gap=0" },
  };
  Run run = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *name = g_strdup_printf("asked-%u", i), *model = copy_demo(folder, name);
    run_hysac(&run, "fit", "--model", model, "--texts", safe, "--false-positives", "20", "--join-buffers",
              cases[i].buffers, "--join-gap", cases[i].gap, "--json", NULL);
    g_autoptr(JsonNode) node = json_output(&run);
    const double above = json_object_get_double_member(json_member(fitted(node), "safe"), "above");
    const Seen seen = watch(model, safe, cases[i].properties);
    assert_true(fabs(above * N_CUES - seen.unsafe) < 1e-6);
    assert_true(above <= 0.2 && above > 0);
    assert_true(i < 2 || seen.joined == 0);
  }
  run_clear(&run);
}

static void
lines_are_not_joined(void **state)
{
  Run run = { 0 };
  g_autofree char *model = copy_demo(folder, "lines"), *lines = in_folder("lines.txt");
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < 30; i++)
    g_string_append_printf(text, "a red ball number %u\n", i);
  write_file(folder, "lines.txt", text->str, (gssize) text->len);
  run_hysac(&run, "fit", "--model", model, "--texts", lines, NULL);
  assert_int_equal(run.code, 0);
  assert_null(strstr(run.out, "joined"));
  run_hysac(&run, "fit", "--model", model, "--texts", safe, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "\njoined             up to 3 cues in a row that begin at most 10 s apart, beside each alone\n"));
  run_clear(&run);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(rates_are_the_element_s),
    cmocka_unit_test(bound_covers_joined_cues),
    cmocka_unit_test(joining_is_as_asked),
    cmocka_unit_test(lines_are_not_joined),
  };
  return cmocka_run_group_tests_name("fit subtitles", tests, set_up, tear_down);
}
