/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The search against computing everything in double: the same points in the same order with the same numbers. */
#include "points.h"

#include "core/search_private.h"

static void
expect_same(HysacIndex *index, const HysacScreenVariant *variant, const float *points, const float *queries, guint n,
            guint k, guint threads, const char *what)
{
  const HysacIndexSpace *space = hysac_index_get_space(index);
  const guint n_points = hysac_index_get_n_points(index);
  HysacHit *hits = g_new0(HysacHit, (gsize) n * k);
  HysacSearchStats stats;
  GError *error = NULL;

  if (!hysac_index_search_with(index, variant, queries, n, k, threads, hits, &stats, &error))
    fail_msg("%s: %s", what, error->message);
  assert_true(stats.screened == (guint64) n * n_points);
  for (guint q = 0; q < n; q++) {
    HysacHit *want = brute_force(points, n_points, space->dim, space->curvature, queries + (gsize) q * space->dim);
    for (guint i = 0; i < MIN(k, n_points); i++) {
      const HysacHit *got = &hits[(gsize) q * k + i];
      if (got->point != want[i].point || got->score != want[i].score)
        fail_msg("%s, %s: query %u of %u, %u threads, rank %u of %u: point %u (%.17g) instead of %u (%.17g)",
                 variant->name, what, q, n, threads, i, k, got->point, got->score, want[i].point, want[i].score);
    }
    g_free(want);
  }
  g_free(hits);
}

static void
search_all_ways(GRand *rand, PointsKind kind, guint n, guint dim)
{
  static const guint counts[] = { 1, 2, 5, 6, 16, 17, 67 };
  const HysacIndexSpace space = make_space(dim);
  char *folder = make_dir();
  float *points = make_points(rand, kind, n, dim);
  const guint n_queries = counts[g_rand_int_range(rand, 0, G_N_ELEMENTS(counts))];
  float *queries = make_points(rand, g_rand_boolean(rand) ? kind : POINTS_GAUSS, n_queries, dim);
  HysacIndex *index = make_index(folder, &space, points, n);
  const guint ks[] = { 1, 10, n + 3 };
  g_autofree char *what = g_strdup_printf("kind %d, %u points of %u", (int) kind, n, dim);

  /* A point of the index as a query, and the root. */
  if (n > 0)
    memcpy(queries, points + (gsize) (n / 2) * dim, dim * sizeof *queries);
  if (n_queries > 1)
    memset(queries + dim, 0, dim * sizeof *queries);
  for (guint v = 0; v < hysac_screen_n_variants; v++) {
    if (hysac_screen_variants[v].supported())
      expect_same(index, &hysac_screen_variants[v], points, queries, n_queries,
                  ks[g_rand_int_range(rand, 0, G_N_ELEMENTS(ks))], (guint) g_rand_int_range(rand, 0, 4), what);
  }
  hysac_index_unref(index);
  g_free(points);
  g_free(queries);
  remove_dir(folder);
}

static void
test_any_points(void **state)
{
  static const guint dims[] = { 1, 3, 48, 96, 97, 127, 128, 129, 200, 256, 384 };
  GRand *rand = test_rand();
  for (guint round = 0; round < 12; round++) {
    for (guint kind = 0; kind < N_POINTS_KINDS; kind++)
      search_all_ways(rand, kind, (guint) g_rand_int_range(rand, 0, round % 4 ? 300 : 3000),
                      dims[g_rand_int_range(rand, 0, G_N_ELEMENTS(dims))]);
  }
  g_rand_free(rand);
}

static void
test_few_points(void **state)
{
  GRand *rand = test_rand();
  for (guint n = 0; n < 40; n++)
    search_all_ways(rand, n % 2 ? POINTS_GAUSS : POINTS_COPIES, n, 5);
  g_rand_free(rand);
}

