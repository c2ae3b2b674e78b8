/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine over the real preprocessing and tower: a batch gives bit for bit the numbers of singles,
 * whatever else is in it and whoever asked; engines are shared by files. */

#include "hysac.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define N_FRAMES 24
#define N_THREADS 4

typedef struct {
  HysacFrame frame;
  guint8 *data;
  float *feature, *point; /* as a single */
  double distance;
} Picture;

typedef struct {
  const Picture *picture;
  guint dim;
  gint *wrong, *left;
  gint released;
  guint8 *planes[3]; /* this request's own copy, overwritten when it is released */
  gsize sizes[3];
} Shot;

static char *model_path;
static HysacModel *model;
static Picture pictures[N_FRAMES];
static guint dim;

static HysacEngine *
get_engine(HysacModel *of)
{
  g_autoptr(GError) error = NULL;
  HysacEngine *engine = hysac_engine_get(of, NULL, HYSAC_PRECISION_FP32, NULL, NULL, &error);
  if (engine == NULL)
    fail_msg("%s", error->message);
  return engine;
}

static void
make_picture(GRand *rand, Picture *picture, HysacFormat format)
{
  HysacFrame *frame = &picture->frame;
  *frame = (HysacFrame) { .format = format,
                          .width = (guint) g_rand_int_range(rand, 1, 300),
                          .height = (guint) g_rand_int_range(rand, 1, 300),
                          .matrix = HYSAC_MATRIX_BT709 };
  for (guint i = 0; i < hysac_format_n_planes(format); i++) {
    guint rows = hysac_format_plane_rows(format, i, frame->height);
    frame->strides[i] = hysac_format_plane_row_bytes(format, i, frame->width) +
                        (gsize) g_rand_int_range(rand, 0, 20);
    frame->sizes[i] = frame->strides[i] * rows;
    guint8 *plane = g_malloc(frame->sizes[i]);
    for (gsize j = 0; j < frame->sizes[i]; j++)
      plane[j] = (guint8) g_rand_int(rand);
    frame->planes[i] = plane;
  }
}

static int
set_up(void **state)
{
  guint32 seed = g_random_int();
  const char *given = g_getenv("HYSAC_TEST_SEED");
  if (given != NULL)
    seed = (guint32) g_ascii_strtoull(given, NULL, 10);
  print_message("# seed %u\n", seed);
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  g_autoptr(GError) error = NULL;
  model_path = g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference/small/model", NULL);
  model = hysac_model_load(model_path, &error);
  if (model == NULL)
    return 1;
  dim = hysac_model_get_vision_config(model)->projection;
  g_autoptr(HysacEngine) engine = get_engine(model);
  for (guint i = 0; i < N_FRAMES; i++) {
    Picture *p = &pictures[i];
    make_picture(rand, p, (HysacFormat) (i % HYSAC_N_FORMATS));
    p->feature = g_new(float, dim);
    p->point = g_new(float, dim);
    if (!hysac_engine_embed(engine, &p->frame, p->feature, p->point, &p->distance, &error)) {
      print_message("# %s\n", error->message);
      return 1;
    }
  }
  return 0;
}

static int
tear_down(void **state)
{
  for (guint i = 0; i < N_FRAMES; i++) {
    for (guint j = 0; j < 3; j++)
      g_free((guint8 *) pictures[i].frame.planes[j]);
    g_free(pictures[i].feature);
    g_free(pictures[i].point);
  }
  hysac_model_unref(model);
  g_free(model_path);
  return hysac_engine_count() == 0 ? 0 : 1;
}

/* From here on the planes may hold anything: that the result is right shows it was not too early. */
static void
on_release(gpointer data)
{
  Shot *shot = data;
  g_atomic_int_inc(&shot->released);
  for (guint i = 0; i < 3; i++) {
    if (shot->planes[i] != NULL)
      memset(shot->planes[i], 0xa5, shot->sizes[i]);
  }
}

