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
#ifdef EMULATE
/* What the instructions do, one number at a time: a test of what surrounds them. A function with tiles begins with
 * TILE_STATE. */
typedef struct {
  uint words[8][16][TILE_WORDS], rows[8];
} Tiles;
#define TILE_STATE Tiles tiles;
#define LOAD(t, p, stride) load_tile(&tiles, t, (size_t)(p), stride);
#define STORE(t, p, stride) store_tile(&tiles, t, (size_t)(p), stride);
#define RELEASE
#define ZERO(t) zero_tile(&tiles, t);
#define MULTIPLY(c, a, w) multiply_tiles(&tiles, c, a, w);
#define configure(low, high) configure_tiles(&tiles, low, high)

#define TILE_FUNCTION static __attribute__((noinline))
TILE_FUNCTION void
zero_tile(Tiles *tiles, uint t)
{
  for (uint r = 0; r < 16; r++) {
    for (uint i = 0; i < TILE_WORDS; i++)
      tiles->words[t][r][i] = 0;
  }
}

TILE_FUNCTION void
load_tile(Tiles *tiles, uint t, size_t from, size_t stride)
{
  zero_tile(tiles, t);
  for (uint r = 0; r < tiles->rows[t]; r++) {
    for (uint i = 0; i < TILE_WORDS; i++)
      tiles->words[t][r][i] = ((const uint *)(from + r * stride))[i];
  }
}

TILE_FUNCTION void
store_tile(const Tiles *tiles, uint t, size_t to, size_t stride)
{
  for (uint r = 0; r < tiles->rows[t]; r++) {
    for (uint i = 0; i < TILE_WORDS; i++)
      ((uint *)(to + r * stride))[i] = tiles->words[t][r][i];
  }
}

static uint
dot_words(uint sum, uint a, uint w)
{
#if OPERAND == 2
  for (uint i = 0; i < 32; i += 8)
    sum += (uint)((int)(a >> i & 255) * (int)(char)(w >> i & 255));
  return sum;
#else
  const float low = fma(as_float(a << 16), as_float(w << 16), as_float(sum));
  return as_uint(fma(as_float(a & 0xffff0000), as_float(w & 0xffff0000), low));
#endif
}

TILE_FUNCTION void
multiply_tiles(Tiles *tiles, uint c, uint a, uint w)
{
  for (uint r = 0; r < tiles->rows[c]; r++) {
    for (uint k = 0; k < TILE_WORDS; k++) {
      for (uint i = 0; i < TILE_WORDS; i++)
        tiles->words[c][r][i] = dot_words(tiles->words[c][r][i], tiles->words[a][r][k], tiles->words[w][k][i]);
    }
  }
}

/* As below; what was in the tiles is gone. */
TILE_FUNCTION void
configure_tiles(Tiles *tiles, uint low, uint high)
{
  for (uint t = 0; t < 8; t++) {
    tiles->rows[t] = t >= 6 ? 16 : t == 0 || t == 1 || t == 4 ? low : high;
    zero_tile(tiles, t);
  }
}
#else
#define TILE_STATE
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
#endif

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
#ifdef EMULATE
  return to_bf16(v);
#else
  halves h;
  __asm__("vcvtneps2bf16 %1,%0" : "=v"(h) : "v"(v));
  return h;
#endif
}