/* Each pair's interval holds its inner product, and all variants compute the same products. */
typedef struct {
  const HysacScreenGroup *group;
  const HysacIndexView *view;
  const float *points, *queries;
  gint32 *dots; /* of the portable variant, [query][point]; first G_MININT32 */
  guint room;
  double widest; /* interval, as a share of |q| |x| */
} Pairs;

static void
on_pair(gpointer user_data, guint query, guint point, gint32 dot)
{
  Pairs *self = user_data;
  const HysacIndexView *view = self->view;
  float lower, upper;
  gint32 *known = &self->dots[(gsize) query * self->room + point];
  assert_true(query < self->group->n && point < self->room);
  if (*known != G_MININT32)
    assert_int_equal(dot, *known);
  *known = dot;
  if (point >= view->n)
    return;
  const float *x = self->points + (gsize) point * view->dim, *q = self->queries + (gsize) query * view->dim;
  const double score = hysac_lorentz_inner(q, x, view->dim, view->curvature);
  hysac_screen_interval(self->group, query, &view->bounds[point / HYSAC_INDEX_GROUP], point % HYSAC_INDEX_GROUP, dot,
                        &lower, &upper);
  if (!((double) lower <= score && score <= (double) upper))
    fail_msg("query %u, point %u: %.17g is not in [%.9g, %.9g]", query, point, score, (double) lower,
             (double) upper);
  const double both = hysac_lorentz_time(q, view->dim, 1e9) * hysac_lorentz_time(x, view->dim, 1e9);
  self->widest = MAX(self->widest, ((double) upper - (double) lower) / both);
}

/* Those variants that take so many levels: the same products of all. */
static void
screen_levels(Pairs *pairs, guint n_queries, guint levels)
{
  const HysacIndexView *view = pairs->view;
  HysacScreenGroup *group = hysac_screen_group_new(view, pairs->queries, n_queries, levels);
  float least[HYSAC_SCREEN_QUERIES];
  pairs->group = group;
  for (gsize i = 0; i < (gsize) n_queries * pairs->room; i++)
    pairs->dots[i] = G_MININT32;
  for (guint i = 0; i < HYSAC_SCREEN_QUERIES; i++)
    least[i] = -INFINITY;
  for (guint v = 0; v < hysac_screen_n_variants; v++) {
    const HysacScreenVariant *variant = &hysac_screen_variants[v];
    if (variant->levels < levels || !variant->supported())
      continue;
    variant->scan(group, least, view->codes, view->bounds, 0, pairs->room, on_pair, pairs);
    for (gsize i = 0; i < (gsize) n_queries * pairs->room; i++)
      assert_int_not_equal(pairs->dots[i], G_MININT32);
  }
  hysac_screen_group_free(group);
}

static void
screen_all(GRand *rand, PointsKind kind, guint n, guint dim, guint n_queries, double c, double *widest)
{
  HysacIndexSpace space = make_space(dim);
  HysacIndexView view;
  char *folder = make_dir();
  float *points = make_points(rand, kind, n, dim), *queries = make_points(rand, kind, n_queries, dim);
  space.curvature = c;
  HysacIndex *index = make_index(folder, &space, points, n);
  hysac_index_view(index, &view);
  Pairs pairs = { .view = &view, .points = points, .queries = queries,
                  .room = (n + HYSAC_INDEX_GROUP - 1) / HYSAC_INDEX_GROUP * HYSAC_INDEX_GROUP };
  pairs.dots = g_new(gint32, (gsize) n_queries * pairs.room);
  for (guint v = 0; v < hysac_screen_n_variants; v++)
    screen_levels(&pairs, n_queries, hysac_screen_variants[v].levels);
  *widest = pairs.widest;
  hysac_index_unref(index);
  g_free(pairs.dots);
  g_free(points);
  g_free(queries);
  remove_dir(folder);
}

/* The products of any codes, the largest and the least among them, with any queries: exactly, of all variants. */
enum { PRODUCT_POINTS = 48 };

