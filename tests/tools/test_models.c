/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac on wrong models and wrong usage: one clear line, the right exit code, no crash. */

#include "runner.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>

static char *folder, *picture;

static int
set_up(void **state)
{
  folder = make_folder();
  picture = data_path("reference/small/images/3-48x40.png");
  return 0;
}

static int
tear_down(void **state)
{
  remove_folder(folder);
  g_free(picture);
  return 0;
}

static void
embed_fails(const char *model, const char *part, const char *other)
{
  Run run = { 0 };
  run_hysac(&run, "embed", "--model", model, picture, NULL);
  expect_failure(&run, 1, part, other, NULL);
  run_clear(&run);
}

static void
missing_model_is_named(void **state)
{
  g_autofree char *missing = g_build_filename(folder, "missing", NULL);
  embed_fails(missing, missing, "No such file");
  embed_fails(picture, "3-48x40.png", NULL); /* a file, not a folder */
  g_autofree char *no_weights = copy_model(folder, "no-weights");
  g_autofree char *weights = g_build_filename(no_weights, "model.safetensors", NULL);
  assert_int_equal(g_unlink(weights), 0);
  embed_fails(no_weights, weights, NULL);
}

static void
broken_json_is_named(void **state)
{
  static const char *const files[] = { "config.json", "preprocessor_config.json", "hysac.json" };
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *model = copy_model(folder, files[i]);
    write_file(model, files[i], "{ \"vision_config\": ", -1);
    embed_fails(model, files[i], NULL);
    write_file(model, files[i], "", 0);
    embed_fails(model, files[i], NULL);
  }
}

/* The weights with @n bytes at @offset replaced, or cut to @length where it is not 0. */
static void
damage(const char *name, gsize offset, const void *bytes, gsize n, gsize length, const char *part)
{
  g_autofree char *model = copy_model(folder, name);
  gsize size;
  g_autofree char *data = read_file(model, "model.safetensors", &size);
  assert_true(offset + n <= size);
  if (n > 0)
    memcpy(data + offset, bytes, n);
  write_file(model, "model.safetensors", data, (gssize) (length ? length : size));
  embed_fails(model, "model.safetensors", part);
}

static void
truncated_weights_are_refused(void **state)
{
  damage("cut-header", 0, NULL, 0, 5, NULL);
  damage("cut-json", 0, NULL, 0, 300, NULL);
  damage("cut-data", 0, NULL, 0, 500000, NULL);
  const guint8 large[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f };
  damage("large-header", 0, large, 8, 0, NULL);
}

/* Where tensor @name begins in the file. */
static gsize
find_tensor(const char *model, const char *name)
{
  g_autofree char *path = g_build_filename(model, "model.safetensors", NULL);
  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(path, NULL);
  assert_non_null(file);
  const HysacTensor *tensor = hysac_safetensors_lookup(file, name);
  assert_non_null(tensor);
  gsize size;
  g_autofree char *data = read_file(model, "model.safetensors", &size);
  for (gsize i = 0; i + tensor->n_bytes <= size; i++) {
    if (memcmp(data + i, tensor->data, MIN(tensor->n_bytes, 64)) == 0)
      return i;
  }
  fail_msg("%s is not in the file", name);
  return 0;
}

static void
weights_that_are_not_finite_are_refused(void **state)
{
  static const char *const names[] = { "vision_model.embeddings.patch_embedding.weight",
                                       "vision_model.encoder.layers.1.mlp.fc2.weight",
                                       "visual_projection.weight" };
  const guint8 nan[4] = { 0, 0, 0xc0, 0x7f }, infinity[4] = { 0, 0, 0x80, 0xff };
  g_autofree char *model = data_path("reference/small/model");
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    gsize at = find_tensor(model, names[i]);
    g_autofree char *a = g_strdup_printf("nan-%u", i);
    g_autofree char *b = g_strdup_printf("infinity-%u", i);
    damage(a, at, nan, 4, 0, names[i]);
    damage(b, at + 8, infinity, 4, 0, names[i]);
  }
}