static void
on_done(const HysacEmbedding *embedding, const GError *error, gpointer data)
{
  Shot *shot = data;
  const Picture *p = shot->picture;
  gsize bytes = shot->dim * sizeof(float);
  if (error != NULL || shot->released != 1 || embedding->dim != shot->dim ||
      memcmp(embedding->feature, p->feature, bytes) != 0 ||
      memcmp(embedding->point, p->point, bytes) != 0 ||
      memcmp(&embedding->distance, &p->distance, sizeof(double)) != 0)
    g_atomic_int_inc(shot->wrong);
  gint *left = shot->left;
  for (guint i = 0; i < 3; i++)
    g_free(shot->planes[i]);
  g_free(shot);
  g_atomic_int_dec_and_test(left);
}

static gpointer
submit_all(gpointer data)
{
  gint *counts = data; /* wrong, left */
  g_autoptr(HysacEngine) engine = get_engine(model);
  guint start = g_random_int_range(0, N_FRAMES);
  for (guint i = 0; i < N_FRAMES; i++) {
    const Picture *p = &pictures[(start + i) % N_FRAMES];
    Shot *shot = g_new0(Shot, 1);
    HysacFrame frame = p->frame;
    *shot = (Shot) { .picture = p, .dim = dim, .wrong = counts, .left = counts + 1 };
    for (guint j = 0; j < hysac_format_n_planes(frame.format); j++) {
      shot->sizes[j] = frame.sizes[j];
      frame.planes[j] = shot->planes[j] = g_memdup2(frame.planes[j], frame.sizes[j]);
    }
    if (!hysac_engine_submit(engine, &frame, on_release, on_done, shot, NULL)) {
      g_atomic_int_inc(counts);
      g_atomic_int_dec_and_test(counts + 1);
    }
  }
  while (g_atomic_int_get(counts + 1) > 0) /* else our reference could be the last */
    g_usleep(1000);
  return NULL;
}

static void
batches_have_the_bits_of_singles(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine(model);
  gint counts[2] = { 0, N_FRAMES * N_THREADS };
  GThread *threads[N_THREADS];
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new("submit", submit_all, counts);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join(threads[i]);
  assert_int_equal(counts[0], 0);
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.requests, N_FRAMES * N_THREADS);
  assert_true(stats.batches < stats.requests); /* there were batches */
  assert_true(stats.max_in_flight >= 2);
}

static void
distance_is_the_points(void **state)
{
  const HysacGeometry *g = hysac_model_get_geometry(model);
  for (guint i = 0; i < N_FRAMES; i++) {
    const Picture *p = &pictures[i];
    double distance = hysac_lorentz_root_distance(p->point, dim, g->curvature);
    assert_true(fabs(distance / p->distance - 1) < 1e-6);
    assert_true(p->distance > 0 && isfinite(p->distance));
  }
}

static void
frames_of_extreme_shape(void **state)
{
  static const guint sides[][2] = { { 1, 1 }, { 16384, 16 }, { 16, 16384 }, { 2, 1 }, { 1, 4000 } };
  g_autoptr(HysacEngine) engine = get_engine(model);
  for (guint i = 0; i < G_N_ELEMENTS(sides); i++) {
    for (guint f = 0; f < HYSAC_N_FORMATS; f++) {
      HysacFrame frame = { .format = (HysacFormat) f, .width = sides[i][0], .height = sides[i][1] };
      guint8 *planes[3] = { 0 };
      for (guint j = 0; j < hysac_format_n_planes(frame.format); j++) {
        frame.strides[j] = hysac_format_plane_row_bytes(frame.format, j, frame.width);
        frame.sizes[j] = frame.strides[j] * hysac_format_plane_rows(frame.format, j, frame.height);
        frame.planes[j] = planes[j] = g_malloc(frame.sizes[j]);
        memset(planes[j], 77, frame.sizes[j]);
      }
      g_autoptr(GError) error = NULL;
      double distance;
      if (!hysac_engine_embed(engine, &frame, NULL, NULL, &distance, &error))
        fail_msg("%u x %u, format %u: %s", frame.width, frame.height, f, error->message);
      assert_true(isfinite(distance));
      for (guint j = 0; j < 3; j++)
        g_free(planes[j]);
    }
  }
}

