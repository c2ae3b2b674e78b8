/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Screening on x86. A single query waits for memory, whatever the products cost: a row after the other. With more of
 * them the products count: sixteen queries are the lanes of one register, sixteen points the registers, and four
 * bytes of a point meet four bytes of each query in one instruction, without a sum over lanes at the end.
 */

#include "core/screen.h"

#ifdef HYSAC_SCREEN_X86

#include <immintrin.h>
#include <string.h>

#define GROUP HYSAC_INDEX_GROUP
/* Fewer queries are faster one by one. */
#define FEW 6
/* Queries that meet a row together, without VNNI. */
#define MANY 4
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

/* ---- AVX2: pairs of products meet in 16 bits, which hold them where a query has no more than 64 levels ---- */

AVX2 static inline gint32
sum_avx2(__m256i values)
{
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
  return _mm_cvtsi128_si32(half);
}

/* A row and @n queries, a number that the compiler knows. */
AVX2 static inline __attribute__((always_inline)) void
dots_avx2(const guint8 *row, const gint8 *queries, gsize stride, guint n, gint32 (*dots)[GROUP], guint slot)
{
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums[MANY];
  for (guint q = 0; q < n; q++)
    sums[q] = _mm256_setzero_si256();
  for (gsize i = 0; i < stride; i += 32) {
    const __m256i x = _mm256_loadu_si256((const __m256i *) (row + i));
#pragma GCC unroll 8
    for (guint q = 0; q < n; q++) {
      const __m256i a = _mm256_loadu_si256((const __m256i *) (queries + q * stride + i));
      sums[q] = _mm256_add_epi32(sums[q], _mm256_madd_epi16(_mm256_maddubs_epi16(x, a), ones));
    }
  }
  for (guint q = 0; q < n; q++)
    dots[q][slot] = sum_avx2(sums[q]);
}

/* Which of eight points' upper ends are not below @least. */
AVX2 static inline int
compare_avx2(const HysacScreenGroup *group, guint query, const HysacIndexBounds *bounds, guint slot,
             const gint32 *dots, float least)
{
  __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(bounds->scale + slot), _mm256_set1_ps(group->scale[query]));
  __m256 upper = _mm256_set1_ps(group->base[query]);
  upper = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *) dots)), upper);
  upper = _mm256_fmadd_ps(_mm256_loadu_ps(bounds->time + slot), _mm256_set1_ps(group->time[query]), upper);
  upper = _mm256_fmadd_ps(_mm256_loadu_ps(bounds->error + slot), _mm256_set1_ps(group->error[query]), upper);
  upper = _mm256_fmadd_ps(_mm256_loadu_ps(bounds->norm + slot), _mm256_set1_ps(group->norm[query]), upper);
  return _mm256_movemask_ps(_mm256_cmp_ps(upper, _mm256_set1_ps(least), _CMP_NLT_UQ));
}

static inline void
report_points(int mask, guint query, guint first, const gint32 *dots, HysacScreenFunc func, gpointer user_data)
{
  for (; mask != 0; mask &= mask - 1) {
    const guint i = (guint) __builtin_ctz((guint) mask);
    func(user_data, query, first + i, dots[i]);
  }
}

