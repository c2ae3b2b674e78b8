/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * C = epilogue(A W^T + bias) on a CPU with wide vectors: a register tile of ROWS rows by VECTORS vectors,
 * one work-item a work-group, no local memory, no barrier. A are operands (ops.h), and W the same kind
 * of words, packed in panels of as many columns, K-major. Row tiles are on x (fastest), so that a panel
 * stays in the cache while A passes by.
 * -DVEC=16 -DROWS=12: 24 accumulators of 32 zmm registers; -DROWS=6 -DVECTORS=4: as many, by fewer instructions, from
 * panels twice as large. -DVEC=8 -DROWS=6: 12 of 16 ymm, -DROWS=5 where a product needs two registers more.
 * -DOPERAND=0: floats, 1: bf16, 2: int8, where bias is followed by the scales of W's rows and by their
 * sums, @columns apart; -DPAIRS: a sum of two neighbours' products fits 16 bits. -DNATIVE: the CPU has the
 * instruction that multiplies a word's numbers; it is written in assembly, because the compiler may build for an
 * older CPU.
 * Every element is one chain of sums over k, whatever tile its row falls in: a batch gives the bits of
 * singles. Rejected: blocks of K in the first level cache (sums that wait in memory cost more), packing A (a leading dimension that is an odd number of cache lines is as fast),
 * splitting K.
 */
#include "outline.h"
#include "vec_x86.h"
#include "epilogue_x86.h"

#if OPERAND == 2
typedef ivec sums;
typedef ivec word;
#define AS_WORD(x) (x)
#define FIRST(b) (ivec)(0)
#ifdef PAIRS
#define DOT(s, x, w) \
  { \
    ivec pairs; \
    __asm__("vpmaddubsw %2,%1,%0" : "=v"(pairs) : "v"(x), "v"(w)); \
    __asm__("vpmaddwd %2,%1,%0" : "=v"(pairs) : "v"(pairs), "v"((ivec)(0x00010001))); \
    s += pairs; \
  }
#else
#define DOT(s, x, w) __asm__("vpdpbusd %2,%1,%0" : "+v"(s) : "v"(x), "v"(w))
#endif
/* Of two vectors, whose bias is at @p: rows' and columns' scales, and what the rows' zeros have added. */
#define OPEN(p) \
  const vec b0 = VLOAD(p), b1 = VLOAD((p) + VEC), by0 = VLOAD((p) + columns), by1 = VLOAD((p) + columns + VEC); \
  const vec sum0 = __builtin_convertvector(AS_IVEC(VLOAD((p) + 2 * columns)), vec), \
            sum1 = __builtin_convertvector(AS_IVEC(VLOAD((p) + 2 * columns + VEC)), vec);
#define CLOSE(r, x, y) \
  const vec scale##r = (vec)(as_float(a##r[k])), less##r = (vec)(-(float)(int)a##r[k + 1]); \
  const vec u##r = FMA(FMA(less##r, sum0, __builtin_convertvector(s##r##x, vec)) * by0, scale##r, b0), \
            v##r = FMA(FMA(less##r, sum1, __builtin_convertvector(s##r##y, vec)) * by1, scale##r, b1);
#else
typedef vec sums;
#define FIRST(b) (b)
#define OPEN(p)
#define CLOSE(r, x, y) const vec u##r = s##r##x, v##r = s##r##y;
#if OPERAND == 0
typedef vec word;
#define AS_WORD(x) AS_VEC(x)
#define DOT(s, x, w) s = FMA(x, w, s)
#else
typedef ivec word;
#define AS_WORD(x) (x)
#ifdef NATIVE
#define DOT(s, x, w) __asm__("vdpbf16ps %2,%1,%0" : "+v"(s) : "v"(x), "v"(w))
#else
#define UPPER(x) AS_VEC((x) & (ivec)(0xffff0000))
#define LOWER(x) AS_VEC((x) << 16)
#define DOT(s, x, w) s = FMA(UPPER(x), UPPER(w), FMA(LOWER(x), LOWER(w), s))
#endif
#endif
#endif

#define CLOSE_0(r) CLOSE(r, 0, 1)
#define CLOSE_2(r) CLOSE(r, 2, 3)
#if VECTORS == 4
#define EACH_VECTOR(F, ...) F(__VA_ARGS__, 0) F(__VA_ARGS__, 1) F(__VA_ARGS__, 2) F(__VA_ARGS__, 3)
#else
#define EACH_VECTOR(F, ...) F(__VA_ARGS__, 0) F(__VA_ARGS__, 1)
#endif
#define START_AT(r, v) sums s##r##v = FIRST(VLOAD(b + v * VEC));
#define START(r) \
  EACH_VECTOR(START_AT, r) \
  const __global uint *a##r = A + (size_t)(row + (r)) * lda;
