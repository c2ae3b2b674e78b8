/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac concepts and hysac traverse: points kept with a model, and the way to the root from pictures and texts. */

#include "runner.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char concepts_text[] =
  "{\"version\": 1, \"concepts\": ["
  " {\"name\": \"blood\", \"category\": \"violence\", \"prompts\": [\"blood on the floor\", \"a wound <&>\"]},"
  " {\"name\": \"meadow\", \"safe\": true, \"prompts\": [\"a meadow\"]}]}";

static char *folder, *model, *concepts;

static int
setup(void **state)
{
  folder = make_folder();
  model = copy_text_model(folder, "model");
  write_file(folder, "concepts.json", concepts_text, -1);
  concepts = g_build_filename(folder, "concepts.json", NULL);
  return 0;
}

static int
teardown(void **state)
{
  g_free(concepts);
  g_free(model);
  remove_folder(folder);
  return 0;
}

static void
keeps_points_with_the_model(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "concepts", "--model", model, NULL);
  expect_failure(&run, 1, "no concepts", NULL);
  run_hysac(&run, "concepts", "--model", model, "--file", concepts, "--save", NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 2);
  g_autofree char *name = json_text(run.lines[0], "name"), *category = json_text(run.lines[0], "category");
  assert_string_equal(name, "blood");
  assert_string_equal(category, "violence");
  g_autofree float *kept = json_floats(run.lines[0], "distances", 2);

  /* The same as embed says of the prompts. */
  run_hysac(&run, "embed", "--model", model, "--text", "blood on the floor", "a wound <&>", NULL);
  assert_int_equal(run.code, 0);
  for (guint i = 0; i < 2; i++)
    assert_true(fabs(json_number(run.lines[i], "distance") - (double) kept[i]) < 1e-5);
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) loaded = hysac_model_load(model, &error);
  assert_non_null(loaded);
  HysacConcepts *read = hysac_model_get_concepts(loaded);
  assert_int_equal(hysac_concepts_get_count(read), 2);
  assert_true(hysac_concepts_is_complete(read));
  g_autofree float *point = json_floats(run.lines[0], "point", 48);
  for (guint i = 0; i < 48; i++)
    assert_true(fabs((double) point[i] - (double) hysac_concepts_get(read, 0)->points[i]) < 1e-6);
  assert_string_equal(hysac_concepts_get_weights_sha256(read), hysac_model_get_weights_sha256(loaded));

  /* A file of its own reads back, and a misspelt key is named. */
  g_autofree char *out = g_build_filename(folder, "out.json", NULL);
  run_hysac(&run, "concepts", "--model", model, "--out", out, NULL);
  assert_int_equal(run.code, 0);
  run_hysac(&run, "concepts", "--model", model, "--file", out, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 2);
  write_file(folder, "bad.json", "{\"version\": 1, \"concepts\": [{\"nam\": \"a\"}]}", -1);
  g_autofree char *bad = g_build_filename(folder, "bad.json", NULL);
  run_hysac(&run, "concepts", "--model", model, "--file", bad, NULL);
  expect_failure(&run, 1, "bad.json", "concepts[0].nam is no key", NULL);
  run_clear(&run);
}

/* Where no cone holds the point, one is named all the same, but at the root itself. */
static void
check_outside(JsonObject *step, gboolean end)
{
  if (end || !json_object_get_boolean_member(step, "root")) {
    assert_true(json_object_get_null_member(step, "outside"));
    return;
  }
  JsonObject *outside = json_object_get_object_member(step, "outside");
  const char *name = json_object_get_string_member(outside, "nearest");
  const gboolean blood = g_str_equal(name, "blood");
  assert_true(blood || g_str_equal(name, "meadow"));
  assert_int_equal(json_object_get_boolean_member(outside, "unsafe"), blood);
  assert_true(json_object_get_null_member(outside, "category") == !blood);
  assert_true(isfinite(json_object_get_double_member(outside, "inner")));
}

static void
check_way(const char *line, guint n_steps)
{
  g_autoptr(JsonNode) root = json_from_string(line, NULL);
  assert_non_null(root);
  JsonObject *object = json_node_get_object(root);
  JsonArray *steps = json_object_get_array_member(object, "steps");
  assert_int_equal(json_array_get_length(steps), n_steps);
  double before = INFINITY;
  for (guint i = 0; i < n_steps; i++) {
    JsonObject *step = json_array_get_object_element(steps, i);
    const double distance = json_object_get_double_member(step, "distance");
    assert_true(distance < before);
    before = distance;
    check_outside(step, i + 1 == n_steps);
  }
  JsonObject *last = json_array_get_object_element(steps, n_steps - 1);
  assert_true(json_object_get_boolean_member(last, "root"));
  assert_string_equal(json_object_get_string_member(last, "nearest"), "root");
  assert_true(before < 1e-6);
}

