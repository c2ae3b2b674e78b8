/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text tower in shapes that divide nothing nicely against double, with batches of unequal texts, and what it
 * refuses. */

#include "../core/support.h"

#include "core/model.h"
#include "opencl/text.h"
#include "opencl/textwindow.h"
#include "synth.h"
#include "tests/removetree.h"


#define LIMIT 1e-5

static HysacDevice *device;

static const HysacVisionConfig vision = { .image_size = 28, .patch_size = 14, .width = 12, .heads = 3,
                                          .mlp_width = 20, .layers = 1, .projection = 8,
                                          .layer_norm_eps = 1e-5 };

#define must(ok, error) \
  do { \
    if (!(ok)) \
      fail_msg("%s", (error)->message); \
  } while (0)

static HysacModel *
make_model(HysacTextConfig t, guint projection, guint32 seed, char **dir)
{
  HysacVisionConfig v = vision;
  GError *error = NULL;
  v.projection = projection;
  t.layer_norm_eps = 1e-5;
  *dir = make_dir();
  must(synth_write_text(*dir, &v, &t, seed, &error), error);
  HysacModel *model = hysac_model_load(*dir, &error);
  must(model != NULL, error);
  assert_memory_equal(&hysac_model_get_text_config(model)->vocab, &t.vocab, sizeof t.vocab);
  return model;
}

static void
remove_model(HysacModel *model, char *dir)
{
  hysac_model_unref(model);
  synth_remove(dir);
  g_free(dir);
}

static double
relative(const float *got, const double *want, gsize n)
{
  double off = 0.0, power = 0.0;
  for (gsize i = 0; i < n; i++) {
    off += pow((double) got[i] - want[i], 2.0);
    power += pow(want[i], 2.0);
  }
  return isnan(off) ? HUGE_VAL : sqrt(off / power);
}

/* @count random texts of lengths up to @longest, all at once and each alone. */
static void
check_shape(HysacTextConfig t, guint projection, guint count, guint longest, const char *variant)
{
  GError *error = NULL;
  GRand *rand = test_rand();
  char *dir;
  HysacModel *model = make_model(t, projection, g_rand_int(rand), &dir);
  if (variant != NULL)
    g_setenv("HYSAC_VARIANT", variant, TRUE);
  HysacText *self = hysac_text_new(device, model, count, (gsize) count * t.context, NULL, NULL, &error);
  g_unsetenv("HYSAC_VARIANT");
  must(self != NULL, error);
  g_autofree guint32 *ids = g_new(guint32, (gsize) count * longest);
  g_autofree HysacTextIds *texts = g_new(HysacTextIds, count);
  g_autofree float *got = g_new(float, (gsize) count * projection), *alone = g_new(float, projection);
  g_autofree double *want = g_new(double, projection);
  double worst = 0.0;
  for (guint i = 0; i < count; i++) {
    guint32 *to = ids + (gsize) i * longest;
    texts[i] = (HysacTextIds){ to, i == 0 ? longest : (gsize) g_rand_int_range(rand, 1, (gint32) longest + 1) };
    for (gsize j = 0; j < texts[i].n; j++)
      to[j] = (guint32) g_rand_int_range(rand, 0, (gint32) t.vocab);
  }
  ids[0] = t.vocab - 1;
  must(hysac_text_run(self, texts, count, got, &error), error);
  for (guint i = 0; i < count; i++) {
    must(hysac_text_run(self, texts + i, 1, alone, &error), error);
    assert_memory_equal(alone, got + (gsize) i * projection, projection * sizeof *got);
    must(ref_text_tower(model, texts[i].ids, texts[i].n, want, &error), error);
    worst = fmax(worst, relative(alone, want, projection));
  }
  print_message("# width %u, %u heads, MLP %u, %u texts of up to %u, %s: %.2g\n", t.width, t.heads, t.mlp_width,
                count, longest, hysac_text_describe(self), worst);
  /* A LayerNorm over seven values cancels all but a few digits of some random weights. */
  assert_true(worst <= (t.width < 16 ? 20 * LIMIT : LIMIT));
  hysac_text_free(self);
  remove_model(model, dir);
  g_rand_free(rand);
}

static void
test_shapes(void **state)
{
  static const HysacTextConfig shapes[] = {
    { .vocab = 600, .context = 77, .width = 52, .heads = 4, .mlp_width = 111, .layers = 2 },
    { .vocab = 514, .context = 33, .width = 60, .heads = 3, .mlp_width = 97, .layers = 3,
      .activation = HYSAC_ACTIVATION_GELU },
    { .vocab = 515, .context = 3, .width = 7, .heads = 7, .mlp_width = 1, .layers = 1 },
    { .vocab = 800, .context = 248, .width = 96, .heads = 2, .mlp_width = 40, .layers = 2 },
  };
  static const char *const variants[] = { NULL, "portable", "tiled" };
  for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
    for (gsize j = 0; j < G_N_ELEMENTS(variants); j++)
      check_shape(shapes[i], 9 + (guint) i, 1 + (guint) i, shapes[i].context, variants[j]);
  }
}