typedef struct {
  const HysacScreenVariant *variant;
  gint32 want[HYSAC_SCREEN_QUERIES][PRODUCT_POINTS];
  guint n;
} Products;

static void
on_product(gpointer user_data, guint query, guint point, gint32 dot)
{
  Products *self = user_data;
  if (dot != self->want[query][point])
    fail_msg("%s: query %u, point %u: %d instead of %d", self->variant->name, query, point, dot,
             self->want[query][point]);
  self->n++;
}

/* @kind of bytes: all low, all high, or any. */
static void
check_products(GRand *rand, guint dim, guint n_queries, guint kind, const HysacScreenVariant *variant)
{
  const gint32 levels = (gint32) variant->levels;
  HysacIndexView view = { .n = PRODUCT_POINTS, .dim = dim, .stride = hysac_index_stride(dim),
                          .width = hysac_index_width(dim), .curvature = 1.0 };
  g_autofree guint8 *rows = g_malloc(PRODUCT_POINTS * view.stride), *codes = g_malloc(view.width);
  g_autofree HysacIndexBounds *bounds = g_new0(HysacIndexBounds, PRODUCT_POINTS / HYSAC_INDEX_GROUP);
  g_autofree float *mean = g_new0(float, dim), *queries = g_new(float, (gsize) n_queries * dim);
  float least[HYSAC_SCREEN_QUERIES];
  Products products = { .variant = variant };
  for (gsize i = 0; i < PRODUCT_POINTS * view.stride; i++)
    rows[i] = (guint8) (kind == 0 ? 0 : kind == 1 ? 0xff : g_rand_int_range(rand, 0, 256));
  /* The first number is the largest: with a step of one, numbers are their codes. */
  for (guint q = 0; q < n_queries; q++) {
    for (guint i = 0; i < dim; i++) {
      const gint32 any = g_rand_int_range(rand, -levels, levels + 1);
      queries[q * dim + i] = (float) (i == 0 || q % 3 == 0 ? levels : q % 3 == 1 ? -levels : any);
    }
  }
  view.mean = mean;
  view.codes = rows;
  view.bounds = bounds;
  for (guint point = 0; point < PRODUCT_POINTS; point++) {
    hysac_index_unpack(rows + point * view.stride, dim, codes);
    for (guint q = 0; q < n_queries; q++) {
      for (guint i = 0; i < dim; i++)
        products.want[q][point] += ((gint32) codes[i] - HYSAC_INDEX_ZERO) * (gint32) queries[q * dim + i];
    }
  }
  for (guint q = 0; q < HYSAC_SCREEN_QUERIES; q++)
    least[q] = -INFINITY;
  HysacScreenGroup *group = hysac_screen_group_new(&view, queries, n_queries, variant->levels);
  variant->scan(group, least, rows, bounds, 0, PRODUCT_POINTS, on_product, &products);
  assert_int_equal(products.n, n_queries * PRODUCT_POINTS);
  hysac_screen_group_free(group);
}

static void
test_products(void **state)
{
  static const guint dims[] = { 1, 31, 32, 33, 96, 97, 127, 128, 129, 255, 256, 257, 768, 16384 };
  GRand *rand = test_rand();
  for (guint v = 0; v < hysac_screen_n_variants; v++) {
    if (!hysac_screen_variants[v].supported())
      continue;
    for (guint n = 1; n <= HYSAC_SCREEN_QUERIES; n++) {
      for (guint kind = 0; kind < 3; kind++) {
        check_products(rand, dims[g_rand_int_range(rand, 0, G_N_ELEMENTS(dims))], n, kind, &hysac_screen_variants[v]);
        check_products(rand, (guint) g_rand_int_range(rand, 1, 1000), n, kind, &hysac_screen_variants[v]);
      }
    }
    for (guint i = 0; i < G_N_ELEMENTS(dims); i++) {
      check_products(rand, dims[i], 1, i % 3, &hysac_screen_variants[v]);
      check_products(rand, dims[i], HYSAC_SCREEN_QUERIES, (i + 1) % 3, &hysac_screen_variants[v]);
    }
  }
  g_rand_free(rand);
}