/* Finite weights whose products are not: found by the first run, before any frame. */
static void
weights_that_overflow_are_refused(void **state)
{
  g_autofree char *model = data_path("reference/small/model");
  gsize at = find_tensor(model, "visual_projection.weight");
  guint8 huge[256];
  for (guint i = 0; i < sizeof huge; i += 4)
    memcpy(huge + i, (const guint8[4]) { 0xff, 0xff, 0x7f, 0x7f }, 4); /* FLT_MAX */
  g_autofree char *copy = copy_model(folder, "overflow");
  gsize size;
  g_autofree char *data = read_file(copy, "model.safetensors", &size);
  memcpy(data + at, huge, sizeof huge);
  write_file(copy, "model.safetensors", data, (gssize) size);
  embed_fails(copy, copy, "not finite");
}

/* They load, run, and call everything safe: only their hash tells. Pictures and texts, the second time too. */
static void
weights_of_another_model_are_refused(void **state)
{
  g_autofree char *copy = copy_demo(folder, "exchanged");
  const gsize at = find_tensor(copy, "vision_model.encoder.layers.0.mlp.fc1.weight");
  gsize size;
  g_autofree char *data = read_file(copy, "model.safetensors", &size);
  memset(data + at, 0, 4096);
  write_file(copy, "model.safetensors", data, (gssize) size);
  for (guint i = 0; i < 2; i++) {
    Run run = { 0 };
    embed_fails(copy, copy, "not those of hysac.json");
    run_hysac(&run, "embed", "--model", copy, "--text", "a red ball", NULL);
    expect_failure(&run, 1, copy, "not those of hysac.json", NULL);
    run_clear(&run);
  }
}

/* Of the caches' files and the driver's: what cannot be written is an error or does without, and no signal. */
static void
a_limit_of_files_sizes_is_no_end(void **state)
{
  g_autofree char *cache = g_build_filename(folder, "small-cache", NULL);
  struct rlimit old, small;
  Run run = { 0 };
  run_setenv("XDG_CACHE_HOME", cache);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = (struct rlimit) { 20000, old.rlim_max };
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  run_hysac(&run, "embed", "--model", "demo", picture, NULL);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  run_setenv("XDG_CACHE_HOME", NULL);
  assert_true(run.code == 0 || run.code == 1);
  assert_true(run.code == 0 ? run.n_lines == 1 : run.n_errors > 0);
  run_clear(&run);
}

static void
replace_in_config(const char *name, const char *from, const char *to, const char *part)
{
  g_autofree char *model = copy_model(folder, name);
  gsize size;
  g_autofree char *text = read_file(model, "config.json", &size);
  g_auto(GStrv) parts = g_strsplit(text, from, -1);
  if (g_strv_length(parts) < 2)
    fail_msg("config.json holds no %s", from);
  g_autofree char *changed = g_strjoinv(to, parts);
  write_file(model, "config.json", changed, -1);
  embed_fails(model, part, NULL);
}

