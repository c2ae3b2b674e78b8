/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text encoder against the reference code's numbers, in every attention variant, and what it does otherwise
 * on purpose: typed end of text, and windows. */

#include "../core/support.h"

#include "core/lorentz.h"
#include "opencl/device.h"
#include "opencl/textencoder.h"

#include <json-glib/json-glib.h>

#define LIMIT 1e-5
#define DIM 48
#define N_TEXTS 28
#define CONTEXT 77

static HysacModel *
load_model(const char *which)
{
  g_autofree char *name = g_build_filename("reference", which, "model", NULL);
  g_autofree char *path = test_path(name);
  GError *error = NULL;
  HysacModel *model = hysac_model_load(path, &error);
  if (model == NULL)
    fail_msg("%s", error->message);
  return model;
}

static HysacTextEncoder *
get_encoder(HysacModel *model)
{
  GError *error = NULL;
  HysacTextEncoder *self =
      hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error);
  if (self == NULL)
    fail_msg("%s", error->message);
  return self;
}

static HysacTextEmbedding
embed(HysacTextEncoder *self, const char *text, HysacTextFlags flags)
{
  HysacTextEmbedding out;
  GError *error = NULL;
  if (!hysac_text_encoder_embed(self, text, -1, flags, &out, &error))
    fail_msg("%s", error->message);
  return out;
}

static char **
load_texts(void)
{
  g_autofree char *path = test_path("reference/small/texts.json");
  g_autoptr(JsonParser) parser = json_parser_new();
  assert_true(json_parser_load_from_file(parser, path, NULL));
  JsonArray *array = json_node_get_array(json_parser_get_root(parser));
  assert_int_equal(json_array_get_length(array), N_TEXTS);
  char **texts = g_new0(char *, N_TEXTS + 1);
  for (guint i = 0; i < N_TEXTS; i++)
    texts[i] = g_strdup(json_array_get_string_element(array, i));
  return texts;
}

static float *
expected(const char *which, const char *name, gsize n)
{
  g_autofree char *file = g_build_filename("reference", which, "expected", "expected.safetensors", NULL);
  g_autofree char *path = test_path(file);
  g_autoptr(HysacSafetensors) tensors = hysac_safetensors_open(path, NULL);
  assert_non_null(tensors);
  const HysacTensor *tensor = hysac_safetensors_lookup(tensors, name);
  assert_non_null(tensor);
  assert_int_equal(tensor->n_elements, n);
  float *data = g_new(float, n);
  assert_true(hysac_tensor_read_f32(tensor, name, data, NULL));
  return data;
}

static double
relative(const float *got, const float *want, gsize n)
{
  double off = 0.0, power = 0.0;
  for (gsize i = 0; i < n; i++) {
    off += pow((double) got[i] - (double) want[i], 2.0);
    power += pow((double) want[i], 2.0);
  }
  return isnan(off) ? HUGE_VAL : sqrt(off / power);
}

static void
check_reference(const char *which, HysacTextFlags flags)
{
  g_autoptr(HysacModel) model = load_model(which);
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  g_auto(GStrv) texts = load_texts();
  g_autofree float *features = expected(which, "text_features", N_TEXTS * DIM),
                   *points = expected(which, "text_points", N_TEXTS * DIM),
                   *distances = expected(which, "text_root_distance", N_TEXTS),
                   *apertures = expected(which, "text_half_aperture", N_TEXTS);
  const double c = hysac_model_get_geometry(model)->curvature;
  double worst[4] = { 0 };
  HysacTextEmbedding out[N_TEXTS];
  assert_int_equal(hysac_text_encoder_get_dim(self), DIM);
  assert_int_equal(hysac_text_encoder_embed_many(self, (const char *const *) texts, N_TEXTS, flags, out, NULL),
                   N_TEXTS);
  for (guint i = 0; i < N_TEXTS; i++) {
    const HysacTextEmbedding *e = &out[i];
    HysacTextEmbedding alone = embed(self, texts[i], flags);
    assert_int_equal(e->dim, DIM);
    assert_int_equal(e->windows, 1);
    worst[0] = fmax(worst[0], relative(e->feature, features + i * DIM, DIM));
    worst[1] = fmax(worst[1], relative(e->point, points + i * DIM, DIM));
    worst[2] = fmax(worst[2], fabs(e->distance / (double) distances[i] - 1.0));
    worst[3] = fmax(worst[3], fabs(hysac_lorentz_half_aperture(e->point, DIM, c) / (double) apertures[i] - 1.0));
    assert_memory_equal(e->feature, alone.feature, DIM * sizeof(float));
    assert_memory_equal(e->point, alone.point, DIM * sizeof(float));
    assert_true(e->distance == alone.distance);
    hysac_text_embedding_clear(&alone);
    hysac_text_embedding_clear(&out[i]);
  }
  print_message("# %s: features %.2g, points %.2g, root distance %.2g, half aperture %.2g (relative; limit %.0g)\n",
                which, worst[0], worst[1], worst[2], worst[3], LIMIT);
  for (guint i = 0; i < G_N_ELEMENTS(worst); i++)
    assert_true(worst[i] <= LIMIT);
}

