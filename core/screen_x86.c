/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Screening on x86. A single query waits for memory, whatever the products cost: a row after the other. With more of
 * them the products count, and few operations beside them. AVX2: a row meets eight queries while its codes lie in
 * registers, and products are summed in 16 bits as long as those hold them. VNNI: sixteen queries are the lanes of one
 * register, sixteen points the registers, and four codes of a point meet four of each query in one instruction,
 * without a sum over lanes at the end.
 */

#include "core/screen.h"

#ifdef HYSAC_SCREEN_X86

#include <immintrin.h>
#include <string.h>

#define GROUP HYSAC_INDEX_GROUP
/* Bytes from a block of the queries to the next. */
#define TILE (HYSAC_SCREEN_QUERIES * HYSAC_INDEX_BLOCK)
/* Fewer queries are faster one by one, with VNNI and without. */
#define FEW_VNNI 6
#define FEW_AVX2 4
/* Rows to fetch ahead of those that are multiplied. */
#define AHEAD 8

#define AVX2 __attribute__((target("avx2,fma")))
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

gboolean
hysac_screen_has_avx2(void)
{
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

gboolean
hysac_screen_has_avx512_vnni(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}

/* Beyond the end it is a hint that comes to nothing. */
static inline void
prefetch_row(const guint8 *row, gsize stride)
{
  for (gsize i = 0; i < stride; i += 64)
    _mm_prefetch((const char *) (row + i), _MM_HINT_T0);
}

/* Those of a query's products that @mask names: with points from @first. */
static inline void
report_points(guint mask, const gint32 *dots, guint query, guint first, HysacScreenFunc func, gpointer user_data)
{
  for (; mask != 0; mask &= mask - 1) {
    const guint i = (guint) __builtin_ctz(mask);
    func(user_data, query, first + i, dots[i]);
  }
}

/* And of a point's, with queries from @first. */
static inline void
report_queries(guint mask, const gint32 *dots, guint first, guint point, HysacScreenFunc func, gpointer user_data)
{
  for (; mask != 0; mask &= mask - 1) {
    const guint i = (guint) __builtin_ctz(mask);
    func(user_data, first + i, point, dots[i]);
  }
}

/* A block's codes: four registers of three. */
__attribute__((target("avx2"), always_inline)) static inline void
unpack_block(const guint8 *block, __m256i x[4])
{
  const __m256i six = _mm256_set1_epi8(0x3f);
  const __m256i a = _mm256_loadu_si256((const __m256i *) block),
                b = _mm256_loadu_si256((const __m256i *) (block + HYSAC_INDEX_PART)),
                c = _mm256_loadu_si256((const __m256i *) (block + 2 * HYSAC_INDEX_PART));
  x[0] = _mm256_and_si256(a, six);
  x[1] = _mm256_and_si256(b, six);
  x[2] = _mm256_and_si256(c, six);
  x[3] = _mm256_or_si256(_mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(a, 2), _mm256_set1_epi8(0x30)),
                                         _mm256_and_si256(_mm256_srli_epi16(b, 4), _mm256_set1_epi8(0x0c))),
                         _mm256_and_si256(_mm256_srli_epi16(c, 6), _mm256_set1_epi8(0x03)));
}

/* ---- AVX2: eight products meet in 16 bits, which hold them where a query has no more than 65 levels ---- */

/* A row and @n queries, a number that the compiler knows. @tiles: those of the first of them. */
AVX2 static inline __attribute__((always_inline)) void
products_avx2(const guint8 *row, gsize stride, const gint8 *tiles, guint n, __m256i *sums)
{
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i x[4];
  for (guint q = 0; q < n; q++)
    sums[q] = _mm256_setzero_si256();
  for (const guint8 *end = row + stride; row < end; row += HYSAC_INDEX_BLOCK_BYTES, tiles += TILE) {
    unpack_block(row, x);
#pragma GCC unroll 8
    for (guint q = 0; q < n; q++) {
      const __m256i *query = (const __m256i *) (tiles + q * HYSAC_INDEX_BLOCK);
      const __m256i one = _mm256_add_epi16(_mm256_maddubs_epi16(x[0], _mm256_loadu_si256(query)),
                                           _mm256_maddubs_epi16(x[1], _mm256_loadu_si256(query + 1))),
                    two = _mm256_add_epi16(_mm256_maddubs_epi16(x[2], _mm256_loadu_si256(query + 2)),
                                           _mm256_maddubs_epi16(x[3], _mm256_loadu_si256(query + 3)));
      sums[q] = _mm256_add_epi32(sums[q], _mm256_madd_epi16(_mm256_add_epi16(one, two), ones));
    }
  }
}

