/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac search: what is nearest to a text or a picture in an index, with unsafe queries redirected or not. */

#include "filekind.h"
#include "progress.h"
#include "tool.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_HITS 100000

typedef struct {
  ToolSession session;
  HysacIndex *index;
  HysacIndexSpace space;
  HysacRedirect redirect;
  int k;
  gboolean json, text_only;
  gboolean failed;
  char **queries;
  guint current; /* query */
} Search;

/* A query, where it was and where it went. */
typedef struct {
  const char *input;
  gboolean is_text, moved;
  double bound;     /* what decided; NAN: none was needed */
  double reference; /* up_95, of which the reference makes its bound; NAN elsewhere */
  double before, after; /* distances to the root */
} Query;

/* What is given to the redirection; of the reference it makes another by which it decides. */
static gboolean
find_bound(const Search *self, gboolean is_text, double *bound)
{
  const HysacReferenceBounds *reference = hysac_model_get_reference_bounds(self->session.model);
  /* Texts lie nearer to the root than pictures: their bound is another. */
  const HysacRegion *region = is_text ? hysac_model_get_text_region(self->session.model)
                                      : hysac_model_get_region(self->session.model);
  *bound = NAN;
  if (self->redirect == HYSAC_REDIRECT_REFERENCE && reference != NULL)
    *bound = is_text ? reference->text : reference->image;
  else if (self->redirect == HYSAC_REDIRECT_GEODESIC && region != NULL)
    *bound = region->bound;
  return self->redirect == HYSAC_REDIRECT_RETAIN || *bound > 0; /* the reference's is 0 where there is none */
}

static void
append_number(GString *line, const char *key, double value)
{
  g_string_append_printf(line, ",\"%s\":", key);
  tool_append_number(line, value);
}

static gboolean
print_json(const Search *self, const Query *query, const float *point, const HysacHit *hits, guint n, GError **error)
{
  g_autoptr(GString) line = g_string_new("{\"query\":");
  g_autofree char *input = g_utf8_make_valid(query->input, -1);
  hysac_json_append_string(line, input);
  g_string_append_printf(line, ",\"kind\":\"%s\",\"redirect\":\"%s\",\"moved\":%s", query->is_text ? "text" : "picture",
                         hysac_redirect_to_string(self->redirect), query->moved ? "true" : "false");
  append_number(line, "bound", query->bound);
  append_number(line, "up_95", query->reference);
  append_number(line, "distance", query->before);
  append_number(line, "distance_after", query->after);
  g_string_append(line, ",\"hits\":[");
  for (guint i = 0; i < n; i++) {
    const float *other = hysac_index_get_point(self->index, hits[i].point);
    HysacIndexId id;
    if (!hysac_index_get_id(self->index, hits[i].point, &id, error))
      return FALSE;
    g_autofree char *path = g_utf8_make_valid(id.path, -1);
    g_string_append_printf(line, "%s{\"rank\":%u,\"path\":", i ? "," : "", i + 1);
    hysac_json_append_string(line, path);
    if (id.time < 0)
      g_string_append(line, ",\"time\":null");
    else
      g_string_append_printf(line, ",\"time\":%" G_GINT64_FORMAT, id.time);
    append_number(line, "inner", hits[i].score);
    append_number(line, "distance", hysac_lorentz_distance(point, other, self->space.dim, self->space.curvature));
    append_number(line, "root_distance", hysac_lorentz_root_distance(other, self->space.dim, self->space.curvature));
    g_string_append_c(line, '}');
  }
  g_string_append(line, "]}");
  puts(line->str);
  return TRUE;
}

static void
print_bound(const Search *self, const Query *query)
{
  if (query->moved)
    printf("moved to %.6f (%s, bound %.6f", query->after, hysac_redirect_to_string(self->redirect), query->bound);
  else
    printf("not moved (%s, bound %.6f", hysac_redirect_to_string(self->redirect), query->bound);
  if (isfinite(query->reference))
    printf(", made of up_95 %.6f", query->reference);
  puts(")");
}

