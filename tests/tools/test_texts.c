/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac embed of texts and hysac tokenize: the reference's numbers and ids, files of texts, bad texts, and models
 * that cannot. */

#include "runner.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#define DIM 48
#define N_TEXTS 28

static char *model;

static double
relative(const float *got, const float *want, guint n)
{
  double error = 0, power = 0;
  for (guint i = 0; i < n; i++) {
    error += pow((double) got[i] - (double) want[i], 2);
    power += pow((double) want[i], 2);
  }
  return isnan(error) ? HUGE_VAL : sqrt(error / power);
}

static float *
expected(const char *name, guint n)
{
  g_autofree char *path = data_path("reference/small/expected/expected.safetensors");
  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(path, NULL);
  assert_non_null(file);
  const HysacTensor *tensor = hysac_safetensors_lookup(file, name);
  assert_non_null(tensor);
  assert_int_equal(tensor->n_elements, n);
  float *data = g_new(float, n);
  assert_true(hysac_tensor_read_f32(tensor, name, data, NULL));
  return data;
}

static JsonParser *
parse(const char *file)
{
  g_autofree char *path = data_path(file);
  JsonParser *parser = json_parser_new();
  assert_true(json_parser_load_from_file(parser, path, NULL));
  return parser;
}

/* @command --model … --reference [--text] and the reference's texts. */
static void
run_reference(Run *run, const char *command, const char *text_option)
{
  g_autoptr(JsonParser) file = parse("reference/small/texts.json");
  JsonArray *texts = json_node_get_array(json_parser_get_root(file));
  char *args[N_TEXTS + 7] = { (char *) command, (char *) "--model", model, (char *) "--reference" };
  guint n = 4;
  if (text_option != NULL)
    args[n++] = (char *) text_option;
  assert_int_equal(json_array_get_length(texts), N_TEXTS);
  for (guint i = 0; i < N_TEXTS; i++)
    args[n++] = (char *) json_array_get_string_element(texts, i);
  run_hysac_v(run, args);
  if (run->code != 0)
    fail_msg("%s", run->err);
  assert_string_equal(run->err, "");
  assert_int_equal(run->n_lines, N_TEXTS);
  for (guint i = 0; i < N_TEXTS; i++) {
    g_autofree char *input = json_text(run->lines[i], "input");
    assert_string_equal(input, json_array_get_string_element(texts, i));
  }
}

static void
embeds_as_the_reference(void **state)
{
  Run run = { 0 };
  run_reference(&run, "embed", "--text");
  g_autofree float *features = expected("text_features", N_TEXTS * DIM);
  g_autofree float *points = expected("text_points", N_TEXTS * DIM);
  g_autofree float *distances = expected("text_root_distance", N_TEXTS);
  for (guint i = 0; i < N_TEXTS; i++) {
    g_autofree float *feature = json_floats(run.lines[i], "features", DIM);
    g_autofree float *point = json_floats(run.lines[i], "point", DIM);
    assert_true(relative(feature, features + i * DIM, DIM) <= 1e-5);
    assert_true(relative(point, points + i * DIM, DIM) <= 1e-5);
    assert_true(fabs(json_number(run.lines[i], "distance") / (double) distances[i] - 1) <= 1e-5);
  }
  run_clear(&run);
}

static void
tokenizes_as_the_reference(void **state)
{
  Run run = { 0 };
  run_reference(&run, "tokenize", NULL);
  g_autoptr(JsonParser) file = parse("reference/small/expected.json");
  g_autoptr(JsonParser) vocab = parse("reference/small/model/vocab.json");
  JsonObject *names = json_node_get_object(json_parser_get_root(vocab));
  JsonArray *rows =
      json_object_get_array_member(json_node_get_object(json_parser_get_root(file)), "token_ids");
  for (guint i = 0; i < N_TEXTS; i++) {
    g_autoptr(JsonNode) root = json_from_string(run.lines[i], NULL);
    JsonArray *ids = json_object_get_array_member(json_node_get_object(root), "ids"),
              *tokens = json_object_get_array_member(json_node_get_object(root), "tokens"),
              *want = json_array_get_array_element(rows, i);
    assert_int_equal(json_array_get_length(ids), json_array_get_length(want));
    assert_int_equal(json_array_get_length(tokens), json_array_get_length(want));
    for (guint j = 0; j < json_array_get_length(want); j++) {
      assert_int_equal(json_array_get_int_element(ids, j), json_array_get_int_element(want, j));
      assert_int_equal(json_object_get_int_member(names, json_array_get_string_element(tokens, j)),
                       json_array_get_int_element(want, j));
    }
  }
  run_clear(&run);
}

