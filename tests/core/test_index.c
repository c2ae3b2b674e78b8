/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The index's file: what goes in comes out, what is damaged is refused, and a write that fails leaves nothing. */
#include "points.h"

#include "core/index_private.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIM 20

static guint
count_files(const char *folder)
{
  GDir *dir = g_dir_open(folder, 0, NULL);
  guint n = 0;
  while (g_dir_read_name(dir))
    n++;
  g_dir_close(dir);
  return n;
}

static void
test_round_trip(void **state)
{
  GRand *rand = test_rand();
  const HysacIndexSpace space = make_space(DIM);
  char *folder = make_dir();
  g_autofree char *path = g_build_filename(folder, "x.index", NULL);
  float *points = make_points(rand, POINTS_FEATURES, 100, DIM);
  GError *error = NULL;
  struct stat info;
  HysacIndexWriter *writer = hysac_index_writer_new(path, &space, &error);
  for (guint i = 0; i < 100; i++) {
    /* Frames of one video, then pictures; one name is no UTF-8. */
    g_autofree char *name = g_strdup_printf("p-%u-\xff.png", i);
    const gboolean frame = i < 40;
    assert_true(hysac_index_writer_add(writer, frame ? "v.mp4" : name, frame ? (gint64) i * 500000000 : -1,
                                       points + i * DIM, &error));
    if (i >= 39)
      hysac_index_writer_end_file(writer);
  }
  assert_int_equal(hysac_index_writer_get_n_points(writer), 100);
  assert_true(hysac_index_writer_finish(writer, &error));
  assert_int_equal(count_files(folder), 1);
  assert_int_equal(g_stat(path, &info), 0);
  assert_int_equal(info.st_mode & 077, 0);

  HysacIndex *index = hysac_index_open(path, &error);
  if (!index)
    fail_msg("%s", error->message);
  assert_true(hysac_index_verify(index, &error));
  assert_int_equal(hysac_index_get_n_points(index), 100);
  assert_true(hysac_index_space_equal(hysac_index_get_space(index), "a", &space, "b", &error));
  for (guint i = 0; i < 100; i++) {
    HysacIndexId id;
    g_autofree char *name = g_strdup_printf("p-%u-\xff.png", i);
    assert_true(hysac_index_get_id(index, i, &id, &error));
    assert_string_equal(id.path, i < 40 ? "v.mp4" : name);
    assert_true(id.time == (i < 40 ? (gint64) i * 500000000 : -1));
    assert_int_equal(id.last, i >= 39);
    assert_memory_equal(hysac_index_get_point(index, i), points + i * DIM, DIM * sizeof(float));
  }

  /* Appending: a new file in the old one's place, which stays readable to who has it open. */
  writer = hysac_index_writer_new(path, &space, &error);
  assert_true(hysac_index_writer_add_all(writer, index, &error));
  assert_true(hysac_index_writer_add(writer, "more.png", -1, points, &error));
  assert_true(hysac_index_writer_finish(writer, &error));
  assert_memory_equal(hysac_index_get_point(index, 99), points + 99 * DIM, DIM * sizeof(float));
  hysac_index_unref(index);
  index = hysac_index_open(path, &error);
  assert_int_equal(hysac_index_get_n_points(index), 101);
  assert_true(hysac_index_verify(index, &error));
  HysacIndexId id;
  assert_true(hysac_index_get_id(index, 100, &id, &error));
  assert_string_equal(id.path, "more.png");
  assert_false(id.last);
  assert_true(hysac_index_get_id(index, 39, &id, &error));
  assert_true(id.last);
  HysacIndex *again = hysac_index_ref(index);
  hysac_index_unref(again);
  hysac_index_unref(index);
  g_free(points);
  remove_dir(folder);
  g_rand_free(rand);
}