static gboolean
print_lines(const Search *self, const Query *query, const float *point, const HysacHit *hits, guint n, GError **error)
{
  g_autofree char *input = (query->is_text ? tool_shown_text : tool_shown_name)(query->input);
  printf("%s: distance to the root %.6f, ", input, query->before);
  if (self->redirect == HYSAC_REDIRECT_RETAIN)
    puts("retained");
  else
    print_bound(self, query);
  for (guint i = 0; i < n; i++) {
    const float *other = hysac_index_get_point(self->index, hits[i].point);
    HysacIndexId id;
    if (!hysac_index_get_id(self->index, hits[i].point, &id, error))
      return FALSE;
    g_autofree char *path = tool_shown_name(id.path);
    g_autofree char *time = id.time < 0 ? g_strdup("") : tool_shown_time(id.time);
    printf("%6u  inner %.6f  distance %.6f  %s%s%s\n", i + 1, hits[i].score,
           hysac_lorentz_distance(point, other, self->space.dim, self->space.curvature), path, *time ? "  at " : "", time);
  }
  return TRUE;
}

static gboolean
answer(Search *self, const char *input, gboolean is_text, const float *point, GError **error)
{
  const guint dim = self->space.dim, k = MIN((guint) self->k, MAX(hysac_index_get_n_points(self->index), 1));
  Query query = { .input = input, .is_text = is_text, .reference = NAN };
  g_autofree float *target = g_new(float, dim);
  g_autofree HysacHit *hits = g_new(HysacHit, k);
  if (!find_bound(self, is_text, &query.bound)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "the model has no bound to redirect by; --redirect retain takes queries as they are");
    return FALSE;
  }
  if (!hysac_redirect_point(self->redirect, point, dim, self->space.curvature, isnan(query.bound) ? 0.0 : query.bound,
                            target, &query.moved, error) ||
      !hysac_index_search(self->index, target, 1, k, 0, hits, NULL, error))
    return FALSE;
  for (guint i = 0; i < MIN(k, hysac_index_get_n_points(self->index)); i++) {
    if (!isfinite(hits[i].score)) {
      g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                          "the index holds points that are no numbers; hysac index --check says where");
      return FALSE;
    }
  }
  if (self->redirect == HYSAC_REDIRECT_REFERENCE) {
    query.reference = query.bound;
    query.bound = hysac_redirect_reference_threshold(query.reference, self->space.curvature);
  }
  query.before = hysac_lorentz_root_distance(point, dim, self->space.curvature);
  query.after = hysac_lorentz_root_distance(target, dim, self->space.curvature);
  const guint n = MIN(k, hysac_index_get_n_points(self->index));
  return (self->json ? print_json : print_lines)(self, &query, target, hits, n, error);
}

static void
fail_query(Search *self, const GError *error)
{
  tool_error("%s", error->message);
  self->failed = TRUE;
}

static void
on_picture(guint index, const HysacEmbedding *embedding, const GError *problem, gpointer user_data)
{
  Search *self = user_data;
  g_autoptr(GError) error = NULL;
  if (problem != NULL)
    fail_query(self, problem);
  else if (!answer(self, self->queries[self->current], FALSE, embedding->point, &error))
    fail_query(self, error);
}

/* The index's space is the model's, or it is refused. */
static int
check_space(Search *self, const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *shown = g_filename_display_name(path);
  /* Texts are in fp32 always, and their points are compared with those of pictures in any precision. */
  const HysacPrecision precision = self->session.engine ? hysac_engine_get_precision(self->session.engine)
                                                        : hysac_index_get_space(self->index)->precision;
  if (hysac_model_get_index_space(self->session.model, precision, &self->space, &error) &&
      hysac_index_space_equal(hysac_index_get_space(self->index), shown, &self->space, "the model", &error))
    return TOOL_OK;
  tool_fail(error, "search with the model and precision that it was made with, or make it anew: hysac index");
  return TOOL_FAILED;
}

static int
search_picture(Search *self, const char *path)
{
  g_autoptr(GError) error = NULL;
  char *paths[] = { self->queries[self->current], NULL };
  int code = self->session.engine == NULL ? tool_session_open(&self->session, "search") : TOOL_OK;
  if (code == TOOL_OK)
    code = check_space(self, path);
  if (code == TOOL_OK && !tool_embed_pictures(self->session.engine, paths, TOOL_PICTURES_AS_SHOWN, on_picture, self, &error))
    fail_query(self, error);
  return code;
}

static int
search_text(Search *self, const char *path)
{
  g_autoptr(GError) error = NULL;
  g_auto(HysacTextEmbedding) embedding = { 0 };
  const char *text = self->queries[self->current];
  int code = TOOL_OK;
  if (self->session.text == NULL) {
    /* The precision is the pictures'. */
    char *precision = g_steal_pointer(&self->session.precision);
    code = tool_session_open_text(&self->session, "search");
    self->session.precision = precision;
  }
  if (code == TOOL_OK)
    code = check_space(self, path);
  if (code == TOOL_OK &&
      (!hysac_text_encoder_embed(self->session.text, text, -1, HYSAC_TEXT_DEFAULT, &embedding, &error) ||
       !answer(self, text, TRUE, embedding.point, &error)))
    fail_query(self, error);
  return code;
}