/* The environment is read when an encoder is made. */
static void
check_variant(const char *variant)
{
  if (variant != NULL)
    g_setenv("HYSAC_VARIANT", variant, TRUE);
  check_reference("small", HYSAC_TEXT_REFERENCE);
  check_reference("small-newpeft", HYSAC_TEXT_REFERENCE | HYSAC_TEXT_NO_FIX);
  g_unsetenv("HYSAC_VARIANT");
  assert_int_equal(hysac_text_encoder_count(), 0);
}

static void
test_reference(void **state)
{
  check_variant(NULL);
}

static void
test_reference_portable(void **state)
{
  check_variant("portable");
}

static void
test_reference_tiled(void **state)
{
  check_variant("tiled");
}

static gboolean
same(const HysacTextEmbedding *a, const HysacTextEmbedding *b)
{
  return memcmp(a->feature, b->feature, DIM * sizeof(float)) == 0;
}

/* What follows a typed end of text is seen; by the reference it is not. */
static void
test_typed_end(void **state)
{
  g_autoptr(HysacModel) model = load_model("small");
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  static const char *const pairs[][2] = {
    { "a cat <|endoftext|> a man holding a knife", "a cat <|endoftext|> flowers" },
    { "<|endoftext|>blood", "<|endoftext|>a dog" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
    HysacTextEmbedding a = embed(self, pairs[i][0], HYSAC_TEXT_DEFAULT),
                       b = embed(self, pairs[i][1], HYSAC_TEXT_DEFAULT),
                       c = embed(self, pairs[i][0], HYSAC_TEXT_REFERENCE),
                       d = embed(self, pairs[i][1], HYSAC_TEXT_REFERENCE);
    assert_false(same(&a, &b));
    assert_true(same(&c, &d));
    hysac_text_embedding_clear(&a);
    hysac_text_embedding_clear(&b);
    hysac_text_embedding_clear(&c);
    hysac_text_embedding_clear(&d);
  }
  /* It stands in no id. */
  HysacTextEmbedding plain = embed(self, "<| endoftext |> blood", HYSAC_TEXT_DEFAULT),
                     typed = embed(self, "<|endoftext|> blood", HYSAC_TEXT_DEFAULT);
  assert_true(same(&plain, &typed));
  hysac_text_embedding_clear(&plain);
  hysac_text_embedding_clear(&typed);
}

/* Words of one token each. */
static char *
words(guint n, guint seed)
{
  static const char *const list[] = { "cat", "dog", "man", "woman", "a", "the", "of" };
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < n; i++)
    g_string_append_printf(text, "%s%s", i ? " " : "", list[(seed + i * i * 7 + i / 5) % G_N_ELEMENTS(list)]);
  return g_string_free(text, FALSE);
}

/* A long text's embedding is that of its worst window as a text of its own: the windows as docs/text.md has
 * them, by their definition and not by the code's. */
static void
test_windows(void **state)
{
  static const guint counts[] = { 74, 75, 76, 100, 125, 126, 175, 176, 500, 1000 };
  g_autoptr(HysacModel) model = load_model("small");
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
    const guint n = counts[i];
    g_autofree char *text = words(n, i);
    g_auto(GStrv) word = g_strsplit(text, " ", -1);
    HysacTextEmbedding whole = embed(self, text, HYSAC_TEXT_DEFAULT), worst = { 0 };
    guint windows = 0, at = 0;
    for (guint first = 0;; first += 50, windows++) {
      const gboolean last = first + 75 >= n;
      GString *part = g_string_new(NULL);
      const guint from = last && n > 75 ? n - 75 : first;
      for (guint j = from; j < MIN(n, from + 75); j++)
        g_string_append_printf(part, " %s", word[j]);
      HysacTextEmbedding e = embed(self, part->str, HYSAC_TEXT_DEFAULT);
      g_string_free(part, TRUE);
      assert_int_equal(e.windows, 1);
      if (windows == 0 || e.distance > worst.distance) {
        hysac_text_embedding_clear(&worst);
        worst = e;
        at = windows;
      } else {
        hysac_text_embedding_clear(&e);
      }
      if (last)
        break;
    }
    assert_int_equal(whole.tokens, n + 2);
    assert_int_equal(whole.windows, windows + 1);
    assert_int_equal(whole.worst, at);
    assert_true(whole.distance == worst.distance && same(&whole, &worst));
    hysac_text_embedding_clear(&whole);
    hysac_text_embedding_clear(&worst);
  }
}

/* Beyond 77, the reference sees nothing. */
static void
test_cut_off(void **state)
{
  g_autoptr(HysacModel) model = load_model("small");
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  g_autofree char *benign = words(200, 1), *long_text = g_strconcat(benign, " blood knife explosion", NULL);
  HysacTextEmbedding a = embed(self, benign, HYSAC_TEXT_REFERENCE),
                     b = embed(self, long_text, HYSAC_TEXT_REFERENCE);
  assert_true(same(&a, &b));
  assert_int_equal(a.tokens, CONTEXT);
  assert_int_equal(a.windows, 1);
  hysac_text_embedding_clear(&a);
  hysac_text_embedding_clear(&b);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reference),       cmocka_unit_test(test_reference_portable),
    cmocka_unit_test(test_reference_tiled), cmocka_unit_test(test_typed_end),
    cmocka_unit_test(test_windows),         cmocka_unit_test(test_cut_off),
  };
  return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