/* More than are read at once, empty ones and lines of Windows among them; the last without an end. */
static void
reads_files(void **state)
{
  Run run = { 0 }, alone = { 0 };
  char *folder = make_folder();
  g_autoptr(GString) text = g_string_new("a cat\r\n\n");
  for (guint i = 2; i < 150; i++)
    g_string_append_printf(text, "%u%s", i, i < 149 ? "\n" : "");
  write_file(folder, "texts", text->str, (gssize) text->len);
  g_autofree char *path = g_build_filename(folder, "texts", NULL);
  run_hysac(&run, "embed", "--model", model, "--texts", path, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_int_equal(run.n_lines, 150);
  static const char *const some[] = { "a cat", "", "2", "64", "149" };
  static const guint at[] = { 0, 1, 2, 64, 149 };
  for (guint i = 0; i < G_N_ELEMENTS(some); i++) {
    run_hysac(&alone, "embed", "--model", model, "--text", some[i], NULL);
    assert_string_equal(run.lines[at[i]], alone.lines[0]);
  }
  g_autofree char *both = g_strdup_printf("--texts=%s", path);
  run_hysac(&alone, "tokenize", "--model", model, both, "first", NULL);
  assert_int_equal(alone.n_lines, 151);
  g_autofree char *first = json_text(alone.lines[0], "input"), *second = json_text(alone.lines[1], "input");
  assert_string_equal(first, "first");
  assert_string_equal(second, "a cat");
  remove_folder(folder);
  run_clear(&run);
  run_clear(&alone);
}

/* One --texts after another: none is left out, and each has its own lines. */
static void
reads_all_files(void **state)
{
  static const char *const inputs[] = { "first", "a", "b", "c" };
  Run run = { 0 };
  char *folder = make_folder();
  write_file(folder, "one", "a\nb\n", -1);
  write_file(folder, "two", "bad \xff\nc\n", -1);
  g_autofree char *one = g_build_filename(folder, "one", NULL), *two = g_build_filename(folder, "two", NULL);
  g_autofree char *missing = g_build_filename(folder, "missing", NULL), *where = g_strdup_printf("%s: line 1: ", two);
  for (guint k = 0; k < 2; k++) {
    if (k == 0)
      run_hysac(&run, "tokenize", "--model", model, "--texts", one, "--texts", missing, "--texts", two, "first", NULL);
    else
      run_hysac(&run, "embed", "--model", model, "--text", "first", "--texts", one, "--texts", missing, "--texts", two, NULL);
    assert_int_equal(run.code, 1);
    assert_int_equal(run.n_lines, G_N_ELEMENTS(inputs));
    assert_int_equal(run.n_errors, 2);
    assert_non_null(strstr(run.err, "missing: No such file"));
    assert_non_null(strstr(run.err, where));
    for (guint i = 0; i < G_N_ELEMENTS(inputs); i++) {
      g_autofree char *input = json_text(run.lines[i], "input");
      assert_string_equal(input, inputs[i]);
    }
  }
  remove_folder(folder);
  run_clear(&run);
}

/* In any locale; the others are still answered. */
static void
bad_texts_do_not_stop_the_rest(void **state)
{
  Run run = { 0 };
  char *folder = make_folder();
  write_file(folder, "texts", "good\n\xc3(\na\0b\nna\xc3\xafve\n", 18);
  g_autofree char *path = g_build_filename(folder, "texts", NULL);
  static const char *const commands[] = { "embed", "tokenize" };
  run_setenv("LC_ALL", "C");
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
    run_hysac(&run, commands[i], "--model", model, "--texts", path, NULL);
    assert_int_equal(run.code, 1);
    assert_int_equal(run.n_lines, 2);
    assert_int_equal(run.n_errors, 2);
    assert_non_null(strstr(run.err, "texts: line 2: the text is not UTF-8 at byte 0"));
    assert_non_null(strstr(run.err, "texts: line 3 holds a zero byte"));
    g_autofree char *last = json_text(run.lines[1], "input");
    assert_string_equal(last, "na\xc3\xafve");
  }
  run_hysac(&run, "embed", "--model", model, "--text", "na\xc3\xafve", "\xff", NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 1);
  run_setenv("LC_ALL", NULL);
  remove_folder(folder);
  run_clear(&run);
}