/* Where there is none, somebody mistyped it: as a text it would find something all the same. */
static gboolean
is_like_a_file(const char *query)
{
  return strchr(query, '/') != NULL || tool_is_picture(query) || tool_is_video(query);
}

static int
search_one(Search *self, const char *path)
{
  g_autoptr(GError) error = NULL;
  const char *query = self->queries[self->current];
  if (self->text_only)
    return search_text(self, path);
  if (g_file_test(query, G_FILE_TEST_EXISTS))
    return search_picture(self, path);
  if (!is_like_a_file(query))
    return search_text(self, path);
  g_set_error(&error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: there is no such file; with --text it is a text", query);
  fail_query(self, error);
  return TOOL_OK;
}

static int
run(Search *self, const char *path)
{
  g_autoptr(GError) error = NULL;
  int code = TOOL_OK;
  self->index = hysac_index_open(path, &error);
  if (self->index == NULL || !hysac_index_verify_screen(self->index, &error)) {
    tool_error("%s", error->message);
    return TOOL_FAILED;
  }
  if (self->session.precision == NULL)
    self->session.precision = g_strdup(hysac_precision_to_string(hysac_index_get_space(self->index)->precision));
  for (; code == TOOL_OK && self->queries[self->current] != NULL; self->current++)
    code = search_one(self, path);
  return tool_finish_output(code == TOOL_OK && self->failed ? TOOL_FAILED : code);
}

int
tool_search(int argc, char **argv)
{
  Search self = { .k = 10, .redirect = HYSAC_REDIRECT_GEODESIC };
  g_autofree char *path = NULL, *redirect = NULL;
  const GOptionEntry entries[] = {
    TOOL_MODEL_OPTIONS(&self.session),
    { "precision", 'p', 0, G_OPTION_ARG_STRING, &self.session.precision, "Of pictures; the index's, or it is refused",
      "P" },
    { "index", 'i', 0, G_OPTION_ARG_FILENAME, &path, "What hysac index has written", "FILE" },
    { "redirect", 'r', 0, G_OPTION_ARG_STRING, &redirect,
      "Of queries beyond the bound: geodesic (the default), reference, or retain", "MODE" },
    { "count", 'k', 0, G_OPTION_ARG_INT, &self.k, "How many to find (10)", "N" },
    { "text", 't', 0, G_OPTION_ARG_NONE, &self.text_only, "Queries are texts, also where a file is called so or they look like files", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self.json, "One JSON object a line for each query", NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.queries, NULL, "TEXT|IMAGE…" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(
      context, "Finds what is nearest to texts and pictures in an index, exactly: by the Lorentz inner product\n"
               "in double, as if all points were computed. A query that is the name of a file is a picture;\n"
               "one with a slash or a picture's or video's ending that is no file is an error (--text). One that\n"
               "lies beyond the model's bound is moved towards the root first (geodesic: up to the bound;\n"
               "reference: as HySAC's code does), or taken as it is (retain). The answer says which.");
  g_option_context_set_description(context,
                                   "Examples:\n"
                                   "  hysac search --model demo --index drawings.index \"a red ball\"\n"
                                   "  hysac search --model demo --index drawings.index -k 3 --json picture.png\n"
                                   "  hysac search --model demo --index drawings.index --redirect retain \"a fire\"\n"
                                   "\n"
                                   "An index of another model is refused.");
  int code = TOOL_USAGE;
  if (tool_parse(context, &argc, &argv, &code)) {
    if (path == NULL)
      tool_error("search needs --index FILE; see hysac help search");
    else if (self.queries == NULL)
      tool_error("search needs a text or a picture; see hysac help search");
    else if (self.k < 1 || self.k > MAX_HITS)
      tool_error("-k is 1 to %d", MAX_HITS);
    else if (redirect != NULL && !hysac_redirect_parse(redirect, &self.redirect))
      tool_error("--redirect is geodesic, reference or retain, not \"%s\"", redirect);
    else
      code = run(&self, path);
  }
  hysac_index_unref(self.index);
  g_strfreev(self.queries);
  tool_session_clear(&self.session);
  return code;
}
