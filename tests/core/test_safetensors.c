/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/safetensors.h"
#include "core/weights.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of @header and @data_size bytes of 0, 1, 2, … */
static GBytes *
make_file(const char *header, gsize data_size)
{
  GByteArray *file = g_byte_array_new();
  guint64 size = GUINT64_TO_LE((guint64) strlen(header));

  g_byte_array_append(file, (const guint8 *) &size, 8);
  g_byte_array_append(file, (const guint8 *) header, (guint) strlen(header));
  for (gsize i = 0; i < data_size; i++)
    g_byte_array_append(file, &(const guint8){(guint8) i}, 1);
  return g_byte_array_free_to_bytes(file);
}

static HysacSafetensors *
open_text(const char *header, gsize data_size, GError **error)
{
  GBytes *bytes = make_file(header, data_size);
  HysacSafetensors *file = hysac_safetensors_new_from_bytes(bytes, "x.safetensors", error);
  g_bytes_unref(bytes); /* the file holds it */
  return file;
}

static void
expect_refused(const char *header, gsize data_size, const char *text)
{
  GError *error = NULL;
  HysacSafetensors *file = open_text(header, data_size, &error);
  if (file)
    fail_msg("accepted: %s", header);
  assert_non_null(strstr(error->message, "x.safetensors"));
  expect_error(&error, HYSAC_ERROR_FORMAT, text);
}

static void
test_good(void **state)
{
  GError *error = NULL;
  /* In another order than in the file, with an empty tensor, a scalar and padding. */
  HysacSafetensors *file = open_text(
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]},"
    "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[8,8]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
    "\"s\":{\"data_offsets\":[11,13],\"shape\":[],\"dtype\":\"BF16\"}}  ", 13, &error);
  assert_null(error);
  assert_non_null(file);
  const char *const *names = hysac_safetensors_names(file);
  assert_string_equal(names[0], "b");
  assert_string_equal(names[1], "none");
  assert_string_equal(names[3], "s");
  assert_null(names[4]);
  const HysacTensor *a = hysac_safetensors_lookup(file, "a");
  assert_true(a->rank == 2 && a->shape[0] == 1 && a->shape[1] == 2 && a->n_elements == 2);
  assert_true(a->n_bytes == 8 && ((const guint8 *) a->data)[5] == 5);
  assert_int_equal(hysac_safetensors_lookup(file, "none")->n_elements, 0);
  assert_int_equal(hysac_safetensors_lookup(file, "s")->n_elements, 1);
  assert_null(hysac_safetensors_lookup(file, "__metadata__"));
  hysac_safetensors_unref(hysac_safetensors_ref(file));
  hysac_safetensors_unref(file);
  hysac_safetensors_unref(NULL);
}