static void
engines_are_shared_by_files(void **state)
{
  static const char *const files[] = { "config.json", "preprocessor_config.json", "hysac.json",
                                       "model.safetensors" };
  g_autoptr(HysacEngine) engine = get_engine(model);
  g_autoptr(HysacModel) again = hysac_model_load(model_path, NULL);
  g_autoptr(HysacEngine) same = get_engine(again);
  assert_ptr_equal(engine, same);

  g_autofree char *dir = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *from = g_build_filename(model_path, files[i], NULL);
    g_autofree char *to = g_build_filename(dir, files[i], NULL);
    g_autofree char *data = NULL;
    gsize length;
    assert_true(g_file_get_contents(from, &data, &length, NULL));
    assert_true(g_file_set_contents(to, data, (gssize) length, NULL));
  }
  HysacModel *copy = hysac_model_load(dir, NULL);
  HysacEngine *other = get_engine(copy);
  assert_ptr_not_equal(other, engine);
  assert_int_equal(hysac_engine_count(), 2);
  hysac_engine_unref(other);
  hysac_model_unref(copy);
  assert_int_equal(hysac_engine_count(), 1);
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *to = g_build_filename(dir, files[i], NULL);
    g_unlink(to);
  }
  g_rmdir(dir);
}

typedef struct {
  GMutex lock;
  GCond changed;
  guint released, done;
  float *feature;
  double distance;
} Answer;

static void
on_shown_release(gpointer data)
{
  Answer *answer = data;
  g_mutex_lock(&answer->lock);
  answer->released += answer->done == 0;
  g_mutex_unlock(&answer->lock);
}

static void
on_shown(const HysacEmbedding *embedding, const GError *error, gpointer data)
{
  Answer *answer = data;
  g_mutex_lock(&answer->lock);
  if (embedding != NULL) {
    answer->distance = embedding->distance;
    memcpy(answer->feature, embedding->feature, dim * sizeof(float));
  }
  answer->done++;
  g_cond_signal(&answer->changed);
  g_mutex_unlock(&answer->lock);
}

static double
shown(HysacEngine *engine, const HysacFrame *frame, float *feature)
{
  Answer answer = { .feature = feature, .distance = NAN };
  g_autoptr(GError) error = NULL;
  g_mutex_init(&answer.lock);
  g_cond_init(&answer.changed);
  if (!hysac_engine_submit_shown(engine, frame, NULL, NULL, on_shown_release, on_shown, &answer, &error))
    fail_msg("%s", error->message);
  g_mutex_lock(&answer.lock);
  while (answer.done == 0)
    g_cond_wait(&answer.changed, &answer.lock);
  g_mutex_unlock(&answer.lock);
  assert_int_equal(answer.released, 1);
  assert_int_equal(answer.done, 1);
  g_mutex_clear(&answer.lock);
  g_cond_clear(&answer.changed);
  return answer.distance;
}

/* The picture over a grey, by the definition. */
static void
draw_over(const guint8 *in, guint8 *out, guint n, guint alpha_at, HysacAlpha kind, double grey)
{
  for (guint i = 0; i < n * 4; i++) {
    const double a = in[i / 4 * 4 + alpha_at] / 255.0, front = kind == HYSAC_ALPHA_STRAIGHT ? in[i] * a : in[i];
    out[i] = (guint8) MIN(floor(front + grey * (1 - a) + 0.5), 255);
  }
}

