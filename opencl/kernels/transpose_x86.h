/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After vec_x86.h, with VEC 16. */
/* Rows of a square of numbers become its columns, in place: as one, two and then four numbers a time. */
#define SHUFFLE __builtin_shufflevector
#define LOW32(a, b) SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH32(a, b) SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW64(a, b) SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH64(a, b) SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define LOW256(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH256(a, b) SHUFFLE(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define EVEN128(a, b) SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD128(a, b) SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#define FOUR(i) \
  { \
    const ivec a = LOW32(x[i], x[i + 1]), b = HIGH32(x[i], x[i + 1]), c = LOW32(x[i + 2], x[i + 3]), \
               d = HIGH32(x[i + 2], x[i + 3]); \
    x[i] = LOW64(a, c); \
    x[i + 1] = HIGH64(a, c); \
    x[i + 2] = LOW64(b, d); \
    x[i + 3] = HIGH64(b, d); \
  }
#define SIXTEEN(j) \
  { \
    const ivec a = LOW256(x[j], x[4 + j]), b = HIGH256(x[j], x[4 + j]), c = LOW256(x[8 + j], x[12 + j]), \
               d = HIGH256(x[8 + j], x[12 + j]); \
    x[j] = EVEN128(a, c); \
    x[4 + j] = ODD128(a, c); \
    x[8 + j] = EVEN128(b, d); \
    x[12 + j] = ODD128(b, d); \
  }
static void
transpose(ivec x[VEC])
{
  FOUR(0) FOUR(4) FOUR(8) FOUR(12)
  SIXTEEN(0) SIXTEEN(1) SIXTEEN(2) SIXTEEN(3)
}