static void
long_texts_have_windows(void **state)
{
  Run run = { 0 };
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < 300; i++)
    g_string_append(text, i == 200 ? "man " : "cat ");
  run_hysac(&run, "embed", "--model", model, "--text", text->str, NULL);
  assert_int_equal(run.code, 0);
  assert_true(json_number(run.lines[0], "tokens") == 302);
  assert_true(json_number(run.lines[0], "windows") == 6); /* of 75, 50 apart */
  run_hysac(&run, "embed", "--model", model, "--reference", "--text", text->str, NULL);
  assert_true(json_number(run.lines[0], "tokens") == 77);
  assert_true(json_number(run.lines[0], "windows") == 1);
  run_clear(&run);
}

static void
refuses(void **state)
{
  Run run = { 0 };
  char *folder = make_folder();
  g_autofree char *copy = copy_model(folder, "model"); /* without vocabulary */
  run_hysac(&run, "embed", "--model", copy, "--text", "a", NULL);
  expect_failure(&run, 1, "vocab.json", "cannot open", NULL);
  run_hysac(&run, "tokenize", "--model", copy, "a", NULL);
  expect_failure(&run, 1, "vocab.json", "cannot open", NULL);
  run_hysac(&run, "embed", "--model", model, "--precision", "int8", "--text", "a", NULL);
  expect_failure(&run, 1, "texts are encoded in fp32", NULL);
  run_hysac(&run, "embed", "--model", model, "--texts", "/nonexistent", NULL);
  expect_failure(&run, 1, "/nonexistent", NULL);
  run_hysac(&run, "embed", "--text", "a", NULL);
  expect_failure(&run, 2, "needs --model", NULL);
  run_hysac(&run, "tokenize", "a", NULL);
  expect_failure(&run, 2, "needs --model", NULL);
  run_hysac(&run, "tokenize", "--model", model, NULL);
  expect_failure(&run, 2, "at least one text", NULL);
  /* A layer renamed: the tower is there, but not whole. */
  gsize n;
  g_autofree char *weights = read_file(copy, "model.safetensors", &n);
  char *name = g_strstr_len(weights + 8, (gssize) n - 8, "text_model.encoder.layers.1.mlp.fc1.bias");
  assert_non_null(name);
  name[strlen("text_model.encoder.layers.")] = '7';
  write_file(copy, "model.safetensors", weights, (gssize) n);
  run_hysac(&run, "embed", "--model", copy, "--text", "a", NULL);
  expect_failure(&run, 1, "text_model.encoder.layers.1.mlp.fc1.bias", "is missing", NULL);
  remove_folder(folder);
  run_clear(&run);
}

/* Weights without a text tower: pictures only. */
static void
no_text_tower(void **state)
{
  Run run = { 0 };
  char *folder = make_folder();
  g_autofree char *copy = copy_model(folder, "model");
  gsize n;
  g_autofree char *weights = read_file(copy, "model.safetensors", &n);
  for (char *p = weights + 8; (p = g_strstr_len(p, (gssize) n - (p - weights), "\"text_")) != NULL; p++)
    p[1] = 'n';
  write_weights(copy, weights, n);
  g_autofree char *image = data_path("reference/small/images/3-48x40.png");
  run_hysac(&run, "embed", "--model", copy, image, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 1);
  run_hysac(&run, "embed", "--model", copy, "--text", "a", NULL);
  expect_failure(&run, 1, copy, "has no text tower", NULL);
  remove_folder(folder);
  run_clear(&run);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(embeds_as_the_reference),
    cmocka_unit_test(tokenizes_as_the_reference),
    cmocka_unit_test(reads_files),
    cmocka_unit_test(reads_all_files),
    cmocka_unit_test(bad_texts_do_not_stop_the_rest),
    cmocka_unit_test(long_texts_have_windows),
    cmocka_unit_test(refuses),
    cmocka_unit_test(no_text_tower),
  };
  model = data_path("reference/small/model");
  int failed = cmocka_run_group_tests_name("texts", tests, NULL, NULL);
  g_free(model);
  return failed;
}