/* A row is what docs/search.md says, whatever the codes; and what is read of it is what was put there. */
static void
test_codes(void **state)
{
  GRand *rand = test_rand();
  for (guint round = 0; round < 300; round++) {
    const guint dim = round < 260 ? round + 1 : (guint) g_rand_int_range(rand, 1, HYSAC_INDEX_MAX_DIM + 1);
    const gsize width = hysac_index_width(dim), stride = hysac_index_stride(dim);
    g_autofree guint8 *codes = g_malloc(width), *row = g_malloc(stride), *again = g_malloc(width);
    assert_true(width >= dim && width < dim + 128 && width % 128 == 0 && stride == width * 3 / 4);
    for (gsize i = 0; i < width; i++)
      codes[i] = (guint8) (round % 8 == 0 ? 63 : round % 8 == 1 ? 0 : g_rand_int_range(rand, 0, 64));
    hysac_index_pack(codes, dim, row);
    for (gsize i = 0; i < width; i++) {
      const guint8 *block = row + i / 128 * 96;
      const gsize at = i % 128, j = at % 32;
      const guint high = block[j] / 64u * 16 + block[32 + j] / 64u * 4 + block[64 + j] / 64u;
      const guint code = at < 96 ? block[at] % 64u : high;
      assert_int_equal(code, codes[i]);
    }
    hysac_index_unpack(row, dim, again);
    assert_memory_equal(again, codes, width);
  }
  g_rand_free(rand);
}

static void
test_empty(void **state)
{
  const HysacIndexSpace space = make_space(1);
  char *folder = make_dir();
  HysacIndex *index = make_index(folder, &space, NULL, 0);
  HysacHit hit;
  HysacSearchStats stats;
  const float query = 1;
  GError *error = NULL;
  assert_int_equal(hysac_index_get_n_points(index), 0);
  assert_true(hysac_index_verify(index, &error));
  assert_true(hysac_index_search(index, &query, 1, 1, 0, &hit, &stats, &error));
  assert_true(stats.screened == 0);
  hysac_index_unref(index);
  remove_dir(folder);
}

