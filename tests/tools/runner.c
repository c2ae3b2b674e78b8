/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runner.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>

static char **environment;

void
run_setenv(const char *name, const char *value)
{
  if (environment == NULL)
    environment = g_get_environ();
  environment = value ? g_environ_setenv(environment, name, value, TRUE)
                      : g_environ_unsetenv(environment, name);
}

void
run_clear(Run *run)
{
  g_free(run->out);
  g_free(run->err);
  g_strfreev(run->lines);
  *run = (Run) { 0 };
}

static char **
split_lines(const char *text, guint *n)
{
  char **lines = g_strsplit(text, "\n", -1);
  *n = g_strv_length(lines);
  if (*n > 0 && lines[*n - 1][0] == '\0')
    g_clear_pointer(&lines[--*n], g_free);
  return lines;
}

static gboolean
take_out_building(char *err)
{
  static const char note[] = "hysac: building programs for ";
  char *at = strstr(err, note), *end = at ? strchr(at, '\n') : NULL;
  if (end == NULL || (at != err && at[-1] != '\n'))
    return FALSE;
  memmove(at, end + 1, strlen(end + 1) + 1);
  return TRUE;
}

void
run_hysac_v(Run *run, char **args)
{
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_autoptr(GError) error = NULL;
  int status;
  g_ptr_array_add(argv, (char *) g_getenv("HYSAC_TOOL"));
  for (guint i = 0; args[i] != NULL; i++)
    g_ptr_array_add(argv, args[i]);
  g_ptr_array_add(argv, NULL);
  run_clear(run);
  if (!g_spawn_sync(NULL, (char **) argv->pdata, environment, 0, NULL, NULL, &run->out, &run->err,
                    &status, &error))
    fail_msg("%s", error->message);
  run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  run->lines = split_lines(run->out, &run->n_lines);
  run->built = take_out_building(run->err);
  g_auto(GStrv) errors = split_lines(run->err, &run->n_errors);
}

void
run_hysac(Run *run, ...)
{
  g_autoptr(GPtrArray) args = g_ptr_array_new();
  va_list list;
  va_start(list, run);
  char *arg;
  while ((arg = va_arg(list, char *)) != NULL)
    g_ptr_array_add(args, arg);
  va_end(list);
  g_ptr_array_add(args, NULL);
  run_hysac_v(run, (char **) args->pdata);
}

void
expect_failure(const Run *run, int code, ...)
{
  if (run->code != code)
    fail_msg("exit code %d, not %d: %s", run->code, code, run->err);
  if (run->out[0] != '\0')
    fail_msg("printed: %s", run->out);
  /* Of the demo model, and of its copies, a note comes first. */
  const guint notes = g_str_has_prefix(run->err, "hysac: note: the demo model ") ? 1 : 0;
  if (run->n_errors != 1 + notes || !g_str_has_prefix(run->err, "hysac: "))
    fail_msg("not one line of \"hysac: \": %s", run->err);
  va_list list;
  const char *part;
  va_start(list, code);
  while ((part = va_arg(list, const char *)) != NULL) {
    if (strstr(run->err, part) == NULL)
      fail_msg("\"%s\" is not in: %s", part, run->err);
  }
  va_end(list);
}

static JsonNode *
member(JsonParser *parser, const char *line, const char *key)
{
  g_autoptr(GError) error = NULL;
  if (!json_parser_load_from_data(parser, line, -1, &error))
    fail_msg("%s: %s", error->message, line);
  JsonNode *root = json_parser_get_root(parser);
  assert_true(JSON_NODE_HOLDS_OBJECT(root));
  JsonNode *node = json_object_get_member(json_node_get_object(root), key);
  if (node == NULL)
    fail_msg("no \"%s\" in %s", key, line);
  return node;
}

double
json_number(const char *line, const char *key)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  JsonNode *node = member(parser, line, key);
  return JSON_NODE_HOLDS_NULL(node) ? (double) NAN : json_node_get_double(node);
}

char *
json_text(const char *line, const char *key)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  return json_node_dup_string(member(parser, line, key));
}

float *
json_floats(const char *line, const char *key, guint n)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  JsonNode *node = member(parser, line, key);
  assert_true(JSON_NODE_HOLDS_ARRAY(node));
  JsonArray *array = json_node_get_array(node);
  assert_int_equal(json_array_get_length(array), n);
  float *values = g_new(float, n);
  for (guint i = 0; i < n; i++)
    values[i] = (float) json_array_get_double_element(array, i);
  return values;
}

char *
data_path(const char *name)
{
  return g_build_filename(g_getenv("HYSAC_TEST_DATA"), name, NULL);
}

char *
make_folder(void)
{
  char *path = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  assert_non_null(path);
  return path;
}

void
remove_folder(char *path)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    char *below = g_build_filename(path, name, NULL);
    if (g_file_test(below, G_FILE_TEST_IS_DIR) && !g_file_test(below, G_FILE_TEST_IS_SYMLINK)) {
      remove_folder(below);
    } else {
      g_remove(below);
      g_free(below);
    }
  }
  g_rmdir(path);
  g_free(path);
}