static void
test_limits(void **state)
{
  const HysacTextConfig t = { .vocab = 514, .context = 8, .width = 16, .heads = 2, .mlp_width = 24, .layers = 1 };
  GError *error = NULL;
  char *dir;
  HysacModel *model = make_model(t, 8, 1, &dir);
  HysacText *self = hysac_text_new(device, model, 2, 10, NULL, NULL, &error);
  must(self != NULL, error);
  const guint32 good[8] = { 0 }, bad[] = { 1, 514 };
  float out[16];
  const HysacTextIds fine[] = { { good, 8 }, { good, 2 } }, too_many[] = { { good, 8 }, { good, 3 } },
                     empty = { good, 0 }, too_long = { good, 9 }, outside = { bad, 2 };
  assert_true(hysac_text_run(self, fine, 2, out, &error));
  assert_false(hysac_text_run(self, too_many, 2, out, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a text of 3 tokens");
  assert_false(hysac_text_run(self, &empty, 1, out, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a text of 0 tokens");
  assert_false(hysac_text_run(self, &too_long, 1, out, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a text of 9 tokens");
  assert_false(hysac_text_run(self, &outside, 1, out, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "token 514; the tower has 514");
  assert_false(hysac_text_run(self, fine, 0, out, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a batch of 0");
  assert_false(hysac_text_run(self, fine, 3, out, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a batch of 3");
  assert_true(hysac_text_run(self, fine, 2, out, &error)); /* none of that has changed anything */
  hysac_text_free(self);
  assert_null(hysac_text_new(device, model, 0, 10, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "batches of 0");
  assert_null(hysac_text_new(device, model, 1, 7, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "7 tokens");
  remove_model(model, dir);
}

/* A weight that is not a number is found when it is read, by its tensor's name. */
static void
test_nan_weights(void **state)
{
  const HysacTextConfig t = { .vocab = 514, .context = 8, .width = 16, .heads = 2, .mlp_width = 24, .layers = 1 };
  GError *error = NULL;
  char *dir;
  hysac_model_unref(make_model(t, 8, 1, &dir));
  g_autofree char *path = g_build_filename(dir, "model.safetensors", NULL), *data = NULL;
  gsize n;
  assert_true(g_file_get_contents(path, &data, &n, NULL));
  memset(data + n - 4, 0xff, 4); /* the projection's last weight */
  assert_true(g_file_set_contents(path, data, (gssize) n, NULL));
  HysacModel *model = hysac_model_load(dir, &error);
  must(model != NULL, error);
  assert_null(hysac_text_new(device, model, 1, 8, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "text_projection.weight");
  remove_model(model, dir);
}

/* The first puts its packed weights on the disk, the second takes them, and gives the same bits. */
static void
test_packed(void **state)
{
  const HysacTextConfig t = { .vocab = 600, .context = 9, .width = 52, .heads = 4, .mlp_width = 50, .layers = 2 };
  const guint32 ids[] = { 598, 17, 300, 5, 599 };
  const HysacTextIds text = { ids, G_N_ELEMENTS(ids) };
  GError *error = NULL;
  char *dir, *home = make_dir();
  g_autofree char *before = g_strdup(g_getenv("HYSAC_CACHE"));
  g_setenv("XDG_CACHE_HOME", home, TRUE);
  g_unsetenv("HYSAC_CACHE");
  HysacModel *model = make_model(t, 33, 7, &dir);
  float out[3][33];
  for (guint i = 0; i < 3; i++) {
    if (i == 2)
      g_setenv("HYSAC_CACHE", "programs", TRUE); /* no weights */
    HysacText *self = hysac_text_new(device, model, 1, 9, NULL, NULL, &error);
    must(self != NULL, error);
    assert_int_equal(hysac_text_was_packed(self), i == 1);
    must(hysac_text_run(self, &text, 1, out[i], &error), error);
    hysac_text_free(self);
  }
  assert_memory_equal(out[0], out[1], sizeof out[0]);
  assert_memory_equal(out[0], out[2], sizeof out[0]);
  remove_model(model, dir);
  g_unsetenv("XDG_CACHE_HOME");
  if (before != NULL)
    g_setenv("HYSAC_CACHE", before, TRUE);
  else
    g_unsetenv("HYSAC_CACHE");
  remove_tree(home);
  g_free(home);
}

/* Every token is in some window, neighbours overlap by a third, and the ends are the text's. */
static void
test_windows_cover(void **state)
{
  static const guint contexts[] = { 3, 4, 5, 8, 77, 248 };
  for (gsize c = 0; c < G_N_ELEMENTS(contexts); c++) {
    const gsize room = contexts[c] - 2;
    for (gsize content = 0; content < 6 * room + 3; content++) {
      const gsize windows = hysac_text_windows(content, contexts[c]);
      gsize before = 0, first, n;
      assert_true(windows >= 1 && (windows == 1) == (content <= room));
      for (gsize i = 0; i < windows; i++) {
        hysac_text_window(content, contexts[c], i, &first, &n);
        assert_int_equal(n, MIN(content, room));
        if (i == 0)
          assert_int_equal(first, 0);
        else
          assert_true(first > before && before + n >= first + room / 3);
        before = first;
      }
      assert_int_equal(before + n, content);
    }
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shapes),
    cmocka_unit_test(test_limits),
    cmocka_unit_test(test_nan_weights),
    cmocka_unit_test(test_packed),
    cmocka_unit_test(test_windows_cover),
  };
  g_autoptr(GError) error = NULL;
  device = hysac_device_open(NULL, &error);
  if (device == NULL) {
    print_message("Bail out! %s\n", error->message);
    return 1;
  }
  int failed = cmocka_run_group_tests_name("text tower", tests, NULL, NULL);
  hysac_device_unref(device);
  return failed;
}