/* Eight sums over lanes. */
AVX2 static inline __m256i
sum_lanes(const __m256i s[8])
{
  const __m256i low = _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3])),
                high = _mm256_hadd_epi32(_mm256_hadd_epi32(s[4], s[5]), _mm256_hadd_epi32(s[6], s[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31));
}

typedef struct {
  __m256 scale, base, time, error, norm;
} Terms;

/* Which of eight upper ends are not below @least. */
AVX2 static inline guint
compare_avx2(const Terms *query, const Terms *point, __m256i dots, __m256 least)
{
  __m256 upper = _mm256_fmadd_ps(_mm256_mul_ps(point->scale, query->scale), _mm256_cvtepi32_ps(dots), query->base);
  upper = _mm256_fmadd_ps(point->time, query->time, upper);
  upper = _mm256_fmadd_ps(point->error, query->error, upper);
  upper = _mm256_fmadd_ps(point->norm, query->norm, upper);
  return (guint) _mm256_movemask_ps(_mm256_cmp_ps(upper, least, _CMP_NLT_UQ));
}

/* Eight points and a query. */
AVX2 static inline void
scan_one(const HysacScreenGroup *group, guint query, const float *least, const guint8 *rows,
         const HysacIndexBounds *bounds, guint slot, guint at, HysacScreenFunc func, gpointer user_data)
{
  const gint8 *tiles = hysac_screen_tile(group, query, 0, 0);
  const Terms q = { _mm256_set1_ps(group->scale[query]), _mm256_set1_ps(group->base[query]),
                    _mm256_set1_ps(group->time[query]), _mm256_set1_ps(group->error[query]),
                    _mm256_set1_ps(group->norm[query]) };
  const Terms x = { _mm256_loadu_ps(bounds->scale + slot), _mm256_setzero_ps(), _mm256_loadu_ps(bounds->time + slot),
                    _mm256_loadu_ps(bounds->error + slot), _mm256_loadu_ps(bounds->norm + slot) };
  __m256i sums[8];
  gint32 dots[8];
  for (guint i = 0; i < 8; i++) /* hints ahead would cost more than they bring, other than below */
    products_avx2(rows + i * group->stride, group->stride, tiles, 1, &sums[i]);
  const __m256i dot = _mm256_add_epi32(sum_lanes(sums), _mm256_set1_epi32(group->bias[query]));
  const guint mask = compare_avx2(&q, &x, dot, _mm256_set1_ps(least[query]));
  if (G_UNLIKELY(mask != 0)) {
    _mm256_storeu_si256((__m256i *) dots, dot);
    report_points(mask, dots, query, at, func, user_data);
  }
}

/* Eight points and as many queries, @live of them; the others are zeros. */
AVX2 static inline void
scan_many(const HysacScreenGroup *group, guint query, guint live, const float *least, const guint8 *rows,
          const HysacIndexBounds *bounds, guint slot, guint at, HysacScreenFunc func, gpointer user_data)
{
  const gint8 *tiles = hysac_screen_tile(group, query, 0, 0);
  const Terms q = { _mm256_loadu_ps(group->scale + query), _mm256_loadu_ps(group->base + query),
                    _mm256_loadu_ps(group->time + query), _mm256_loadu_ps(group->error + query),
                    _mm256_loadu_ps(group->norm + query) };
  for (guint i = 0; i < 8; i++) {
    const Terms x = { _mm256_set1_ps(bounds->scale[slot + i]), _mm256_setzero_ps(),
                      _mm256_set1_ps(bounds->time[slot + i]), _mm256_set1_ps(bounds->error[slot + i]),
                      _mm256_set1_ps(bounds->norm[slot + i]) };
    __m256i sums[8];
    gint32 dots[8];
    if (query == 0)
      prefetch_row(rows + (i + AHEAD) * group->stride, group->stride);
    products_avx2(rows + i * group->stride, group->stride, tiles, 8, sums);
    const __m256i dot = _mm256_add_epi32(sum_lanes(sums), _mm256_loadu_si256((const __m256i *) (group->bias + query)));
    const guint mask = compare_avx2(&q, &x, dot, _mm256_loadu_ps(least + query)) & ((1u << live) - 1);
    if (G_UNLIKELY(mask != 0)) {
      _mm256_storeu_si256((__m256i *) dots, dot);
      report_queries(mask, dots, query, at + i, func, user_data);
    }
  }
}