static void
test_bad_header(void **state)
{
  GString *deep = g_string_new("{\"a\":");
  for (guint i = 0; i < 100000; i++)
    g_string_append_c(deep, '[');
  expect_refused(deep->str, 0, "nested too deeply");
  g_string_free(deep, TRUE);

  expect_refused("", 0, "object is expected");
  expect_refused("[]", 0, "object is expected");
  expect_refused("{\"a\":1} x", 0, "behind the end");
  expect_refused("{\"a\"", 0, "':' is expected");
  expect_refused("{\"a\":{}", 0, "'}' is expected");
  expect_refused("{\"a\":01}", 0, "expected");
  expect_refused("{'a':1}", 0, "string is expected");
  expect_refused("{\"a\":NaN}", 0, "value is expected");
  expect_refused("{\"a\":\"\\ud800\"}", 0, "surrogate");
  expect_refused("{\"a\":\"\\udc00x\"}", 0, "surrogate");
  expect_refused("{\"a\":\"\\ud800\\u0041\"}", 0, "surrogate");
  expect_refused("{\"\\u0000\":1}", 0, "NUL");
  expect_refused("{\"a\xff\":1}", 0, "UTF-8");
  expect_refused("{\"a\":1}", 0, "object is expected");
  expect_refused("{\"a\":{\"shape\":[],\"data_offsets\":[0,0]}}", 0, "no dtype");
  expect_refused("{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,0]}}", 0, "no dtype");
  expect_refused("{\"a\":{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "F31");
  expect_refused("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no shape");
  expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "two offsets");

#define TENSOR(name, shape, offsets) \
  "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
  expect_refused("{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("a", "[1]", "[4,8]") "}", 8, "twice");
  /* The same name in two spellings. */
  expect_refused("{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("\\u0061", "[1]", "[4,8]") "}", 8,
                 "twice");
  expect_refused("{" TENSOR("a", "[-1]", "[0,4]") "}", 4, "not a count");
  expect_refused("{" TENSOR("a", "[1.0]", "[0,4]") "}", 4, "not a count");
  expect_refused("{" TENSOR("a", "[\"1\"]", "[0,4]") "}", 4, "not a count");
  expect_refused("{" TENSOR("a", "[18446744073709551615]", "[0,4]") "}", 4, "not a count");
  expect_refused("{" TENSOR("a", "[99999999999999999999999]", "[0,4]") "}", 4, "not a count");
  expect_refused("{" TENSOR("a", "[4294967296,4294967296]", "[0,0]") "}", 0, "overflows");
  expect_refused("{" TENSOR("a", "[9223372036854775807]", "[0,0]") "}", 0, "not a count");
  expect_refused("{" TENSOR("a", "[9223372036854775806]", "[0,0]") "}", 0, "elements");
  expect_refused("{" TENSOR("a", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "9 dimensions");
  expect_refused("{" TENSOR("a", "[1]", "[0,8]") "}", 8, "8 bytes for 1 elements");
  expect_refused("{" TENSOR("a", "[2]", "[0,4]") "}", 4, "4 bytes for 2 elements");
  expect_refused("{" TENSOR("a", "[1]", "[4,0]") "}", 8, "outside");
  expect_refused("{" TENSOR("a", "[1]", "[4,8]") "}", 6, "outside");
  expect_refused("{" TENSOR("a", "[1]", "[0,4,8]") "}", 8, "two offsets");
  expect_refused("{" TENSOR("a", "[1]", "[-4,0]") "}", 4, "two offsets");
  expect_refused("{" TENSOR("a", "[1]", "[4,8]") "}", 8, "belong to no tensor");
  expect_refused("{" TENSOR("a", "[1]", "[0,4]") "}", 8, "belong to no tensor");
  expect_refused("{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[1]", "[4,8]") "}", 8, "overlaps");
}

static void
test_truncated(void **state)
{
  GBytes *whole = make_file("{" TENSOR("a", "[2]", "[0,8]") "}", 8);
  gsize size = g_bytes_get_size(whole);
  GError *error = NULL;

  for (gsize n = 0; n < size; n++) {
    GBytes *part = g_bytes_new_from_bytes(whole, 0, n);
    assert_null(hysac_safetensors_new_from_bytes(part, "part", &error));
    expect_error(&error, HYSAC_ERROR_FORMAT, "part");
    g_bytes_unref(part);
  }
  /* A header that claims more than the file, or than any file. */
  const guint8 huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'};
  GBytes *bytes = g_bytes_new(huge, sizeof huge);
  assert_null(hysac_safetensors_new_from_bytes(bytes, "huge", &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "header");
  g_bytes_unref(bytes);
  g_bytes_unref(whole);
}

static void
test_files(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "f", NULL);
  char *link = g_build_filename(dir, "link", NULL);
  GError *error = NULL;

  assert_null(hysac_safetensors_open(path, &error));
  expect_error(&error, HYSAC_ERROR_IO, path);
  assert_null(hysac_safetensors_open(dir, &error));
  expect_error(&error, HYSAC_ERROR_IO, "folder");
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_null(hysac_safetensors_open(path, &error)); /* and does not wait */
  expect_error(&error, HYSAC_ERROR_IO, "pipe");
  g_remove(path);
  assert_true(g_file_set_contents(path, "", 0, NULL));
  assert_null(hysac_safetensors_open(path, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "0 bytes");

  GBytes *bytes = make_file("{" TENSOR("a", "[1]", "[0,4]") "}", 4);
  assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                  (gssize) g_bytes_get_size(bytes), NULL));
  assert_int_equal(symlink("f", link), 0);
  HysacSafetensors *file = hysac_safetensors_open(link, &error);
  assert_non_null(file);
  assert_int_equal(hysac_safetensors_size(file), g_bytes_get_size(bytes));
  hysac_safetensors_unref(file);
  g_remove(link);
  assert_int_equal(symlink("link", link), 0); /* to itself */
  assert_null(hysac_safetensors_open(link, &error));
  expect_error(&error, HYSAC_ERROR_IO, link);
  g_bytes_unref(bytes);
  g_free(link);
  g_free(path);
  remove_dir(dir);
}