char *
read_file(const char *dir, const char *name, gsize *length)
{
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autoptr(GError) error = NULL;
  char *data;
  if (!g_file_get_contents(path, &data, length, &error))
    fail_msg("%s", error->message);
  return data;
}

void
write_file(const char *dir, const char *name, const void *data, gssize length)
{
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autoptr(GError) error = NULL;
  if (!g_file_set_contents(path, data, length, &error))
    fail_msg("%s", error->message);
}

char *
judge(const char *model, const char *path, int code)
{
  Run run = { 0 };
  run_hysac(&run, "classify", "--model", model, "--json", path, NULL);
  if (run.code != code || run.n_lines != 1)
    fail_msg("%s: exit code %d, %u lines: %s", path, run.code, run.n_lines, run.err);
  char *line = g_strdup(run.lines[0]);
  run_clear(&run);
  return line;
}

void
write_weights(const char *model, const char *data, gsize size)
{
  g_autofree char *stated = read_file(model, "hysac.json", NULL);
  g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) data, size);
  g_autoptr(GRegex) member = g_regex_new("(\"weights_sha256\": *\")[0-9a-f]{64}", 0, 0, NULL);
  g_autofree char *by = g_strdup_printf("\\g<1>%s", hash), *new = g_regex_replace(member, stated, -1, 0, by, 0, NULL);
  assert_string_not_equal(new, stated);
  write_file(model, "hysac.json", new, -1);
  write_file(model, "model.safetensors", data, (gssize) size);
}

void
write_turned(const char *dir, const char *name, const char *data, gsize size, guint8 orientation)
{
  const guint8 mark[] = { 0xff, 0xe1, 0, 34,  'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8,           0, 0, 0,
                          1,    0,    18, 1,  3,   0,   1,   0,   0, 0, orientation, 0,  0,  0, 0, 0, 0, 0 };
  g_autofree char *all = g_malloc(size + sizeof mark);
  memcpy(all, data, 2);
  memcpy(all + 2, mark, sizeof mark);
  memcpy(all + 2 + sizeof mark, data + 2, size - 2);
  write_file(dir, name, all, (gssize) (size + sizeof mark));
}

guint32
png_sum(const guint8 *bytes, gsize n)
{
  guint32 sum = 0xffffffff;
  for (gsize i = 0; i < n; i++) {
    sum ^= bytes[i];
    for (guint k = 0; k < 8; k++)
      sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
  }
  return ~sum;
}

void
write_turned_png(const char *dir, const char *name, const char *data, gsize size, guint8 orientation, gboolean last)
{
  guint8 chunk[] = { 0, 0, 0, 26, 'e', 'X', 'I', 'f', 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0,
                     orientation, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  const gsize at = last ? size - 12 : 8 + 25; /* IEND; IHDR */
  const guint32 sum = GUINT32_TO_BE(png_sum(chunk + 4, sizeof chunk - 8));
  g_autofree char *all = g_malloc(size + sizeof chunk);
  memcpy(chunk + sizeof chunk - 4, &sum, 4);
  memcpy(all, data, at);
  memcpy(all + at, chunk, sizeof chunk);
  memcpy(all + at + sizeof chunk, data + at, size - at);
  write_file(dir, name, all, (gssize) (size + sizeof chunk));
}

static char *
copy_files(const char *from, const char *folder, const char *name, const char *const *files)
{
  char *to = g_build_filename(folder, name, NULL);
  assert_int_equal(g_mkdir_with_parents(to, 0700), 0);
  for (guint i = 0; files[i] != NULL; i++) {
    gsize size;
    g_autofree char *data = read_file(from, files[i], &size);
    write_file(to, files[i], data, (gssize) size);
  }
  return to;
}

/* The first four are what a model of pictures needs. */
static const char *const model_files[] = { "config.json", "preprocessor_config.json", "hysac.json", "model.safetensors",
                                           "vocab.json", "merges.txt", NULL };

char *
copy_model(const char *folder, const char *name)
{
  const char *const files[] = { model_files[0], model_files[1], model_files[2], model_files[3], NULL };
  g_autofree char *from = data_path("reference/small/model");
  return copy_files(from, folder, name, files);
}

char *
copy_text_model(const char *folder, const char *name)
{
  g_autofree char *from = data_path("reference/small/model");
  return copy_files(from, folder, name, model_files);
}

char *
copy_demo(const char *folder, const char *name)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *from = hysac_model_resolve("demo", &error);
  if (from == NULL)
    fail_msg("%s", error->message);
  return copy_files(from, folder, name, model_files);
}

JsonNode *
json_output_with(const Run *run, int code)
{
  g_autoptr(GError) error = NULL;
  if (run->code != code)
    fail_msg("%d: %s", run->code, run->err);
  JsonNode *node = json_from_string(run->out, &error);
  if (node == NULL)
    fail_msg("%s: %s", error->message, run->out);
  return node;
}

JsonNode *
json_output(const Run *run)
{
  return json_output_with(run, 0);
}

JsonObject *
json_member(JsonObject *object, const char *key)
{
  if (!json_object_has_member(object, key))
    fail_msg("no %s", key);
  return json_object_get_object_member(object, key);
}