AVX2 void
hysac_screen_scan_avx2(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                       const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                       gpointer user_data)
{
  for (guint at = first; at < first + n; at += 8) {
    const guint8 *rows = codes + at * group->stride;
    const HysacIndexBounds *b = &bounds[at / GROUP];
    guint query = 0;
    for (; query + FEW_AVX2 <= group->n; query += 8)
      scan_many(group, query, MIN(8, group->n - query), least, rows, b, at % GROUP, at, func, user_data);
    for (; query < group->n; query++)
      scan_one(group, query, least, rows, b, at % GROUP, at, func, user_data);
  }
}

AVX2 float
hysac_screen_dot_avx2(const float *x, const float *y, guint n)
{
  __m256 sums[4] = { _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps() };
  float lanes[8], total = 0.0f;
  guint i = 0;
  for (; i + 32 <= n; i += 32) {
    for (guint j = 0; j < 4; j++)
      sums[j] = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 8 * j), _mm256_loadu_ps(y + i + 8 * j), sums[j]);
  }
  _mm256_storeu_ps(lanes, _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
  for (; i < n; i++)
    lanes[i % 8] += x[i] * y[i];
  for (guint j = 0; j < 8; j++)
    total += lanes[j];
  return total;
}

/* ---- AVX-512 with VNNI ---- */

VNNI float
hysac_screen_dot_avx512(const float *x, const float *y, guint n)
{
  __m512 sums[4] = { _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps() };
  guint i = 0;
  for (; i + 64 <= n; i += 64) {
    for (guint j = 0; j < 4; j++)
      sums[j] = _mm512_fmadd_ps(_mm512_loadu_ps(x + i + 16 * j), _mm512_loadu_ps(y + i + 16 * j), sums[j]);
  }
  for (; i < n; i += 16) {
    const __mmask16 live = (__mmask16) (n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
    sums[0] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(live, x + i), _mm512_maskz_loadu_ps(live, y + i), sums[0]);
  }
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

VNNI static inline gint32
sum_vnni(__m256i values)
{
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

VNNI static inline gint32
dot_vnni(const guint8 *row, gsize stride, const gint8 *tile)
{
  __m256i sums[2] = { _mm256_setzero_si256(), _mm256_setzero_si256() }, x[4];
  for (const guint8 *end = row + stride; row < end; row += HYSAC_INDEX_BLOCK_BYTES, tile += TILE) {
    unpack_block(row, x);
#pragma GCC unroll 4
    for (guint i = 0; i < 4; i++)
      sums[i % 2] = _mm256_dpbusd_epi32(sums[i % 2], x[i], _mm256_loadu_si256((const __m256i *) tile + i));
  }
  return sum_vnni(_mm256_add_epi32(sums[0], sums[1]));
}

VNNI static void
scan_rows(const HysacScreenGroup *group, const float *least, const guint8 *codes, const HysacIndexBounds *bounds,
          guint first, guint n, HysacScreenFunc func, gpointer user_data)
{
  const gsize stride = group->stride;
  gint32 dots[HYSAC_SCREEN_QUERIES][GROUP];
  for (guint at = first; at < first + n; at += GROUP) {
    const HysacIndexBounds *b = &bounds[at / GROUP];
    for (guint i = 0; i < GROUP; i++) {
      prefetch_row(codes + (at + i + AHEAD) * stride, stride);
      for (guint query = 0; query < group->n; query++)
        dots[query][i] =
            group->bias[query] + dot_vnni(codes + (at + i) * stride, stride, hysac_screen_tile(group, query, 0, 0));
    }
    for (guint query = 0; query < group->n; query++) {
      __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(b->scale), _mm512_set1_ps(group->scale[query]));
      __m512 upper = _mm512_set1_ps(group->base[query]);
      upper = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(_mm512_loadu_si512(dots[query])), upper);
      upper = _mm512_fmadd_ps(_mm512_loadu_ps(b->time), _mm512_set1_ps(group->time[query]), upper);
      upper = _mm512_fmadd_ps(_mm512_loadu_ps(b->error), _mm512_set1_ps(group->error[query]), upper);
      upper = _mm512_fmadd_ps(_mm512_loadu_ps(b->norm), _mm512_set1_ps(group->norm[query]), upper);
      report_points(_mm512_cmp_ps_mask(upper, _mm512_set1_ps(least[query]), _CMP_NLT_UQ), dots[query], query, at, func,
                    user_data);
    }
  }
}