static void
test_intervals(void **state)
{
  GRand *rand = test_rand();
  double widest, sum = 0.0;
  for (guint round = 0; round < 6; round++) {
    for (guint kind = 0; kind < N_POINTS_KINDS; kind++)
      screen_all(rand, kind, (guint) g_rand_int_range(rand, 1, 200), (guint) g_rand_int_range(rand, 1, 200),
                 (guint) g_rand_int_range(rand, 1, 17), exp(g_rand_double_range(rand, -20, 20)), &widest);
  }
  /* They are not only right but narrow: the widest of 3200 is 0.109 to 0.139, so a mean is judged. */
  for (guint round = 0; round < 16; round++) {
    screen_all(rand, POINTS_GAUSS, 200, 768, 16, 0.62, &widest);
    sum += widest;
  }
  assert_true(sum / 16 < 0.13);
  g_rand_free(rand);
}

/* A pair is reported where its upper end is not below the limit, by each variant. */
typedef struct {
  guint n;
  guint8 seen[HYSAC_SCREEN_QUERIES][256];
} Seen;

static void
on_seen(gpointer user_data, guint query, guint point, gint32 dot)
{
  Seen *self = user_data;
  self->n++;
  self->seen[query][point] = 1;
}

static void
test_limits(void **state)
{
  GRand *rand = test_rand();
  const HysacIndexSpace space = make_space(100);
  char *folder = make_dir();
  float *points = make_points(rand, POINTS_GAUSS, 256, 100), *queries = make_points(rand, POINTS_GAUSS, 16, 100);
  HysacIndex *index = make_index(folder, &space, points, 256);
  HysacIndexView view;
  hysac_index_view(index, &view);
  for (guint n = 1; n <= 16; n += 5) {
    HysacScreenGroup *group = hysac_screen_group_new(&view, queries, n, 64);
    float least[HYSAC_SCREEN_QUERIES];
    Seen first = { 0 };
    for (guint i = 0; i < HYSAC_SCREEN_QUERIES; i++) {
      HysacHit *all = brute_force(points, 256, 100, space.curvature, queries + i * 100);
      least[i] = (float) all[128].score;
      g_free(all);
    }
    for (guint v = 0; v < hysac_screen_n_variants; v++) {
      Seen seen = { 0 };
      if (!hysac_screen_variants[v].supported())
        continue;
      hysac_screen_variants[v].scan(group, least, view.codes, view.bounds, 32, 160, on_seen, &seen);
      if (v == 0)
        first = seen;
      assert_true(seen.n > 0 && seen.n < 160 * n);
      /* Roundings differ, so a pair on the limit may. */
      assert_true(ABS((int) seen.n - (int) first.n) <= 2);
      for (guint q = 0; q < HYSAC_SCREEN_QUERIES; q++) {
        for (guint i = 0; i < 256; i++)
          assert_true(!seen.seen[q][i] || (q < n && i >= 32 && i < 192));
      }
    }
    hysac_screen_group_free(group);
  }
  hysac_index_unref(index);
  g_free(points);
  g_free(queries);
  remove_dir(folder);
  g_rand_free(rand);
}