static void
wrong_shapes_name_the_tensor(void **state)
{
  replace_in_config("narrow", "\"hidden_size\": 80", "\"hidden_size\": 40", "vision_model");
  replace_in_config("deep", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4", "layers.3");
  replace_in_config("wide", "\"intermediate_size\": 320", "\"intermediate_size\": 640", "fc1");
  replace_in_config("vast", "\"hidden_size\": 80", "\"hidden_size\": 2000000000", "config.json");
  replace_in_config("none", "\"hidden_size\": 80", "\"hidden_size\": 0", "config.json");
}

static void
wrong_usage_is_two(void **state)
{
  g_autofree char *model = data_path("reference/small/model");
  char *cases[][8] = {
    { (char *) "no-such-command" },
    { (char *) "help", (char *) "no-such-command" },
    { (char *) "embed", picture },
    { (char *) "embed", (char *) "--model", model },
    { (char *) "embed", (char *) "--model" },
    { (char *) "embed", (char *) "--no-such-option", picture },
    { (char *) "embed", (char *) "--model", model, (char *) "--precision", (char *) "fp8", picture },
    { (char *) "devices", (char *) "more" },
    { (char *) "devices", (char *) "--jsn" },
    { (char *) "fit", (char *) "--model", model },
    { (char *) "fit", (char *) "--safe", folder },
    { (char *) "fit", (char *) "--model", model, picture },
    { (char *) "fit", (char *) "--model", model, (char *) "--safe", folder,
      (char *) "--percentile=0" },
    { (char *) "fit", (char *) "--model", model, (char *) "--safe", folder,
      (char *) "--percentile=nan" },
  };
  Run run = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    run_hysac_v(&run, cases[i]);
    expect_failure(&run, 2, NULL);
  }
  run_hysac(&run, NULL);
  assert_int_equal(run.code, 2);
  assert_string_equal(run.out, "");
  assert_non_null(strstr(run.err, "Usage:"));
  run_clear(&run);
}

/* Cause and remedy, in one line on stderr and nothing on stdout, with --json too. */
static void
each_failure_names_its_remedy(void **state)
{
  g_autofree char *model = data_path("reference/small/model"), *missing = g_build_filename(folder, "nowhere", NULL),
                  *empty = g_build_filename(folder, "empty", NULL), *cut = copy_model(folder, "cut"),
                  *other = copy_model(folder, "other"), *strange = copy_model(folder, "strange"),
                  *refitted = copy_model(folder, "refitted"), *policy = g_build_filename(folder, "policy.json", NULL),
                  *config = read_file(strange, "config.json", NULL), *hysac = read_file(refitted, "hysac.json", NULL);
  assert_int_equal(g_mkdir(empty, 0700), 0);
  write_file(cut, "model.safetensors", "\x10", 1);
  g_autofree char *resized = g_strdup(strstr(hysac, "\"weights_size\": 1914308"));
  assert_non_null(resized);
  g_autofree char *head = g_strndup(hysac, (gsize) (strstr(hysac, resized) - hysac));
  g_autofree char *mixed = g_strconcat(head, "\"weights_size\": 1914309", resized + strlen("\"weights_size\": 1914308"), NULL);
  write_file(other, "hysac.json", mixed, -1);
  g_auto(GStrv) parts = g_strsplit(config, "\"model_type\": \"clip\"", -1);
  assert_true(g_strv_length(parts) >= 2);
  g_autofree char *bert = g_strjoinv("\"model_type\": \"bert\"", parts);
  write_file(strange, "config.json", bert, -1);
  write_file(folder, "policy.json", "{\"version\": 1, \"no-such-key\": 1}", -1);
  g_autofree char *misspelt = copy_model(folder, "misspelt"), *unbounded = copy_model(folder, "unbounded");
  g_auto(GStrv) of_hash = g_strsplit(hysac, "\"weights_sha256\"", -1), of_profile = g_strsplit(hysac, "\"profile\": null", -1);
  g_autofree char *wrong_hash = g_strjoinv("\"weights_sha265\"", of_hash),
                  *wrong_profile = g_strjoinv("\"profile\": {\"scale\": 1}", of_profile);
  write_file(misspelt, "hysac.json", wrong_hash, -1);
  write_file(unbounded, "hysac.json", wrong_profile, -1);
  const struct {
    const char *model, *device, *cause, *remedy;
  } cases[] = {
    { missing, NULL, "cannot open", "\"demo\"" },
    { empty, NULL, "cannot open", "training/convert.py" },
    { cut, NULL, "model.safetensors", "make it anew" },
    { other, NULL, "belongs to other weights", "make it anew" },
    { strange, NULL, "bert", "training/convert.py" },
    { misspelt, NULL, "weights_sha265 is no key", "; mend that file" },
    { unbounded, NULL, "bound is missing", "hysac fit" },
    { model, "no such device", "no such device", "hysac devices" },
  };
  static const char *const commands[] = { "classify", "bench" };
  Run run = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    for (guint k = 0; k < G_N_ELEMENTS(commands); k++) {
      const gboolean bench = g_str_equal(commands[k], "bench");
      run_hysac(&run, commands[k], "--model", cases[i].model, "--device", cases[i].device ? cases[i].device : "0",
                "--json", bench ? NULL : picture, NULL);
      expect_failure(&run, 1, cases[i].cause, cases[i].remedy, NULL);
    }
  run_hysac(&run, "tokenize", "--model", missing, "a text", NULL);
  expect_failure(&run, 1, "nowhere", "\"demo\"", NULL);
  static const char *const policies[] = { "no-such-key", "nowhere.json" };
  for (guint i = 0; i < G_N_ELEMENTS(policies); i++) {
    g_autofree char *path = i == 0 ? g_strdup(policy) : g_build_filename(folder, policies[i], NULL);
    run_hysac(&run, "fit", "--model", model, "--safe", folder, "--json", "--policy", path, NULL);
    expect_failure(&run, 2, policies[i], "docs/policy.md", NULL);
  }
  run_clear(&run);
}

