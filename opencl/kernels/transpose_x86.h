/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of a square of VEC x VEC numbers become its columns, in registers; after vec_x86.h. First in
 * squares of four, in each 128 bits, then those change places. */
#define SHUFFLE __builtin_shufflevector
#if VEC == 16
#define LOW32(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH32(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW64(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH64(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define LOW256(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH256(a, b) SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define EVEN128(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD128(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#else
#define LOW32(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH32(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW64(a, b) SHUFFLE(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH64(a, b) SHUFFLE(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define LOW128(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HIGH128(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#endif
#define SQUARES_OF_4(i) \
  { \
    const ivec a = LOW32(x[i], x[i + 1]), b = HIGH32(x[i], x[i + 1]), c = LOW32(x[i + 2], x[i + 3]), \
               d = HIGH32(x[i + 2], x[i + 3]); \
    x[i] = LOW64(a, c); \
    x[i + 1] = HIGH64(a, c); \
    x[i + 2] = LOW64(b, d); \
    x[i + 3] = HIGH64(b, d); \
  }
#if VEC == 16
#define PLACES(j) \
  { \
    const ivec a = LOW256(x[j], x[4 + j]), b = HIGH256(x[j], x[4 + j]), c = LOW256(x[8 + j], x[12 + j]), \
               d = HIGH256(x[8 + j], x[12 + j]); \
    x[j] = EVEN128(a, c); \
    x[4 + j] = ODD128(a, c); \
    x[8 + j] = EVEN128(b, d); \
    x[12 + j] = ODD128(b, d); \
  }
#define EACH_LANE(F) R12(F) F(12) F(13) F(14) F(15)
#else
#define PLACES(j) \
  { \
    const ivec a = x[j], b = x[4 + j]; \
    x[j] = LOW128(a, b); \
    x[4 + j] = HIGH128(a, b); \
  }
#define EACH_LANE(F) R6(F) F(6) F(7)
#endif
/* Row @r of x to @to, where rows are a panel apart. */
#define GIVE_ROW(r) VSTORE(AS_VEC(x[r]), to + (r) * PANEL);

static void
transpose(ivec x[VEC])
{
  SQUARES_OF_4(0)
  SQUARES_OF_4(4)
#if VEC == 16
  SQUARES_OF_4(8)
  SQUARES_OF_4(12)
#endif
  PLACES(0)
  PLACES(1)
  PLACES(2)
  PLACES(3)
}
