/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The built plugin and the real engine: what an unchanged frame gets is what it would have got. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gst/check/gstharness.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "opencl/engine.h"

#define SCALE 2 /* frame pixels to one of the encoder's */

static char *model_path;
static HysacModel *model;
static HysacEngine *engine;
static guint side;

static int
set_up(void **state)
{
  g_autoptr(GError) error = NULL;
  model_path = g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", "small", "model", NULL);
  model = hysac_model_load(model_path, &error);
  if (model)
    engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_FP32, NULL, NULL, &error);
  if (!engine)
    fail_msg("%s", error->message);
  side = SCALE * hysac_model_get_vision_config(model)->image_size;
  return 0;
}

static int
tear_down(void **state)
{
  hysac_engine_unref(engine);
  hysac_model_unref(model);
  g_free(model_path);
  return 0;
}

static guint8 *
picture_new(guint shade)
{
  guint8 *picture = g_malloc((gsize)side * side * 3);
  for (guint i = 0; i < side * side * 3; i++)
    picture[i] = (guint8)(shade + (i / 3 % side * 3 + i / 3 / side * 5 + i % 3 * 40) % 120);
  return picture;
}

static void
square(guint8 *picture, guint x0, guint y0, guint size, guint8 value)
{
  for (guint y = y0; y < y0 + size; y++)
    memset(picture + ((gsize)y * side + x0) * 3, value, (gsize)size * 3);
}

static double
distance_of(const guint8 *picture)
{
  const gsize size = (gsize)side * side * 3;
  const HysacFrame frame = {.format = HYSAC_FORMAT_RGB, .width = side, .height = side, .planes = {picture},
                            .strides = {(gsize)side * 3}, .sizes = {size}};
  g_autoptr(GError) error = NULL;
  double distance = 0.0;
  if (!hysac_engine_embed(engine, &frame, NULL, NULL, &distance, &error))
    fail_msg("%s", error->message);
  return distance;
}

static GstHarness *
harness_new(guint tolerance, guint budget)
{
  GstElement *element = gst_element_factory_make("hysacmoderate", NULL);
  assert_non_null(element);
  g_object_set(element, "model", model_path, "precision", HYSAC_PRECISION_FP32, "sample-interval",
               (guint64)0, "change-tolerance", tolerance, "change-budget", budget, NULL);
  gst_util_set_object_arg(G_OBJECT(element), "reuse", "always");
  gst_util_set_object_arg(G_OBJECT(element), "action", "tag");
  GstHarness *h = gst_harness_new_with_element(element, "sink", "src");
  gst_object_unref(element);
  g_autofree char *caps =
      g_strdup_printf("video/x-raw,format=RGB,width=%u,height=%u,framerate=25/1", side, side);
  gst_harness_set_src_caps_str(h, caps);
  return h;
}

/* What becomes of @picture, which is the @i-th frame. */
static void
expect(GstHarness *h, guint i, const guint8 *picture, gboolean reused, double distance)
{
  /* RGB rows of a GstVideoInfo are of whole words: side * 3 is. */
  assert_int_equal(side * 3 % 4, 0);
  GstBuffer *buffer = gst_buffer_new_memdup(picture, (gsize)side * side * 3);
  GST_BUFFER_PTS(buffer) = i * 40 * GST_MSECOND;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  assert_int_equal(gst_harness_push(h, buffer), GST_FLOW_OK);
  g_autoptr(GstBuffer) out = gst_harness_pull(h);
  assert_non_null(out);
  const GstStructure *meta = gst_buffer_get_hysac_meta(out);
  double found = 0.0;
  assert_non_null(meta);
  assert_true(gst_hysac_meta_get_distance(meta, &found));
  if (found != distance)
    fail_msg("frame %u: %.17g, not %.17g", i, found, distance);
  if (gst_hysac_meta_get_reused(meta) != reused)
    fail_msg("frame %u: %s", i, reused ? "was encoded" : "was reused");
}

/* By default: the numbers are those of encoding each frame, bit for bit. */
static void
nothing_but_the_very_same(void **state)
{
  GstHarness *h = harness_new(0, 0);
  g_autofree guint8 *a = picture_new(20), *b = picture_new(20);
  square(b, side / 2, side / 2, SCALE, 255); /* one pixel of the encoder's, nearly */
  const double of_a = distance_of(a), of_b = distance_of(b);
  assert_true(of_a != of_b);
  expect(h, 0, a, FALSE, of_a);
  expect(h, 1, a, TRUE, of_a);
  expect(h, 2, a, TRUE, of_a);
  expect(h, 3, b, FALSE, of_b);
  expect(h, 4, b, TRUE, of_b);
  expect(h, 5, a, FALSE, of_a);
  g_autoptr(GstStructure) stats = NULL;
  guint64 reused = 0, of_engine = 0;
  g_object_get(h->element, "stats", &stats, NULL);
  assert_true(gst_structure_get_uint64(stats, "reused", &reused));
  assert_true(gst_structure_get_uint64(stats, "engine-reused", &of_engine));
  assert_int_equal(reused, 3);
  assert_int_equal(of_engine, 3);
  gst_harness_teardown(h);
}

/* With all that can be allowed: noise passes as unchanged, a small picture in the picture does not. */
static void
small_pictures_are_seen(void **state)
{
  GstHarness *h = harness_new(8, 100000);
  g_autofree guint8 *a = picture_new(20), *noisy = picture_new(20);
  for (guint i = 0; i < side * side * 3; i++)
    noisy[i] = (guint8)(noisy[i] + i * 2654435761u % 3);
  const double of_a = distance_of(a);
  guint n = 0;
  expect(h, n++, a, FALSE, of_a);
  expect(h, n++, noisy, TRUE, of_a);
  for (guint at = 0; at + 8 * SCALE <= side; at += 5 * SCALE + 1) {
    g_autofree guint8 *inset = picture_new(20);
    square(inset, at, side - 8 * SCALE - at, 7 * SCALE, 250);
    expect(h, n++, inset, FALSE, distance_of(inset));
    expect(h, n++, a, FALSE, of_a);
  }
  assert_true(n > 6);
  gst_harness_teardown(h);
}

/* Slower than the tolerance from frame to frame: what is reused is never farther from what was encoded. */
static void
slow_fade_is_seen(void **state)
{
  GstHarness *h = harness_new(4, 0);
  double of_last = 0.0;
  guint last = 0, encoded = 0;
  for (guint i = 0; i < 40; i++) {
    g_autofree guint8 *picture = picture_new(20 + i);
    const gboolean reused = i > 0 && i - last <= 4;
    if (!reused) {
      of_last = distance_of(picture);
      last = i;
      encoded++;
    }
    expect(h, i, picture, reused, of_last);
  }
  assert_int_equal(encoded, 8);
  gst_harness_teardown(h);
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_but_the_very_same),
      cmocka_unit_test(small_pictures_are_seen),
      cmocka_unit_test(slow_fade_is_seen),
  };
  const int failed = cmocka_run_group_tests(tests, set_up, tear_down);
  gst_deinit();
  return failed;
}