AVX2 void
hysac_screen_scan_avx2(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                       const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                       gpointer user_data)
{
  const gsize stride = group->stride;
  gint32 dots[HYSAC_SCREEN_QUERIES][GROUP];
  for (guint at = first; at < first + n; at += GROUP) {
    for (guint i = 0; i < GROUP; i++) {
      const guint8 *row = codes + (at + i) * stride;
      guint query = 0;
      for (; query + MANY <= group->n; query += MANY)
        dots_avx2(row, group->rows + query * stride, stride, MANY, &dots[query], i);
      for (; query < group->n; query++)
        dots_avx2(row, group->rows + query * stride, stride, 1, &dots[query], i);
    }
    for (guint query = 0; query < group->n; query++) {
      for (guint i = 0; i < GROUP; i++)
        dots[query][i] += group->bias[query];
      for (guint i = 0; i < GROUP; i += 8)
        report_points(compare_avx2(group, query, &bounds[at / GROUP], i, dots[query] + i, least[query]), query, at + i,
                      dots[query] + i, func, user_data);
    }
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

VNNI static inline void
prefetch_row(const guint8 *row, gsize stride)
{
  for (gsize i = 0; i < stride; i += 64)
    _mm_prefetch((const char *) (row + i), _MM_HINT_T0);
}

VNNI static inline gint32
dot_vnni(const guint8 *row, const gint8 *query, gsize stride)
{
  __m512i sums[2] = { _mm512_setzero_si512(), _mm512_setzero_si512() };
  gsize i = 0;
  for (; i + 128 <= stride; i += 128) {
    sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_loadu_si512(row + i), _mm512_loadu_si512(query + i));
    sums[1] = _mm512_dpbusd_epi32(sums[1], _mm512_loadu_si512(row + i + 64), _mm512_loadu_si512(query + i + 64));
  }
  if (i < stride)
    sums[0] = _mm512_dpbusd_epi32(sums[0], _mm512_loadu_si512(row + i), _mm512_loadu_si512(query + i));
  return _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]));
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
      /* Beyond the end it is a hint that comes to nothing. */
      prefetch_row(codes + (at + i + AHEAD) * stride, stride);
      for (guint query = 0; query < group->n; query++)
        dots[query][i] =
            group->bias[query] + dot_vnni(codes + (at + i) * stride, group->rows + query * stride, stride);
    }
    for (guint query = 0; query < group->n; query++) {
      __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(b->scale), _mm512_set1_ps(group->scale[query]));
      __m512 upper = _mm512_set1_ps(group->base[query]);
      upper = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(_mm512_loadu_si512(dots[query])), upper);
      upper = _mm512_fmadd_ps(_mm512_loadu_ps(b->time), _mm512_set1_ps(group->time[query]), upper);
      upper = _mm512_fmadd_ps(_mm512_loadu_ps(b->error), _mm512_set1_ps(group->error[query]), upper);
      upper = _mm512_fmadd_ps(_mm512_loadu_ps(b->norm), _mm512_set1_ps(group->norm[query]), upper);
      report_points((int) _mm512_cmp_ps_mask(upper, _mm512_set1_ps(least[query]), _CMP_NLT_UQ), query, at,
                    dots[query], func, user_data);
    }
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
  const gsize stride = group->stride;
  const __mmask16 live = (__mmask16) ((1u << group->n) - 1);
  const __m512 r = _mm512_loadu_ps(group->scale), base = _mm512_loadu_ps(group->base),
               time = _mm512_loadu_ps(group->time), error = _mm512_loadu_ps(group->error),
               norm = _mm512_loadu_ps(group->norm);
  for (guint at = first; at < first + n; at += GROUP) {
    const HysacIndexBounds *b = &bounds[at / GROUP];
    const guint8 *rows[4];
    const guint8 *next = codes + (at + GROUP) * stride;
    __m512i sums[GROUP];
    for (guint i = 0; i < 4; i++)
      rows[i] = codes + (at + 4 * i) * stride;
#pragma GCC unroll 16
    for (guint i = 0; i < GROUP; i++)
      sums[i] = _mm512_loadu_si512(group->bias);
    for (gsize k = 0; k < stride; k += 4) {
      const __m512i query = _mm512_loadu_si512(group->lanes + k * HYSAC_SCREEN_QUERIES);
      /* A line a turn, GROUP rows in all turns. */
      _mm_prefetch((const char *) (next + k * GROUP), _MM_HINT_T0);
#pragma GCC unroll 4
      for (guint i = 0; i < 4; i++) {
        const guint8 *row = rows[i] + k;
        sums[4 * i] = _mm512_dpbusd_epi32(sums[4 * i], four_bytes(row), query);
        sums[4 * i + 1] = _mm512_dpbusd_epi32(sums[4 * i + 1], four_bytes(row + stride), query);
        sums[4 * i + 2] = _mm512_dpbusd_epi32(sums[4 * i + 2], four_bytes(row + 2 * stride), query);
        sums[4 * i + 3] = _mm512_dpbusd_epi32(sums[4 * i + 3], four_bytes(row + 3 * stride), query);
      }
    }
#pragma GCC unroll 16
    for (guint i = 0; i < GROUP; i++) {
      __m512 upper = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_set1_ps(b->scale[i]), r), _mm512_cvtepi32_ps(sums[i]), base);
      upper = _mm512_fmadd_ps(_mm512_set1_ps(b->time[i]), time, upper);
      upper = _mm512_fmadd_ps(_mm512_set1_ps(b->error[i]), error, upper);
      upper = _mm512_fmadd_ps(_mm512_set1_ps(b->norm[i]), norm, upper);
      __mmask16 mask = _mm512_mask_cmp_ps_mask(live, upper, _mm512_loadu_ps(least), _CMP_NLT_UQ);
      if (G_UNLIKELY(mask != 0)) {
        gint32 dots[HYSAC_SCREEN_QUERIES];
        _mm512_storeu_si512(dots, sums[i]);
        for (guint left = mask; left != 0; left &= left - 1) {
          const guint query = (guint) __builtin_ctz(left);
          func(user_data, query, at + i, dots[query]);
        }
      }
    }
  }
}

VNNI void
hysac_screen_scan_avx512_vnni(const HysacScreenGroup *group, const float *least, const guint8 *codes,
                              const HysacIndexBounds *bounds, guint first, guint n, HysacScreenFunc func,
                              gpointer user_data)
{
  if (group->n < FEW)
    scan_rows(group, least, codes, bounds, first, n, func, user_data);
  else
    scan_lanes(group, least, codes, bounds, first, n, func, user_data);
}

#endif
