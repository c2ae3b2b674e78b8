/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The reference pictures through the C reference: the bytes that transformers 4.31 and Pillow gave,
 * got back from pixel_values = (byte / 255 - mean) / std. */

#include "tests/opencl/test_preprocess_common.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>

static gint
by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *
list_images(const char *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;

  assert_non_null(dir);
  while ((name = g_dir_read_name(dir)))
    g_ptr_array_add(names, g_build_filename(folder, name, NULL));
  g_ptr_array_sort(names, by_name);
  return names;
}

static void
check_set(const char *set, guint at_least)
{
  g_autofree char *top = g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", set, NULL);
  g_autofree char *folder = g_build_filename(top, "images", NULL);
  g_autofree char *file = g_build_filename(top, "expected", "expected.safetensors", NULL);
  g_autofree char *directory = g_build_filename(top, "model", NULL);
  g_autoptr(GPtrArray) images = list_images(folder);
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = hysac_model_load(directory, &error);
  g_autoptr(HysacSafetensors) arrays = hysac_safetensors_open(file, &error);
  const HysacPreprocessConfig *config;
  const HysacTensor *tensor;
  g_autofree float *values = NULL;
  g_autofree guint8 *rgb = NULL;
  gsize side, plane;

  if (!model || !arrays)
    fail_msg("%s", error->message);
  config = hysac_model_get_preprocess_config(model);
  side = config->crop_size;
  plane = side * side;
  tensor = hysac_safetensors_lookup(arrays, "pixel_values");
  assert_non_null(tensor);
  assert_true(images->len >= at_least);
  assert_int_equal(tensor->n_elements, images->len * 3 * plane);
  values = g_new(float, tensor->n_elements);
  rgb = g_malloc(plane * 3);
  assert_true(hysac_tensor_read_f32(tensor, "pixel_values", values, NULL));

  for (guint i = 0; i < images->len; i++) {
    const char *name = g_ptr_array_index(images, i);
    g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file(name, &error);
    HysacFrame frame;

    if (!pixbuf)
      fail_msg("%s", error->message);
    frame = (HysacFrame){
      .format = gdk_pixbuf_get_has_alpha(pixbuf) ? HYSAC_FORMAT_RGBA : HYSAC_FORMAT_RGB,
      .width = (guint)gdk_pixbuf_get_width(pixbuf), .height = (guint)gdk_pixbuf_get_height(pixbuf),
      .planes = { gdk_pixbuf_read_pixels(pixbuf) },
      .strides = { (gsize)gdk_pixbuf_get_rowstride(pixbuf) },
      .sizes = { gdk_pixbuf_get_byte_length(pixbuf) } };
    if (!hysac_preprocess_reference(config, &frame, rgb, &error))
      fail_msg("%s: %s", name, error->message);
    for (gsize k = 0; k < plane * 3; k++) {
      gsize channel = k / plane;
      double byte = ((double)values[i * 3 * plane + k] * (double)config->std[channel] +
                     (double)config->mean[channel]) * 255.0;

      assert_true(fabs(byte - round(byte)) < 1e-3);
      if (rgb[k % plane * 3 + channel] != (guint8)round(byte))
        fail_msg("%s: at %zu channel %zu: %u, expected %.0f", name, k % plane, channel,
                 rgb[k % plane * 3 + channel], round(byte));
    }
  }
}

static void
test_small(void **state)
{
  check_set("small", 6);
}

static void
test_newpeft(void **state)
{
  check_set("small-newpeft", 3);
}

int
main(void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test(test_small), cmocka_unit_test(test_newpeft) };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