static void
goes_to_the_root(void **state)
{
  g_autofree char *picture = data_path("reference/small/images/0-320x240.png");
  g_autofree char *svg = g_build_filename(folder, "way.svg", NULL);
  Run run = { 0 };

  run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--json", picture, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 1);
  check_way(run.lines[0], 50);
  /* The small model's texts hold no picture in their cones: all that is told stands outside. */
  assert_non_null(strstr(run.lines[0], "\"outside\":{\"nearest\":"));
  run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--svg", svg, picture, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.lines[1], "  root; outside its cone: "));
  assert_true(g_str_has_suffix(run.lines[run.n_lines - 1], "  root"));
  g_autofree char *pale = read_file(folder, "way.svg", NULL);
  assert_non_null(strstr(pale, ">root; outside its cone: "));
  run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--json", picture, NULL);
  g_autofree double *distance = g_new(double, 1);
  *distance = json_number(run.lines[0], "distance");
  run_hysac(&run, "embed", "--model", model, picture, NULL);
  assert_true(fabs(json_number(run.lines[0], "distance") - *distance) < 1e-5);

  /* A text that is its own candidate: it is the nearest where the way begins, if its cone holds it, and the
   * root at the end; the picture names what the lines name. */
  write_file(folder, "texts.txt", "a red <ball>\na blue box\n", -1);
  g_autofree char *texts = g_build_filename(folder, "texts.txt", NULL);
  run_hysac(&run, "traverse", "--model", model, "--candidates", texts, "--text", "a red <ball>", "--svg", svg,
            "--steps", "12", NULL);
  assert_int_equal(run.code, 0);
  assert_true(run.n_lines >= 2);
  assert_non_null(strstr(run.lines[0], "a red <ball>: distance "));
  assert_non_null(strstr(run.lines[run.n_lines - 1], "root"));
  /* A text may be long, and holds what it likes. */
  g_autofree char *fifty = g_strnfill(50, 'z'), *longer = g_strconcat("a \x1b[31mred ball ", fifty, fifty, NULL);
  run_hysac(&run, "traverse", "--model", model, "--candidates", texts, "--text", longer, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_true(g_str_has_prefix(run.lines[0], "a \\x1b[31mred ball z") && strchr(run.out, '\x1b') == NULL);
  assert_non_null(strstr(run.lines[0], "z\xe2\x80\xa6: distance "));
  assert_null(strstr(run.lines[0], longer + 28));
  g_autofree char *drawn = read_file(folder, "way.svg", NULL);
  assert_true(g_str_has_prefix(drawn, "<svg "));
  assert_non_null(strstr(drawn, "a red &lt;ball&gt;"));
  assert_null(strstr(drawn, "<ball>"));
  g_autoptr(GError) error = NULL;
  const GMarkupParser nothing = { 0 };
  g_autoptr(GMarkupParseContext) parser = g_markup_parse_context_new(&nothing, 0, NULL, NULL);
  if (!g_markup_parse_context_parse(parser, drawn, -1, &error) || !g_markup_parse_context_end_parse(parser, &error))
    fail_msg("%s", error->message);
  run_clear(&run);
}

static void
says_what_is_wrong(void **state)
{
  g_autofree char *picture = data_path("reference/small/images/0-320x240.png");
  g_autofree char *plain = copy_model(folder, "plain");
  Run run = { 0 };

  run_hysac(&run, "traverse", "--model", model, NULL);
  expect_failure(&run, 2, "one picture or --text", NULL);
  run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--text", "a", "--text", "b", NULL);
  expect_failure(&run, 2, "one picture or --text", NULL);
  run_hysac(&run, "traverse", "--model", model, "--steps", "1", picture, NULL);
  expect_failure(&run, 2, "2 to 10000 steps", NULL);
  run_hysac(&run, "traverse", "--model", plain, picture, NULL);
  expect_failure(&run, 1, "no concepts", "--candidates", NULL);
  run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "missing.png", NULL);
  expect_failure(&run, 1, "missing.png", NULL);
  run_hysac(&run, "traverse", "--model", model, "--candidates", "missing.json", picture, NULL);
  expect_failure(&run, 1, "missing.json", NULL);
  run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--svg", "/nonexistent/way.svg", picture, NULL);
  expect_failure(&run, 1, "/nonexistent/way.svg", NULL);
  run_clear(&run);
}