/* A tensor over unaligned bytes. */
static HysacTensor
tensor_of(HysacDType dtype, const void *data, gsize n, gsize size)
{
  return (HysacTensor){.dtype = dtype, .rank = 1, .shape = {n}, .n_elements = n, .data = data,
                       .n_bytes = n * size};
}

static void
test_half(void **state)
{
  guint8 bytes[1 + 2];
  float value;
  GError *error = NULL;

  /* All 65536 of them against the definition. */
  for (guint i = 0; i < 65536; i++) {
    guint16 bits = GUINT16_TO_LE((guint16) i);
    memcpy(bytes + 1, &bits, 2);
    HysacTensor tensor = tensor_of(HYSAC_DTYPE_F16, bytes + 1, 1, 2);
    int exponent = (int) (i >> 10 & 31), mantissa = (int) (i & 1023);
    double sign = i & 0x8000 ? -1.0 : 1.0;
    if (exponent == 31) {
      assert_false(hysac_tensor_read_f32(&tensor, "h", &value, &error));
      expect_error(&error, HYSAC_ERROR_MODEL, "tensor h: element 0 is not a finite number");
      continue;
    }
    double expected = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    assert_true(hysac_tensor_read_f32(&tensor, "h", &value, &error));
    assert_true((double) value == sign * expected && !signbit(value) == !(i & 0x8000));

    tensor.dtype = HYSAC_DTYPE_BF16;
    guint32 wide = i << 16;
    float bf;
    memcpy(&bf, &wide, 4);
    if (isfinite(bf)) {
      assert_true(hysac_tensor_read_f32(&tensor, "h", &value, &error));
      assert_memory_equal(&value, &bf, 4);
    }
  }
}