static void
test_what_is_refused(void **state)
{
  HysacIndexSpace space = make_space(2);
  char *folder = make_dir();
  g_autofree char *path = g_build_filename(folder, "index", NULL);
  g_autofree char *nowhere = g_build_filename(folder, "no", "index", NULL);
  g_autofree char *longest = g_strnfill(HYSAC_INDEX_MAX_NAME, 'x'), *longer = g_strnfill(HYSAC_INDEX_MAX_NAME + 1, 'x');
  GError *error = NULL;
  const float good[2] = { 1, 2 };
  const float bad[][2] = { { NAN, 0 }, { INFINITY, 0 }, { 1, -INFINITY }, { 2e15f, 0 }, { 3e38f, 3e38f } };
  assert_null(hysac_index_writer_new(nowhere, &space, &error));
  expect_error(&error, HYSAC_ERROR_IO, "cannot write");
  HysacIndexWriter *writer = hysac_index_writer_new(path, &space, &error);
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    assert_false(hysac_index_writer_add(writer, "some.png", -1, bad[i], &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, "some.png");
  }
  assert_false(hysac_index_writer_add(writer, "", -1, good, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a name");
  assert_false(hysac_index_writer_add(writer, longer, -1, good, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a name");
  assert_false(hysac_index_writer_add(writer, "a", -2, good, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a time");
  assert_true(hysac_index_writer_add(writer, longest, G_MAXINT64, good, &error));
  assert_true(hysac_index_writer_finish(writer, &error));
  HysacIndex *index = hysac_index_open(path, &error);
  assert_true(hysac_index_verify(index, &error)); /* and what was refused left nothing */
  assert_int_equal(hysac_index_get_n_points(index), 1);

  /* Another model's: named by its hash. */
  HysacIndexSpace other = space;
  other.weights[0] = 0xab;
  writer = hysac_index_writer_new(path, &other, &error);
  assert_false(hysac_index_writer_add_all(writer, index, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "ab1122");
  hysac_index_writer_free(writer);
  const struct {
    HysacIndexSpace space;
    const char *text;
  } others[] = {
    { { .dim = 3 }, "of 3" },
    { { .dim = 2, .curvature = 1 }, "curvature" },
    { { .dim = 2, .curvature = 0.62, .alpha = 1 }, "alpha" },
    { { .dim = 2, .curvature = 0.62, .alpha = 0.19, .precision = HYSAC_PRECISION_BF16 }, "bf16" },
  };
  for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
    other = others[i].space;
    memcpy(other.weights, space.weights, sizeof other.weights);
    assert_false(hysac_index_space_equal(&space, "one", &other, "two", &error));
    expect_error(&error, HYSAC_ERROR_MODEL, others[i].text);
  }
  const HysacIndexSpace senseless[] = {
    { .dim = 0 },
    { .dim = HYSAC_INDEX_MAX_DIM + 1 },
    { .dim = 2, .curvature = 0, .precision = HYSAC_PRECISION_FP32 },
    { .dim = 2, .curvature = NAN, .precision = HYSAC_PRECISION_FP32 },
    { .dim = 2, .curvature = 1, .alpha = NAN, .precision = HYSAC_PRECISION_FP32 },
    { .dim = 2, .curvature = 1, .alpha = 1, .precision = HYSAC_PRECISION_AUTO },
  };
  for (guint i = 0; i < G_N_ELEMENTS(senseless); i++) {
    assert_null(hysac_index_writer_new(path, &senseless[i], &error));
    expect_error(&error, HYSAC_ERROR_ARGUMENT, path);
  }
  hysac_index_unref(index);
  remove_dir(folder);
}

/* A file of @data, opened; and verified where that works. */
static gboolean
is_whole(const char *path, const char *data, gsize size, GError **error)
{
  g_remove(path);
  assert_true(g_file_set_contents_full(path, data, (gssize) size, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  g_autoptr(HysacIndex) index = hysac_index_open(path, error);
  return index != NULL && hysac_index_verify(index, error);
}

/* With the header's own hash made right, so that what it says is looked at. */
static void
seal(char *data)
{
  guint8 digest[32];
  hysac_index_digest((const guint8 *) data, digest);
  memcpy(data + G_STRUCT_OFFSET(HysacIndexHeader, sha256), digest, sizeof digest);
}

static void
test_damage(void **state)
{
  GRand *rand = test_rand();
  const HysacIndexSpace space = make_space(DIM);
  char *folder = make_dir();
  g_autofree char *path = g_build_filename(folder, "index", NULL);
  float *points = make_points(rand, POINTS_GAUSS, 37, DIM);
  g_autofree char *data = NULL;
  gsize size;
  GError *error = NULL;
  hysac_index_unref(make_index(folder, &space, points, 37));
  assert_true(g_file_get_contents(path, &data, &size, NULL));
  const HysacIndexHeader header = *(HysacIndexHeader *) data;
  assert_true(is_whole(path, data, size, &error));

  /* Any bit of the header page, and any byte of a section. */
  for (guint i = 0; i < 800; i++) {
    guint section = (guint) g_rand_int_range(rand, 0, HYSAC_INDEX_N_SECTIONS + 1);
    gsize at = (gsize) g_rand_int_range(rand, 0, HYSAC_INDEX_PAGE);
    if (section < HYSAC_INDEX_N_SECTIONS)
      at = header.sections[section].offset +
           (gsize) g_rand_int_range(rand, 0, (gint32) header.sections[section].bytes);
    const char old = data[at];
    data[at] = (char) (old ^ 1 << g_rand_int_range(rand, 0, 8));
    if (is_whole(path, data, size, &error))
      fail_msg("byte %" G_GSIZE_FORMAT " does not matter", at);
    assert_non_null(error);
    g_clear_error(&error);
    data[at] = old;
  }
  /* Nor is a damaged point given bytes that fit it, in a copy. */
  for (guint i = 0; i < 40; i++) {
    const gsize at = header.sections[HYSAC_INDEX_POINTS].offset +
                     (gsize) g_rand_int_range(rand, 0, (gint32) header.sections[HYSAC_INDEX_POINTS].bytes);
    g_autofree char *copy = g_build_filename(folder, "copy", NULL);
    g_autoptr(HysacIndexWriter) writer = hysac_index_writer_new(copy, &space, NULL);
    data[at] ^= 1;
    assert_true(g_file_set_contents(path, data, (gssize) size, NULL));
    g_autoptr(HysacIndex) damaged = hysac_index_open(path, &error);
    assert_non_null(damaged);
    assert_true(hysac_index_verify_screen(damaged, &error));
    assert_false(hysac_index_writer_add_all(writer, damaged, &error));
    expect_error(&error, HYSAC_ERROR_FORMAT, "its part \"points\" is damaged");
    data[at] ^= 1;
  }
  /* Any length but the right one. */
  for (guint i = 0; i < 200; i++) {
    assert_false(is_whole(path, data, (gsize) g_rand_int_range(rand, 0, (gint32) size), &error));
    g_clear_error(&error);
  }
  g_autofree char *more = g_malloc0(size + 4096);
  memcpy(more, data, size);
  assert_false(is_whole(path, more, size + 4096, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "the header speaks of");

  /* A header that is whole and wrong. */
  HysacIndexHeader *h = (HysacIndexHeader *) data;
  const struct {
    const char *text;
    HysacError code;
    gsize offset;
    guint64 value;
    gsize bytes;
  } wrong[] = {
    { "not an index", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, magic), 'x', 1 },
    { "byte order", HYSAC_ERROR_UNSUPPORTED, G_STRUCT_OFFSET(HysacIndexHeader, endian), 0x04030201, 4 },
    { "version 1, which this build reads no more: delete it", HYSAC_ERROR_UNSUPPORTED,
      G_STRUCT_OFFSET(HysacIndexHeader, version), 1, 4 },
    { "version 3", HYSAC_ERROR_UNSUPPORTED, G_STRUCT_OFFSET(HysacIndexHeader, version), 3, 4 },
    { "precision", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, precision), 99, 4 },
    { "points of 0", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, dim), 0, 4 },
    { "sections", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, dim), DIM + 1, 4 },
    { "sections", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, n), 1000, 8 },
    { "sections", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, n), G_MAXUINT64, 8 },
    { "sections", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, sections[3].offset), G_MAXUINT64, 8 },
    { "sections", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, sections[6].bytes), G_MAXUINT64 - 4095, 8 },
    { "curvature", HYSAC_ERROR_FORMAT, G_STRUCT_OFFSET(HysacIndexHeader, curvature), 0, 8 },
  };
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    const HysacIndexHeader before = *h;
    memcpy(data + wrong[i].offset, &wrong[i].value, wrong[i].bytes);
    seal(data);
    assert_false(is_whole(path, data, size, &error));
    expect_error(&error, wrong[i].code, wrong[i].text);
    *h = before;
  }
  assert_true(is_whole(path, data, size, &error));

  /* A name that is not one is an error of that name only. */
  HysacIndexRecord *record = (HysacIndexRecord *) (data + header.sections[HYSAC_INDEX_IDS].offset) + 5;
  record->name = header.sections[HYSAC_INDEX_NAMES].bytes - 1;
  assert_false(is_whole(path, data, size, &error));
  g_clear_error(&error);
  HysacIndex *index = hysac_index_open(path, &error);
  HysacIndexId id;
  assert_true(hysac_index_get_id(index, 4, &id, &error));
  assert_false(hysac_index_get_id(index, 5, &id, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "point 5");
  hysac_index_unref(index);

  assert_null(hysac_index_open(folder, &error));
  expect_error(&error, HYSAC_ERROR_IO, "folder");
  g_free(points);
  remove_dir(folder);
  g_rand_free(rand);
}

/* A disk that is full, at any place of the file: an error, no file aside, and the old index as it was. */
static void
test_full_disk(void **state)
{
  GRand *rand = test_rand();
  const HysacIndexSpace space = make_space(DIM);
  char *folder = make_dir();
  g_autofree char *path = g_build_filename(folder, "index", NULL);
  float *points = make_points(rand, POINTS_GAUSS, 20000, DIM);
  struct rlimit before;
  GError *error = NULL;
  signal(SIGXFSZ, SIG_IGN);
  HysacIndex *old = make_index(folder, &space, points, 20000);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  HysacIndexHeader header = { .dim = DIM, .n = 20000 };
  assert_true(hysac_index_lay_out(&header, 20000));
  for (guint i = 0; i < HYSAC_INDEX_N_SECTIONS; i++) {
    const struct rlimit limit = { header.sections[i].offset + 100, before.rlim_max };
    gboolean ok = TRUE;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    HysacIndexWriter *writer = hysac_index_writer_new(path, &space, &error);
    for (guint j = 0; ok && j < 20000; j++)
      ok = hysac_index_writer_add(writer, "p", -1, points + j * DIM, &error);
    if (ok)
      ok = hysac_index_writer_finish(writer, &error);
    else
      hysac_index_writer_free(writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    /* Names are shared: the last section ends before the limit. */
    if (i < HYSAC_INDEX_NAMES) {
      assert_false(ok);
      expect_error(&error, HYSAC_ERROR_IO, path);
      assert_int_equal(count_files(folder), 1);
      HysacIndex *index = hysac_index_open(path, &error);
      assert_true(index && hysac_index_get_n_points(index) == 20000);
      assert_true(i > 0 || hysac_index_verify(index, &error));
      hysac_index_unref(index);
    }
    g_clear_error(&error);
  }
  hysac_index_unref(old);
  g_free(points);
  remove_dir(folder);
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_codes),  cmocka_unit_test(test_empty),
    cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_damage), cmocka_unit_test(test_full_disk),
  };
  return cmocka_run_group_tests_name("index", tests, NULL, NULL);
}