/* What alpha hides, and what it draws over black and over white: the farthest of the three is the answer. */
static void
what_is_translucent_counts_as_it_may_be_shown(void **state)
{
  enum { W = 40, H = 30, N = W * H };
  static const struct {
    HysacFormat format;
    guint alpha_at;
  } kinds[] = { { HYSAC_FORMAT_RGBA, 3 }, { HYSAC_FORMAT_BGRA, 3 }, { HYSAC_FORMAT_ARGB, 0 }, { HYSAC_FORMAT_ABGR, 0 } };
  g_autoptr(HysacEngine) engine = get_engine(model);
  g_autofree float *feature = g_new(float, dim), *expected = g_new(float, dim), *best = g_new(float, dim);
  guint won[3] = { 0 };
  for (guint i = 0; i < 48; i++) {
    const HysacAlpha kind = i / 4 % 2 ? HYSAC_ALPHA_PREMULTIPLIED : HYSAC_ALPHA_STRAIGHT;
    const guint alpha_at = kinds[i % 4].alpha_at;
    guint8 pixels[3][N * 4];
    for (guint k = 0; k < N; k++) {
      const guint x = k % W, y = k / W, wave = (x * (1 + i % 5) + y * (i % 3)) * 16 % 256;
      for (guint c = 0; c < 4; c++)
        pixels[0][k * 4 + c] = (guint8) (c != alpha_at ? i % 7 * 40 % 256 : i % 6 < 3 ? wave : g_random_int() % 256);
    }
    HysacFrame frame = { .format = kinds[i % 4].format, .alpha = kind, .width = W, .height = H, .planes = { pixels[0] },
                         .strides = { W * 4 }, .sizes = { N * 4 } };
    assert_true(hysac_frame_is_translucent(&frame));
    draw_over(pixels[0], pixels[1], N, alpha_at, kind, 0);
    draw_over(pixels[0], pixels[2], N, alpha_at, kind, 255);
    double farthest = -1;
    guint winner = 0;
    for (guint k = 0; k < 3; k++) {
      HysacFrame opaque = frame;
      double distance;
      opaque.alpha = HYSAC_ALPHA_NONE;
      opaque.planes[0] = pixels[k];
      assert_true(hysac_engine_embed(engine, &opaque, expected, NULL, &distance, NULL));
      if (distance > farthest) {
        farthest = distance;
        winner = k;
        memcpy(best, expected, dim * sizeof(float));
      }
    }
    won[winner]++;
    assert_true(shown(engine, &frame, feature) == farthest);
    assert_memory_equal(feature, best, dim * sizeof(float));

    /* All opaque, or the byte is no alpha: one picture. */
    frame.alpha = HYSAC_ALPHA_NONE;
    assert_false(hysac_frame_is_translucent(&frame));
    assert_true(hysac_engine_embed(engine, &frame, NULL, NULL, &farthest, NULL));
    assert_true(shown(engine, &frame, feature) == farthest);
    for (guint k = 0; k < N; k++)
      pixels[0][k * 4 + alpha_at] = 255;
    frame.alpha = kind;
    assert_false(hysac_frame_is_translucent(&frame));
    assert_true(shown(engine, &frame, feature) == farthest);
    pixels[0][(N - 1) * 4 + alpha_at] = 254;
    assert_true(hysac_frame_is_translucent(&frame));
  }
  assert_true(won[0] > 0 && won[1] > 0 && won[2] > 0);

  const HysacFrame wrong = { .format = HYSAC_FORMAT_GRAY8, .alpha = HYSAC_ALPHA_STRAIGHT, .width = 1, .height = 1,
                             .planes = { (const guint8 *) "x" }, .strides = { 1 }, .sizes = { 1 } };
  g_autoptr(GError) error = NULL;
  assert_false(hysac_engine_submit_shown(engine, &wrong, NULL, NULL, NULL, on_shown, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(batches_have_the_bits_of_singles),
    cmocka_unit_test(distance_is_the_points),
    cmocka_unit_test(frames_of_extreme_shape),
    cmocka_unit_test(engines_are_shared_by_files),
    cmocka_unit_test(what_is_translucent_counts_as_it_may_be_shown),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