/* What it is for: of many points few are computed again. Where the bytes tell nothing apart, all are, once. */
static void
test_work(void **state)
{
  GRand *rand = test_rand();
  const guint n = 20000, dim = 256;
  const HysacIndexSpace space = make_space(dim);
  HysacSearchStats stats;
  HysacHit hits[10];
  for (guint kind = 0; kind < N_POINTS_KINDS; kind++) {
    char *folder = make_dir();
    float *points = make_points(rand, kind, n, dim), *query = make_points(rand, kind, 1, dim);
    HysacIndex *index = make_index(folder, &space, points, n);
    assert_true(hysac_index_search(index, query, 1, 10, 2, hits, &stats, NULL));
    assert_true(stats.exact >= 10 && stats.exact <= stats.rescored && stats.rescored <= n);
    if (kind == POINTS_GAUSS || kind == POINTS_FEATURES)
      assert_true(stats.rescored < (kind == POINTS_GAUSS ? n / 20 : n / 5) && stats.exact < 100);
    if (kind == POINTS_EQUAL)
      assert_true(stats.exact == n);
    hysac_index_unref(index);
    g_free(points);
    g_free(query);
    remove_dir(folder);
  }
  g_rand_free(rand);
}

static void
test_arguments(void **state)
{
  const HysacIndexSpace space = make_space(3);
  char *folder = make_dir();
  const float point[3] = { 1, 2, 3 };
  float query[6] = { 0, 0, 1, 0, NAN, 0 };
  HysacHit hits[4];
  GError *error = NULL;
  HysacIndex *index = make_index(folder, &space, point, 1);
  assert_false(hysac_index_search(index, query, 2, 1, 0, hits, NULL, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "query 1");
  query[4] = 3e38f;
  assert_false(hysac_index_search(index, query, 2, 1, 0, hits, NULL, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "query 1");
  assert_false(hysac_index_search(index, query, 1, 0, 0, hits, NULL, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "nearest 0");
  assert_true(hysac_index_search(index, query, 0, 1, 0, hits, NULL, &error));
  assert_true(hysac_index_search(index, query, 1, 4, 100, hits, NULL, &error));
  assert_int_equal(hits[0].point, 0);
  hysac_index_unref(index);
  remove_dir(folder);
}

/* Of a file one byte of which is another: FALSE where that is said. */
static gboolean
search_damaged(const char *path, const char *data, gsize size, const float *query, HysacHit *hits, guint k,
               GError **error)
{
  assert_true(g_file_set_contents(path, data, (gssize) size, NULL));
  g_autoptr(HysacIndex) index = hysac_index_open(path, error);
  return index && hysac_index_verify_screen(index, error) &&
         hysac_index_search(index, query, 1, k, 1, hits, NULL, error);
}

/* No wrong answer in silence: damage of what screens is found before, of a point that counts while it is searched, and
 * that of any other point changes nothing. A bit can be too small for a sum of squares and for what bytes leave out: then
 * the answer is that of a point as near to the true one. */
static void
test_damage(void **state)
{
  enum { N = 60, DIM = 40, K = 5, ROUNDS = 1500 };
  GRand *rand = test_rand();
  const HysacIndexSpace space = make_space(DIM);
  const PointsKind kinds[] = { POINTS_GAUSS, POINTS_FEATURES };
  for (guint kind = 0; kind < G_N_ELEMENTS(kinds); kind++) {
    char *folder = make_dir(), *path = g_build_filename(folder, "index", NULL);
    float *points = make_points(rand, kinds[kind], N, DIM), *query = make_points(rand, kinds[kind], 1, DIM);
    g_autofree char *data = NULL;
    gsize size;
    GError *error = NULL;
    HysacHit want[K], got[K];
    guint said = 0, unseen = 0;
    hysac_index_unref(make_index(folder, &space, points, N));
    assert_true(g_file_get_contents(path, &data, &size, NULL));
    const HysacIndexHeader header = *(HysacIndexHeader *) data;
    assert_true(search_damaged(path, data, size, query, want, K, &error));
    for (guint round = 0; round < ROUNDS; round++) {
      /* Half of them in points. */
      const guint section = round % 2 ? HYSAC_INDEX_POINTS : (guint) g_rand_int_range(rand, 1, HYSAC_INDEX_N_SECTIONS);
      const gsize at = header.sections[section].offset +
                       (gsize) g_rand_int_range(rand, 0, (gint32) header.sections[section].bytes);
      const char old = data[at];
      data[at] = (char) (old ^ 1 << g_rand_int_range(rand, 0, 8));
      if (!search_damaged(path, data, size, query, got, K, &error)) {
        assert_int_equal(error->code, HYSAC_ERROR_FORMAT);
        g_clear_error(&error);
        said++;
      } else {
        assert_int_equal(section, HYSAC_INDEX_POINTS);
        for (guint i = 0; i < K; i++) {
          unseen += got[i].score != want[i].score;
          expect_near(got[i].score, want[i].score, 8e-3, "a score of a damaged point that went unseen");
        }
      }
      data[at] = old;
    }
    /* All but points, and of those the ones that are near: 5 of 60 and what is computed with them. */
    assert_true(said > ROUNDS / 2);
    assert_true(unseen < ROUNDS / 100);
    print_message("# kind %u: %u of %u said, %u unseen\n", kinds[kind], said, ROUNDS, unseen);
    g_free(points);
    g_free(query);
    g_free(path);
    remove_dir(folder);
  }
  g_rand_free(rand);
}

/* Where more is computed again than is checked, at least what is found is. */
static void
test_damage_of_many(void **state)
{
  enum { N = 17000, DIM = 8, K = 5 };
  GRand *rand = test_rand();
  const HysacIndexSpace space = make_space(DIM);
  char *folder = make_dir(), *path = g_build_filename(folder, "index", NULL);
  float *points = make_points(rand, POINTS_EQUAL, N, DIM), query[DIM];
  HysacSearchStats stats;
  HysacHit hits[K];
  g_autofree char *data = NULL;
  gsize size;
  GError *error = NULL;
  for (guint i = 0; i < DIM; i++)
    query[i] = -points[i]; /* the root is nearer to it than they are */
  hysac_index_unref(make_index(folder, &space, points, N));
  assert_true(g_file_get_contents(path, &data, &size, NULL));
  const HysacIndexHeader header = *(HysacIndexHeader *) data;
  for (guint round = 0; round < 2; round++) {
    assert_true(g_file_set_contents(path, data, (gssize) size, NULL));
    HysacIndex *index = hysac_index_open(path, &error);
    assert_true(hysac_index_verify_screen(index, &error));
    const gboolean ok = hysac_index_search(index, query, 1, K, 2, hits, &stats, &error);
    assert_true(stats.rescored > 16384 && ok == (round == 0));
    if (round == 1)
      expect_error(&error, HYSAC_ERROR_FORMAT, "point 2000 ");
    hysac_index_unref(index);
    memset(data + header.sections[HYSAC_INDEX_POINTS].offset + 2000 * DIM * sizeof(float), 0, DIM * sizeof(float));
  }
  g_free(points);
  g_free(path);
  remove_dir(folder);
  g_rand_free(rand);
}

static void
test_nth_largest(void **state)
{
  GRand *rand = test_rand();
  for (guint round = 0; round < 2000; round++) {
    float values[60];
    const guint n = (guint) g_rand_int_range(rand, 1, 60), nth = (guint) g_rand_int_range(rand, 1, (gint32) n + 1);
    guint above = 0, equal = 0;
    for (guint i = 0; i < n; i++)
      values[i] = g_rand_boolean(rand) ? (float) g_rand_int_range(rand, 0, 8) : -INFINITY;
    const float got = hysac_nth_largest(values, n, nth);
    for (guint i = 0; i < n; i++) {
      above += values[i] > got;
      equal += values[i] == got;
    }
    assert_true(above < nth && nth <= above + equal);
  }
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_any_points), cmocka_unit_test(test_few_points), cmocka_unit_test(test_products), cmocka_unit_test(test_intervals),
    cmocka_unit_test(test_limits),     cmocka_unit_test(test_work),       cmocka_unit_test(test_arguments), cmocka_unit_test(test_damage), cmocka_unit_test(test_damage_of_many),
    cmocka_unit_test(test_nth_largest),
  };
  return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