#define DOT_AT(r, v) DOT(s##r##v, x, w##v);
#define STEP(r) \
  { \
    const word x = AS_WORD((ivec)((int)a##r[i])); \
    EACH_VECTOR(DOT_AT, r) \
  }
#define CLAIM_AT(r, v) __builtin_prefetch((const void *)(size_t)(tile + (size_t)(r) * ldc + v * VEC), 1);
#define CLAIM(r) EACH_VECTOR(CLAIM_AT, r)
#define WORD_AT(p, v) const word w##v = AS_WORD(AS_IVEC(VLOAD((p) + v * VEC)));
#define WORDS(p) EACH_VECTOR(WORD_AT, p)
#define FETCH_AT(p, v) __builtin_prefetch((const void *)(size_t)((p) + v * VEC));
#define FETCH(p) EACH_VECTOR(FETCH_AT, p)
#define FETCH_NEXT(at) __builtin_prefetch((const void *)(next + (at)), 0, 2);
/* The panel comes from the second level cache, and C's lines from further: asked for ahead. So is the next panel, a
 * share by each group of rows: without that the first group waits for memory. */
#if VEC == 8 && !defined PAIRS
/* Eight loads for twelve products: one more a turn counts. The hardware fetches this panel, and a share of the next
 * is asked for once in so many turns. No call of min() there: PoCL 6 inlines none, and all sums would go through
 * memory. */
#define TURNS 16
#define SUM(R) \
  R(START) \
  R(CLAIM) \
  for (uint from = 0; from < k; from += TURNS) { \
    for (uint j = 0; j < share; j++) \
      FETCH_NEXT(((size_t)(from / TURNS) * share + j) * (PANEL * 4)) \
    const uint to = k - from < TURNS ? k : from + TURNS; \
    for (uint i = from; i < to; i++) { \
      WORDS(w + (size_t)i * PANEL) \
      R(STEP) \
    } \
  }
#define SHARE ((TURNS + groups - 1) / groups)
#define NEXT ((size_t)group * ((k + groups - 1) / groups) * (PANEL * 4))
#elif VEC == 16 && !defined NO_ASM
/* Intel's cores up to Cascade Lake take four instructions a cycle, and two products: nothing is to spare. So rows have no
 * pointers of their own, which wait on the stack, but are multiples, as an address holds them, of a line behind four of
 * them; and a turn is four words, without an index. The compiler would undo that. */
#define BASE_0 at0, "(%1)"
#define BASE_1 at0, "(%1,%2)"
#define BASE_2 at0, "(%1,%2,2)"
#define BASE_3 at3, "(%1)"
#define BASE_4 at0, "(%1,%2,4)"
#define BASE_5 at3, "(%1,%2,2)"
#define BASE_6 at6, "(%1)"
#define BASE_7 at3, "(%1,%2,4)"
#define BASE_8 at0, "(%1,%2,8)"
#define BASE_9 at9, "(%1)"
#define BASE_10 at6, "(%1,%2,4)"
#define BASE_11 at3, "(%1,%2,8)"
#define SPREAD(x, bytes, at, address) __asm__("vbroadcastss " #bytes address ",%0" : "=v"(x) : "r"(at), "r"(line));
#define SPREAD_BASE(...) SPREAD(__VA_ARGS__)
#define STEP_AT(r, bytes) \
  { \
    word x; \
    SPREAD_BASE(x, bytes, BASE_##r) \
    EACH_VECTOR(DOT_AT, r) \
  }
#define STEP_0(r) STEP_AT(r, 0)
#define STEP_1(r) STEP_AT(r, 4)
#define STEP_2(r) STEP_AT(r, 8)
#define STEP_3(r) STEP_AT(r, 12)
#define AHEAD (32 / VECTORS)
#define QUARTER(R, j) \
  { \
    WORDS(p + (j) * PANEL) \
    FETCH(p + ((j) + AHEAD) * PANEL) \
    R(STEP_##j) \
  }
#define SUM(R) \
  R(START) \
  R(CLAIM) \
  const __global float *p = w; \
  const size_t line = (size_t)lda * 4; \
  size_t at0 = (size_t)a0, at3 = at0 + 3 * line, at6 = at3 + 3 * line, at9 = at6 + 3 * line, ask = next; \
  for (uint turn = k / 4; turn > 0; turn--) { \
    __builtin_prefetch((const void *)ask, 0, 2); \
    QUARTER(R, 0) \
    QUARTER(R, 1) \
    QUARTER(R, 2) \
    QUARTER(R, 3) \
    at0 += 16, at3 += 16, at6 += 16, at9 += 16; \
    ask += 4 * share; \
    p += 4 * PANEL; \
  } \
  for (uint i = k & ~3u; i < k; i++, p += PANEL) { \
    WORDS(p) \
    R(STEP) \
  }
#define SHARE ((PANEL * 4 + groups - 1) / groups)
#define NEXT ((size_t)group * k * share)
#else
#define AHEAD 8
#ifdef PAIRS /* as many reads as products already */
#undef FETCH
#define FETCH(p)
#endif
#define SUM(R) \
  R(START) \
  R(CLAIM) \
  for (uint i = 0; i < k; i++) { \
    WORDS(w + (size_t)i * PANEL) \
    FETCH(w + (size_t)(i + AHEAD) * PANEL) \
    FETCH_NEXT((size_t)i * share) \
    R(STEP) \
  }
#define SHARE ((PANEL * 4 + groups - 1) / groups)
#define NEXT ((size_t)group * k * share)
#endif

#define PUT_TWO(R, PUT, x, y) \
  { \
    const __global float *two = b + x * VEC; \
    __typeof__(tile) c = tile + x * VEC; \
    const uint room = left > x * VEC ? left - x * VEC : 0; \
    OPEN(two) \
    R(CLOSE_##x) \
    R(PUT) \
  }
#if VECTORS == 4
#define PUT_ALL(R, PUT) PUT_TWO(R, PUT, 0, 1) PUT_TWO(R, PUT, 2, 3)
#else
#define PUT_ALL(R, PUT) PUT_TWO(R, PUT, 0, 1)
#endif
#define TILE(R, PUT) \
  { \
    SUM(R) \
    PUT_ALL(R, PUT) \
  }

#define OF(rows, R, PUT) \
  if (end - row == rows) { \
    TILE(R, PUT) \
    return; \
  }
#if ROWS == 12
#define FEWER(PUT) OF(11, R11, PUT) OF(10, R10, PUT)
#elif ROWS == 6
#define FEWER(PUT) OF(5, R5, PUT)
#else
#define FEWER(PUT)
#endif

/* @k: words of a row. @cols: columns that exist in C; a panel's columns past it are not touched. */
#define GEMM(name, C_TYPE, PUT) \
  ASM_BODY void name##_rows(const __global uint *restrict A, uint lda, const __global float *restrict W, \
                            const __global float *restrict bias, uint columns, \
                            __global C_TYPE *restrict C, uint ldc, uint m, uint k, uint cols, uint panel, \
                            uint group, uint groups) \
  { \
    uint row = FIRST_OF(group, groups, m); \
    if (row >= m || panel * PANEL >= cols) \
      return; \
    const uint end = FIRST_OF(group + 1, groups, m), left = cols - panel * PANEL; \
    const __global float *w = W + (size_t)panel * k * PANEL, *b = bias + panel * PANEL; \
    const uint share = SHARE; \
    const size_t next = (size_t)(w + (size_t)k * PANEL) + NEXT; \
    __global C_TYPE *tile = C + (size_t)row * ldc + panel * PANEL; \
    OF(ROWS, RFULL, PUT) \
    FEWER(PUT) \
    for (; row + 4 <= end; row += 4, tile += 4 * (size_t)ldc) \
      TILE(R4, PUT) \
    for (; row + 2 <= end; row += 2, tile += 2 * (size_t)ldc) \
      TILE(R2, PUT) \
    for (; row < end; row++, tile += ldc) \
      TILE(R1, PUT) \
  } \
  __kernel __attribute__((reqd_work_group_size(1, 1, 1))) void name( \
      const __global uint *restrict A, uint lda, const __global float *restrict W, \
      const __global float *restrict bias, uint columns, __global C_TYPE *restrict C, uint ldc, uint m, \
      uint k, uint cols) \
  { \
    name##_rows(A, lda, W, bias, columns, C, ldc, m, k, cols, get_group_id(1), get_group_id(0), \
                get_num_groups(0)); \
  }

GEMM(gemm_bias, float, PUT_NONE)
GEMM(gemm_quick_gelu, float, PUT_QUICK_GELU)
GEMM(gemm_gelu, float, PUT_GELU)
GEMM(gemm_residual, float, PUT_RESIDUAL)
#if OPERAND != 0
GEMM(gemm_quick_gelu_wide, ushort, PUT_QUICK_GELU_WIDE)
GEMM(gemm_gelu_wide, ushort, PUT_GELU_WIDE)
GEMM(gemm_bias_half, ushort, PUT_HALF)
#endif
