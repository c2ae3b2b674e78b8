/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is written is read back by the reader, and by the format's own rules byte for byte. */

#include "support.h"

#include "core/safetensors_write.h"

static void
tensors_come_back(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "x.safetensors", NULL);
  const float a[] = {1.0f, -2.5f, 3e-38f, 3e38f, -0.0f, 1e-45f}, b[] = {7.0f};
  const HysacFloats tensors[] = {{"weight \"\\\n", a, 2, {2, 3}}, {"bias", b, 1, {1}}, {"none", b, 1, {0}},
                                 {"scalar", b, 0, {0}}};
  const char *const metadata[] = {"format", "hysac-head-1", "note", "caf\xc3\xa9 {\"a\": [1, \"\\\"\"]}", NULL};
  GError *error = NULL;
  char *text;
  gsize size;
  float back[6];

  for (guint again = 0; again < 2; again++) { /* the second takes the first's place */
    assert_true(hysac_safetensors_write(path, tensors, 4, metadata, &error));
    HysacSafetensors *file = hysac_safetensors_open(path, &error);
    assert_non_null(file);
    const char *const *names = hysac_safetensors_names(file);
    assert_int_equal(g_strv_length((char **) names), 4);
    for (guint i = 0; i < 4; i++) {
      const HysacTensor *tensor = hysac_safetensors_lookup(file, tensors[i].name);
      assert_string_equal(names[i], tensors[i].name);
      assert_true(tensor->dtype == HYSAC_DTYPE_F32 && tensor->rank == tensors[i].rank);
      for (guint k = 0; k < tensor->rank; k++)
        assert_int_equal(tensor->shape[k], tensors[i].shape[k]);
    }
    assert_true(hysac_safetensors_read_f32(file, tensors[0].name, back, &error));
    assert_memory_equal(back, a, sizeof a);
    assert_true(hysac_safetensors_read_f32(file, "scalar", back, &error));
    assert_true(back[0] == 7.0f);
    hysac_safetensors_unref(file);
  }
  assert_true(g_file_get_contents(path, &text, &size, NULL));
  guint64 header;
  memcpy(&header, text, 8);
  header = GUINT64_FROM_LE(header);
  assert_true(header % 8 == 0 && size == 8 + header + 8 * sizeof(float));
  const char *start = "{\"__metadata__\":{\"format\":\"hysac-head-1\",\"note\":\"caf\xc3\xa9 "
                      "{\\\"a\\\": [1, \\\"\\\\\\\"\\\"]}\"},\"weight \\\"\\\\\\n\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                      "\"data_offsets\":[0,24]},\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]}";
  assert_memory_equal(text + 8, start, strlen(start));
  g_free(text);
  g_free(path);
  remove_dir(dir);
}

static void
what_cannot_be_written_is_refused(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "x.safetensors", NULL);
  const float good[] = {1, 2}, bad[] = {1, (float) NAN};
  const HysacFloats nan = {"x", bad, 1, {2}}, huge = {"x", good, 2, {G_MAXSIZE, 2}};
  const HysacFloats reserved = {"__metadata__", good, 1, {2}}, fine = {"x", good, 1, {2}};
  const HysacFloats *const cases[] = {&nan, &huge, &reserved};
  const char *const odd[] = {"key", NULL}, *const latin[] = {"key", "caf\xe9", NULL};
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    assert_false(hysac_safetensors_write(path, cases[i], 1, NULL, &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, "tensor 0");
  }
  assert_false(hysac_safetensors_write(path, &fine, 1, odd, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "metadata");
  assert_false(hysac_safetensors_write(path, &fine, 1, latin, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "metadata");
  assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
  assert_false(hysac_safetensors_write("/nonexistent/folder/x", &fine, 1, NULL, &error));
  expect_error(&error, HYSAC_ERROR_IO, "/nonexistent/folder");
  g_free(path);
  remove_dir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(tensors_come_back),
    cmocka_unit_test(what_cannot_be_written_is_refused),
  };
  return cmocka_run_group_tests_name("safetensors_write", tests, NULL, NULL);
}