VNNI static inline void
unpack_row(const guint8 *row, gsize stride, guint8 *codes)
{
  __m256i x[4];
  for (const guint8 *end = row + stride; row < end; row += HYSAC_INDEX_BLOCK_BYTES, codes += HYSAC_INDEX_BLOCK) {
    unpack_block(row, x);
#pragma GCC unroll 4
    for (guint i = 0; i < 4; i++)
      _mm256_storeu_si256((__m256i *) codes + i, x[i]);
  }
}

VNNI static inline __m512i
four_bytes(const guint8 *row)
{
  gint32 bytes;
  memcpy(&bytes, row, sizeof bytes);
  return _mm512_set1_epi32(bytes);
}

VNNI static void
scan_lanes(const HysacScreenGroup *group, const float *least, const guint8 *codes, const HysacIndexBounds *bounds,
           guint first, guint n, HysacScreenFunc func, gpointer user_data)
{
  const gsize stride = group->stride, width = group->width;
  const __mmask16 live = (__mmask16) ((1u << group->n) - 1);
  const __m512 r = _mm512_loadu_ps(group->scale), base = _mm512_loadu_ps(group->base),
               time = _mm512_loadu_ps(group->time), error = _mm512_loadu_ps(group->error),
               norm = _mm512_loadu_ps(group->norm);
  g_autofree guint8 *unpacked = g_malloc(GROUP * width);
  for (guint at = first; at < first + n; at += GROUP) {
    const HysacIndexBounds *b = &bounds[at / GROUP];
    const guint8 *rows[4];
    const guint8 *next = codes + (at + GROUP) * stride;
    __m512i sums[GROUP];
    for (guint i = 0; i < 4; i++)
      rows[i] = unpacked + 4 * i * width;
    for (guint i = 0; i < GROUP; i++)
      unpack_row(codes + (at + i) * stride, stride, unpacked + i * width);
#pragma GCC unroll 16
    for (guint i = 0; i < GROUP; i++)
      sums[i] = _mm512_loadu_si512(group->bias);
    for (gsize k = 0; k < width; k += 4) {
      const __m512i query = _mm512_loadu_si512(group->lanes + k * HYSAC_SCREEN_QUERIES);
      /* A line a turn: GROUP rows in three quarters of them. */
      if (k < stride)
        _mm_prefetch((const char *) (next + k * GROUP), _MM_HINT_T0);
#pragma GCC unroll 4
      for (guint i = 0; i < 4; i++) {
        const guint8 *row = rows[i] + k;
        sums[4 * i] = _mm512_dpbusd_epi32(sums[4 * i], four_bytes(row), query);
        sums[4 * i + 1] = _mm512_dpbusd_epi32(sums[4 * i + 1], four_bytes(row + width), query);
        sums[4 * i + 2] = _mm512_dpbusd_epi32(sums[4 * i + 2], four_bytes(row + 2 * width), query);
        sums[4 * i + 3] = _mm512_dpbusd_epi32(sums[4 * i + 3], four_bytes(row + 3 * width), query);
      }
    }
#pragma GCC unroll 16
    for (guint i = 0; i < GROUP; i++) {
      __m512 upper = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(b->scale[i]), r), _mm512_cvtepi32_ps(sums[i]), base);
      upper = _mm512_fmadd_ps(_mm512_set1_ps(b->time[i]), time, upper);
      upper = _mm512_fmadd_ps(_mm512_set1_ps(b->error[i]), error, upper);
      upper = _mm512_fmadd_ps(_mm512_set1_ps(b->norm[i]), norm, upper);
      const __mmask16 mask = _mm512_mask_cmp_ps_mask(live, upper, _mm512_loadu_ps(least), _CMP_NLT_UQ);
      if (G_UNLIKELY(mask != 0)) {
        gint32 dots[HYSAC_SCREEN_QUERIES];
        _mm512_storeu_si512(dots, sums[i]);
        report_queries(mask, dots, 0, at + i, func, user_data);
      }
    }
  }
}

VNNI void
hysac_screen_scan_avx512_vnni(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                              const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                              gpointer user_data)
{
  if (group->n < FEW_VNNI)
    scan_rows(group, least, codes, bounds, first, n, func, user_data);
  else
    scan_lanes(group, least, codes, bounds, first, n, func, user_data);
}

#endif