static void
test_values(void **state)
{
  const float floats[] = {1.5f, -0.0f, 3e38f, 1e-45f};
  guint8 bytes[1 + sizeof floats];
  float values[4];
  GError *error = NULL;

  memcpy(bytes + 1, floats, sizeof floats);
  HysacTensor tensor = tensor_of(HYSAC_DTYPE_F32, bytes + 1, 4, 4);
  assert_true(hysac_tensor_read_f32(&tensor, "f", values, &error));
  assert_memory_equal(values, floats, sizeof floats);
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (guint i = 0; i < 3; i++) {
    memcpy(bytes + 1 + 4 * i, &bad[i], 4);
    assert_false(hysac_tensor_read_f32(&tensor, "f", values, &error));
    expect_error(&error, HYSAC_ERROR_MODEL, "is not a finite number");
    memcpy(bytes + 1, floats, sizeof floats);
  }
  tensor.dtype = HYSAC_DTYPE_F64;
  assert_false(hysac_tensor_read_f32(&tensor, "f", values, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "F32, F16 or BF16");
}

/* A file that is cut, overwritten or replaced in place while it is open: an error, no SIGBUS, nothing of another
 * version. Values are more than one chunk. */
static void
test_changed(void **state)
{
  const gsize n = 600000;
  g_autofree char *header = g_strdup_printf(
    "{\"w\":{\"dtype\":\"F32\",\"shape\":[%" G_GSIZE_FORMAT "],\"data_offsets\":[0,%" G_GSIZE_FORMAT "]}}", n, 4 * n);
  g_autofree float *values = g_new0(float, n), *got = g_new0(float, n);
  for (gsize i = 0; i < n; i++)
    values[i] = (float) i;
  GByteArray *bytes = g_byte_array_new();
  guint64 size = GUINT64_TO_LE((guint64) strlen(header));
  g_byte_array_append(bytes, (const guint8 *) &size, 8);
  g_byte_array_append(bytes, (const guint8 *) header, (guint) strlen(header));
  g_byte_array_append(bytes, (const guint8 *) values, (guint) (4 * n));
  g_autofree char *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "w.safetensors", NULL);

  for (guint i = 0; i < 3; i++) {
    GError *error = NULL;
    assert_true(g_file_set_contents(path, (const char *) bytes->data, bytes->len, NULL));
    /* Long ago, so that a change shows in the time whatever its resolution. */
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0), 0);
    HysacSafetensors *file = hysac_safetensors_open(path, &error);
    assert_non_null(file);
    assert_true(hysac_safetensors_read_f32(file, "w", got, &error));
    assert_memory_equal(got, values, 4 * n);
    assert_false(hysac_safetensors_read_f32(file, "v", got, &error));
    expect_error(&error, HYSAC_ERROR_MODEL, "tensor v is missing");
    g_autofree char *hash = hysac_safetensors_hash(file, NULL, &error), *stamp = hysac_safetensors_stamp(file);
    g_autofree char *want = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes->data, bytes->len);
    assert_string_equal(hash, want);
    assert_null(hysac_safetensors_hash(file, &(const gint){1}, &error));
    expect_error(&error, HYSAC_ERROR_CANCELLED, "stopped");
    int fd = open(path, O_WRONLY);
    if (i == 0) {
      assert_int_equal(truncate(path, 4096), 0);
    } else if (i == 1) {
      assert_int_equal(truncate(path, 0), 0);
    } else {
      assert_int_equal(pwrite(fd, "\1", 1, (off_t) bytes->len - 1), 1);
    }
    close(fd);
    assert_false(hysac_safetensors_read_f32(file, "w", got, &error));
    expect_error(&error, HYSAC_ERROR_IO, "cannot be read any more");
    assert_null(hysac_safetensors_hash(file, NULL, &error));
    expect_error(&error, HYSAC_ERROR_IO, "cannot be read any more");
    hysac_safetensors_unref(file);
    /* Written over with its own size and given its old time: another stamp all the same. */
    if (i == 2) {
      assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0), 0);
      file = hysac_safetensors_open(path, &error);
      assert_non_null(file);
      g_autofree char *other = hysac_safetensors_stamp(file), *other_hash = hysac_safetensors_hash(file, NULL, &error);
      assert_string_not_equal(stamp, other);
      assert_string_not_equal(hash, other_hash);
      hysac_safetensors_unref(file);
    }
  }
  HysacSafetensors *memory = open_text("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, NULL);
  assert_null(hysac_safetensors_stamp(memory));
  hysac_safetensors_unref(memory);
  g_byte_array_unref(bytes);
  unlink(path);
  rmdir(folder);
}

/* Names and types that are cut for a message are cut between characters. */
static void
test_long_names(void **state)
{
  GString *long_name = g_string_new("a");
  while (long_name->len < 400)
    g_string_append(long_name, "\303\251");
  g_autofree char *header = g_strdup_printf(
    "{\"%s\":{\"dtype\":\"x%s\",\"shape\":[1],\"data_offsets\":[0,4]}}", long_name->str, long_name->str);
  GError *error = NULL;
  assert_null(open_text(header, 4, &error));
  assert_true(g_utf8_validate(error->message, -1, NULL));
  expect_error(&error, HYSAC_ERROR_FORMAT, "unknown dtype x");
  g_string_free(long_name, TRUE);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good),  cmocka_unit_test(test_bad_header), cmocka_unit_test(test_truncated),
    cmocka_unit_test(test_files), cmocka_unit_test(test_half),       cmocka_unit_test(test_values),
    cmocka_unit_test(test_changed), cmocka_unit_test(test_long_names),
  };
  return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
