/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac bench: every stage is measured, the numbers belong together, and wrong usage is said. No time is
 * judged. */

#include "runner.h"

#include "tools/busy.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

static char *model;

static int
set_up(void **state)
{
  model = data_path("reference/small/model");
  return 0;
}

static int
tear_down(void **state)
{
  g_free(model);
  return 0;
}

static void
all_stages_are_measured(void **state)
{
  static const char *const names[] = { "patch", "layernorm1", "qkv", "attention", "out", "layernorm2", "fc1", "fc2",
                                       "head" };
  Run run = { 0 };
  run_hysac(&run, "bench", "--model", model, "--precision", "fp32", "--batch", "2", "--rounds", "3", "--json", NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 1);
  g_autofree char *precision = json_text(run.lines[0], "precision"), *device = json_text(run.lines[0], "device"),
                  *kernels = json_text(run.lines[0], "kernels");
  assert_string_equal(precision, "fp32");
  assert_true(strlen(device) > 0);
  assert_non_null(strstr(kernels, "gemm"));
  assert_int_equal((int) json_number(run.lines[0], "batch"), 2);
  assert_int_equal((int) json_number(run.lines[0], "rounds"), 3);
  assert_true(json_number(run.lines[0], "peak_fp32") > 0.0);
  assert_true(json_number(run.lines[0], "memory") > 0.0);
  assert_true(json_number(run.lines[0], "preprocess_ms") > 0.0);
  double tower = json_number(run.lines[0], "tower_ms"), largest = 0.0;
  g_autoptr(JsonNode) node = json_from_string(run.lines[0], NULL);
  JsonArray *stages = json_object_get_array_member(json_node_get_object(node), "stages");
  assert_int_equal((int) json_array_get_length(stages), G_N_ELEMENTS(names));
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    JsonObject *stage = json_array_get_object_element(stages, i);
    double ms = json_object_get_double_member(stage, "ms"), gflop = json_object_get_double_member(stage, "gflop"),
           roofline = json_object_get_double_member(stage, "roofline_ms");
    assert_string_equal(json_object_get_string_member(stage, "name"), names[i]);
    assert_true(isfinite(ms) && ms > 0.0);
    assert_true(gflop > 0.0);
    assert_true(roofline > 0.0);
    largest = MAX(largest, ms);
  }
  /* The median of the sums is no less than half of a stage's median: at least half of three rounds took
   * that long. */
  assert_true(tower >= largest / 2.0);
  run_clear(&run);
}

static void
the_table_has_a_line_a_stage(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "bench", "--model", model, "--rounds", "1", NULL);
  assert_int_equal(run.code, 0);
  static const char *const words[] = { "device ", "kernels ", "peaks ", "  preprocess ", "  qkv ", "  fc2 ", "  tower " };
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    assert_non_null(strstr(run.out, words[i]));
  assert_null(strstr(run.out, ";\n"));
  assert_non_null(strstr(run.out, " GFLOP/s; "));
  run_clear(&run);
}

/* Which share others had: of numbers, not of this machine. */
static void
others_are_told_from_this(void **state)
{
  ToolTimes begin = { 0 }, end = { 0 };
  assert_false(tool_times_parse("intr 1 2 3", 0.01, &begin));
  assert_false(tool_times_parse("", 0.01, &begin));
  assert_true(tool_times_parse("cpu  100 20 30 1000 50 0 0 0 0 0\ncpu0 1 2 3 4\n", 0.01, &begin));
  assert_true(fabs(begin.all - 12.0) < 1e-9 && fabs(begin.idle - 10.5) < 1e-9);
  /* 10 s more of two processors: 8 in user, 4 stolen, 7 idle, 1 waiting. */
  assert_true(tool_times_parse("cpu  900 20 30 1700 150 0 0 400 0 0\n", 0.01, &end));
  end.own = begin.own + 6.0;
  assert_true(fabs(tool_times_others(&begin, &end) - 6.0 / 20.0) < 1e-9);
  end.own = begin.own + 13.0; /* clocks differ by a little */
  assert_true(tool_times_others(&begin, &end) == 0.0);
  assert_true(tool_times_others(&begin, &begin) == -1.0);
}

/* Whatever the machine was doing: what is said on stderr and in the JSON is the same, and it is what the figures say. */
static void
figures_in_doubt_are_said(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "bench", "--model", model, "--precision", "fp32", "--rounds", "3", "--json", NULL);
  assert_int_equal(run.code, 0);
  g_autoptr(JsonNode) node = json_from_string(run.lines[0], NULL);
  JsonObject *object = json_node_get_object(node);
  JsonArray *warnings = json_object_get_array_member(object, "warnings"), *stages = json_object_get_array_member(object, "stages");
  gboolean beyond = FALSE;
  for (guint i = 0; i < json_array_get_length(stages); i++) {
    JsonObject *stage = json_array_get_object_element(stages, i);
    beyond = beyond || json_object_get_double_member(stage, "roofline_ms") > 1.05 * json_object_get_double_member(stage, "ms");
  }
  assert_true(json_object_has_member(object, "others"));
  const double others =
      json_object_get_null_member(object, "others") ? -1.0 : json_object_get_double_member(object, "others");
  assert_true(others <= 1.0);
  const guint n = (others > 0.1) + beyond;
  assert_int_equal(json_array_get_length(warnings), n);
  assert_int_equal(json_object_get_boolean_member(object, "trusted"), n == 0);
  assert_int_equal(run.n_errors, n);
  for (guint i = 0; i < n; i++)
    assert_non_null(strstr(run.err, json_array_get_string_element(warnings, i)));
  if (n > 0)
    assert_non_null(strstr(run.err, "do not trust"));
  run_clear(&run);
}

static void
wrong_usage_is_said(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "bench", NULL);
  expect_failure(&run, 2, "--model", NULL);
  run_hysac(&run, "bench", "--model", model, "--precision", "fp33", NULL);
  expect_failure(&run, 2, "--precision", "fp33", NULL);
  run_hysac(&run, "bench", "--model", model, "--batch", "0", NULL);
  expect_failure(&run, 2, "--batch", NULL);
  run_hysac(&run, "bench", "--model", model, "--rounds", "1001", NULL);
  expect_failure(&run, 2, "--rounds", NULL);
  run_hysac(&run, "bench", "--model", model, "more", NULL);
  expect_failure(&run, 2, "more", NULL);
  run_hysac(&run, "bench", "--model", "/nonexistent", NULL);
  expect_failure(&run, 1, "/nonexistent", NULL);
  run_hysac(&run, "bench", "--model", model, "--device", "no such device", NULL);
  expect_failure(&run, 1, "no such device", NULL);
  run_hysac(&run, "help", "bench", NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "hysac bench --model demo"));
  run_clear(&run);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(all_stages_are_measured),
    cmocka_unit_test(the_table_has_a_line_a_stage),
    cmocka_unit_test(others_are_told_from_this),
    cmocka_unit_test(figures_in_doubt_are_said),
    cmocka_unit_test(wrong_usage_is_said),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
