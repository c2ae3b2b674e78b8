/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scans.h"

#include <string.h>

gboolean
is_type(const char *line, const char *type)
{
  g_autofree char *begin = g_strdup_printf("{\"type\":\"%s\",", type);
  return g_str_has_prefix(line, begin);
}

const char *
line_of(const Run *run, const char *type, const char *name)
{
  for (guint i = 0; i < run->n_lines; i++) {
    if (!is_type(run->lines[i], type))
      continue;
    g_autofree char *file = json_text(run->lines[i], "name");
    if (g_str_has_suffix(file, name))
      return run->lines[i];
  }
  fail_msg("no %s line of %s in %s", type, name, run->out);
  return NULL;
}

void
expect_file(const Run *run, const char *name, const char *verdict, const char *status, const char *error)
{
  const char *line = line_of(run, "file", name);
  g_autofree char *v = json_text(line, "verdict"), *s = json_text(line, "status");
  g_autofree char *e = json_text(line, "error");
  if (strcmp(v, verdict) != 0 || strcmp(s, status) != 0)
    fail_msg("%s is %s and %s, not %s and %s: %s", name, v, s, verdict, status, e ? e : "");
  if (error != NULL && (e == NULL || strstr(e, error) == NULL))
    fail_msg("%s: \"%s\" is not in \"%s\"", name, error, e ? e : "");
  if (error == NULL && e != NULL)
    fail_msg("%s: %s", name, e);
}

void
expect_same(const char *a, const char *b)
{
  static const char *const names[] = { "scan.jsonl", "report.html" };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *x = read_file(a, names[i], NULL), *y = read_file(b, names[i], NULL);
    assert_string_equal(x, y);
  }
}

static int
compare_doubles(gconstpointer a, gconstpointer b)
{
  return *(const double *) a < *(const double *) b ? -1 : 1;
}

double
middle(GArray *values)
{
  const double *v = (const double *) (void *) values->data;
  assert_true(values->len > 20);
  g_array_sort(values, compare_doubles);
  guint best = values->len / 4;
  for (guint i = best; i < values->len * 3 / 4; i++)
    best = v[i + 1] - v[i] > v[best + 1] - v[best] ? i : best;
  assert_true(v[best + 1] - v[best] > 1e-6);
  return (v[best] + v[best + 1]) / 2;
}

double
find_bound(const char *const *args)
{
  Run run = { 0 };
  g_autoptr(GArray) distances = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  for (guint i = 0; args[i] != NULL; i++)
    g_ptr_array_add(all, (char *) args[i]);
  g_ptr_array_add(all, (char *) "--json");
  g_ptr_array_add(all, NULL);
  run_hysac_v(&run, (char **) all->pdata);
  if (run.code != 0)
    fail_msg("%s", run.err);
  for (guint i = 0; i < run.n_lines; i++) {
    if (is_type(run.lines[i], "sample")) {
      const double d = json_number(run.lines[i], "distance");
      g_array_append_val(distances, d);
    }
  }
  run_clear(&run);
  return middle(distances);
}

char *
bound_option(double bound)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  return g_strconcat("--bound=", g_ascii_dtostr(number, sizeof number, bound), NULL);
}

char *
state_path(const char *out)
{
  g_autofree char *states = g_build_filename(out, "state", NULL);
  g_autoptr(GDir) dir = g_dir_open(states, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    if (g_str_has_suffix(name, ".jsonl") && strchr(name, '-') == NULL)
      return g_build_filename(states, name, NULL);
  }
  return NULL;
}