static void
help_is_there(void **state)
{
  static const char *const commands[] = { "embed", "fit", "devices" };
  Run run = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
    run_hysac(&run, commands[i], "--help", NULL);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.err, "");
    assert_non_null(strstr(run.out, "Examples:"));
    assert_non_null(strstr(run.out, commands[i]));
    g_autofree char *before = g_strdup(run.out);
    run_hysac(&run, "help", commands[i], NULL);
    assert_int_equal(run.code, 0);
    assert_string_equal(run.out, before);
  }
  run_hysac(&run, "help", NULL);
  assert_int_equal(run.code, 0);
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    assert_non_null(strstr(run.out, commands[i]));
  run_hysac(&run, "--version", NULL);
  assert_int_equal(run.code, 0);
  assert_true(g_str_has_prefix(run.out, "hysac "));
  assert_int_equal(run.n_lines, 1);
  run_clear(&run);
}

static void
devices_lists_and_chooses(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "devices", "--json", NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.lines[0], "[");
  guint chosen = 0;
  for (guint i = 1; i + 1 < run.n_lines; i++) {
    g_autofree char *line = g_strdup(run.lines[i]);
    gsize n = strlen(line);
    if (line[n - 1] == ',')
      line[n - 1] = '\0';
    g_autofree char *name = json_text(line, "name");
    g_autofree char *why = json_text(line, "why");
    assert_true(name[0] && why[0]);
    assert_true((guint) json_number(line, "index") == i - 1);
    chosen += strstr(line, "\"chosen\":true") != NULL;
  }
  assert_int_equal(chosen, 1);
  run_hysac(&run, "devices", NULL);
  assert_int_equal(run.code, 0);
  assert_true(g_str_has_prefix(run.out, "* 0") || strstr(run.out, "\n* ") != NULL);
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(missing_model_is_named),
    cmocka_unit_test(broken_json_is_named),
    cmocka_unit_test(truncated_weights_are_refused),
    cmocka_unit_test(weights_that_are_not_finite_are_refused),
    cmocka_unit_test(weights_that_overflow_are_refused),
    cmocka_unit_test(weights_of_another_model_are_refused),
    cmocka_unit_test(a_limit_of_files_sizes_is_no_end),
    cmocka_unit_test(wrong_shapes_name_the_tensor),
    cmocka_unit_test(wrong_usage_is_two),
    cmocka_unit_test(each_failure_names_its_remedy),
    cmocka_unit_test(help_is_there),
    cmocka_unit_test(devices_lists_and_chooses),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