/* The folder's concepts.json, where hysac.json has none and no other is named; never where something is judged. */
static void
takes_those_beside_the_model(void **state)
{
  g_autofree char *picture = data_path("reference/small/images/0-320x240.png");
  g_autofree char *beside = copy_text_model(folder, "beside");
  Run run = { 0 };

  run_hysac(&run, "traverse", "--model", beside, "--candidates", concepts, "--json", picture, NULL);
  assert_int_equal(run.code, 0);
  g_autofree char *named = g_strdup(run.out);
  run_hysac(&run, "concepts", "--model", beside, "--file", concepts, NULL);
  g_autofree char *listed = g_strdup(run.out);
  run_hysac(&run, "classify", "--model", beside, "--json", picture, NULL);
  g_autofree char *judged = g_strdup(run.out);
  assert_non_null(strstr(judged, "\"categories\":null"));

  write_file(beside, "concepts.json", concepts_text, -1);
  run_hysac(&run, "traverse", "--model", beside, "--json", picture, NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.out, named);
  run_hysac(&run, "traverse", "--model", beside, "--candidates", "concepts", "--json", picture, NULL);
  assert_string_equal(run.out, named);
  run_hysac(&run, "concepts", "--model", beside, NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.out, listed);
  run_hysac(&run, "classify", "--model", beside, "--json", picture, NULL);
  assert_string_equal(run.out, judged);

  run_hysac(&run, "concepts", "--model", beside, "--save", NULL);
  assert_int_equal(run.code, 0);
  write_file(beside, "concepts.json", "{\"version\": 1, \"concepts\": [{\"nam\": \"a\"}]}", -1);
  run_hysac(&run, "concepts", "--model", beside, NULL); /* hysac.json's are stronger */
  assert_int_equal(run.code, 0);
  assert_string_equal(run.out, listed);
  g_autofree char *broken = copy_text_model(folder, "broken");
  write_file(broken, "concepts.json", "{\"version\": 1, \"concepts\": [{\"nam\": \"a\"}]}", -1);
  run_hysac(&run, "traverse", "--model", broken, picture, NULL);
  expect_failure(&run, 1, "broken/concepts.json", "concepts[0].nam is no key", NULL);
  run_clear(&run);
}

/* What is no regular file stays what it is; a link stays one, and its file is written. */
static void
results_replace_only_files(void **state)
{
  g_autofree char *picture = data_path("reference/small/images/0-320x240.png");
  g_autofree char *pipe = g_build_filename(folder, "pipe", NULL), *link = g_build_filename(folder, "link", NULL);
  g_autofree char *nowhere = g_build_filename(folder, "nowhere", NULL);
  const char *const wrong[] = { pipe, folder, nowhere };
  Run run = { 0 };
  struct stat before, after;

  assert_int_equal(mkfifo(pipe, 0600), 0);
  assert_int_equal(symlink("missing", nowhere), 0);
  write_file(folder, "target", "old", -1);
  assert_int_equal(symlink("target", link), 0);
  for (guint i = 0; i < 2 * G_N_ELEMENTS(wrong); i++) {
    const char *path = wrong[i / 2];
    assert_int_equal(lstat(path, &before), 0);
    if (i % 2 == 0)
      run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--svg", path, picture, NULL);
    else
      run_hysac(&run, "concepts", "--model", model, "--file", concepts, "--out", path, NULL);
    expect_failure(&run, 1, path, "not written", NULL);
    assert_int_equal(lstat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode);
  }
  for (guint i = 0; i < 2; i++) {
    if (i == 0)
      run_hysac(&run, "traverse", "--model", model, "--candidates", concepts, "--svg", link, picture, NULL);
    else
      run_hysac(&run, "concepts", "--model", model, "--file", concepts, "--out", link, NULL);
    assert_int_equal(run.code, 0);
    assert_int_equal(lstat(link, &after), 0);
    assert_true(S_ISLNK(after.st_mode));
    gsize n;
    g_autofree char *written = read_file(folder, "target", &n);
    assert_true(g_str_has_prefix(written, i ? "{\"version\"" : "<svg"));
  }
  run_clear(&run);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(keeps_points_with_the_model),
    cmocka_unit_test(goes_to_the_root),
    cmocka_unit_test(says_what_is_wrong),
    cmocka_unit_test(takes_those_beside_the_model),
    cmocka_unit_test(results_replace_only_files),
  };
  return cmocka_run_group_tests_name("hysac traverse", tests, setup, teardown);
}
