/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Intel's AMX: tiles of 16 rows of 64 bytes, here four of sums (0 to 3), two of rows (4, 5) and two of columns (6, 7),
 * in assembly, because the compiler may build for an older CPU. Words are 32 bits: four bytes or two bf16 numbers.
 * FOUR and TWO add the product of 32 or 16 rows of a word by 32 columns over 16 words of K: @w are panels of 32
 * columns, K-major.
 * A float is the sum of three bf16 numbers, its parts, and of two but for 2^-18 of it. Split: of each 32 numbers of K
 * 16 words of the first parts, then of the second, then of the third. SPLIT3(FOUR, ...) adds six of the nine products
 * of three parts, which is as exact as floats; SPLIT2 three of the four of two, off by some 2^-18. The rest is less.
 */
#define TILE_WORDS 16 /* of K */
#if OPERAND == 2
#define DP "tdpbusd"
#else
#define DP "tdpbf16ps"
#endif
#define LOAD(t, p, stride) \
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t : : "r"((size_t)(p)), "r"((size_t)(stride)) : "memory");
#define STORE(t, p, stride) \
  __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" : : "r"((size_t)(p)), "r"((size_t)(stride)) : "memory");
#define RELEASE __asm__ volatile("tilerelease" : : : "memory");
#define ZERO(t) __asm__ volatile("tilezero %%tmm" #t : : : "memory");
#define MULTIPLY_BY(op, c, a, w) __asm__ volatile(op " %%tmm" #w ", %%tmm" #a ", %%tmm" #c : : : "memory");
#define MULTIPLY(c, a, w) MULTIPLY_BY(DP, c, a, w)

/* @low: rows of the tiles 0, 1 and 4; @high: of 2, 3 and 5, at least 1. */
static void
configure(uint low, uint high)
{
  uchar shape[64] __attribute__((aligned(64))) = { 0 };
  shape[0] = 1;
  for (uint t = 0; t < 8; t++) {
    const bool lower = t == 0 || t == 1 || t == 4, whole = t >= 6;
    *(ushort *)(shape + 16 + 2 * t) = 64;
    shape[48 + t] = whole ? 16 : lower ? low : high;
  }
  __asm__ volatile("ldtilecfg (%0)" : : "r"((size_t)shape) : "memory");
}

#define FOUR(a, a_high, lda_, w, ldw) \
  LOAD(6, w, ldw) \
  LOAD(4, a, lda_) \
  LOAD(7, (w) + VEC, ldw) \
  MULTIPLY(0, 4, 6) \
  LOAD(5, a_high, lda_) \
  MULTIPLY(1, 4, 7) \
  MULTIPLY(2, 5, 6) \
  MULTIPLY(3, 5, 7)
#define TWO(a, a_high, lda_, w, ldw) \
  LOAD(6, w, ldw) \
  LOAD(4, a, lda_) \
  LOAD(7, (w) + VEC, ldw) \
  MULTIPLY(0, 4, 6) \
  MULTIPLY(1, 4, 7)
/* 16 rows and 16 columns of K on: @a is reloaded, the columns stay. */
#define MORE_FOUR(a, a_high, lda_) \
  LOAD(4, a, lda_) \
  MULTIPLY(0, 4, 6) \
  MULTIPLY(1, 4, 7) \
  LOAD(5, a_high, lda_) \
  MULTIPLY(2, 5, 6) \
  MULTIPLY(3, 5, 7)
#define MORE_TWO(a, a_high, lda_) \
  LOAD(4, a, lda_) \
  MULTIPLY(0, 4, 6) \
  MULTIPLY(1, 4, 7)
/* Other columns: the rows stay. */
#define OTHER_FOUR(w, ldw) \
  LOAD(6, w, ldw) \
  LOAD(7, (w) + VEC, ldw) \
  MULTIPLY(0, 4, 6) \
  MULTIPLY(1, 4, 7) \
  MULTIPLY(2, 5, 6) \
  MULTIPLY(3, 5, 7)
#define OTHER_TWO(w, ldw) \
  LOAD(6, w, ldw) \
  LOAD(7, (w) + VEC, ldw) \
  MULTIPLY(0, 4, 6) \
  MULTIPLY(1, 4, 7)

#define PART(p, i) ((p) + (i) * TILE_WORDS)
#define W_PART(w, i) ((w) + (i) * TILE_WORDS * PANEL)
#define SPLIT2(N, a, a_high, lda_, w, ldw) \
  N(PART(a, 1), PART(a_high, 1), lda_, w, ldw) \
  MORE_##N(a, a_high, lda_) \
  OTHER_##N(W_PART(w, 1), ldw)
#define SPLIT3(N, a, a_high, lda_, w, ldw) \
  N(PART(a, 2), PART(a_high, 2), lda_, w, ldw) \
  MORE_##N(PART(a, 1), PART(a_high, 1), lda_) \
  MORE_##N(a, a_high, lda_) \
  OTHER_##N(W_PART(w, 2), ldw) \
  OTHER_##N(W_PART(w, 1), ldw) \
  MORE_##N(PART(a, 1), PART(a_high, 1), lda_)

static halves
round_bf16(vec v)
{
  halves h;
  __asm__("vcvtneps2bf16 %1,%0" : "=v"(h) : "v"(v));
  return h;
}
