/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attention's products, after vec_x86.h: sums of SUM vectors by MAC(sum, a, w). A tile of them is of
 * up to six rows and, with 32 registers, of four vectors, of two panels, by ten loads for 24 products;
 * else, and where one panel is left, of two. What is to come of the panels is asked for: they lie in L2.
 */
#define START2(r) SUM s##r = (SUM)(0), t##r = (SUM)(0);
#define START4(r) START2(r) SUM u##r = (SUM)(0), v##r = (SUM)(0);
#define STEP2(r) \
  { \
    const SUM a = (SUM)(x##r[i]); \
    MAC(s##r, a, w0); \
    MAC(t##r, a, w1); \
  }
#define STEP4(r) \
  { \
    const SUM a = (SUM)(x##r[i]); \
    MAC(s##r, a, w0); \
    MAC(t##r, a, w1); \
    MAC(u##r, a, w2); \
    MAC(v##r, a, w3); \
  }
#define LOAD(w, c) AS_SUM(VLOAD((w) + i * PANEL + (c) * VEC))
#define AHEAD 8
#define ASK(w) \
  __builtin_prefetch((const void *)(size_t)((w) + (i + AHEAD) * PANEL), 0, 3); \
  __builtin_prefetch((const void *)(size_t)((w) + (i + AHEAD) * PANEL + VEC), 0, 3);
/* ROW(r) has row @first + r's numbers as x##r, PUT##2(r) and PUT##4(r) store its sums s##r, t##r, u##r, v##r. */
#define TILE2(ROW, PUT, R, steps) \
  { \
    R(ROW) \
    R(START2) \
    for (uint i = 0; i < (steps); i++) { \
      const SUM w0 = LOAD(w, 0), w1 = LOAD(w, 1); \
      R(STEP2) \
    } \
    R(PUT##2) \
  }
#define TILE4(ROW, PUT, R, steps) \
  { \
    R(ROW) \
    R(START4) \
    for (uint i = 0; i < (steps); i++) { \
      ASK(w) \
      ASK(next) \
      const SUM w0 = LOAD(w, 0), w1 = LOAD(w, 1), w2 = LOAD(next, 0), w3 = LOAD(next, 1); \
      R(STEP4) \
    } \
    R(PUT##4) \
  }
/* All @n rows: twelve by six and six, eleven by six and five, ten by five and five. */
#define ROWS_BY(TILE, ROW, PUT, n, steps) \
  for (uint first = 0, left = n; left > 0; left = n - first) { \
    if (left >= 6 && left != 10) { \
      TILE(ROW, PUT, R6, steps) \
      first += 6; \
    } else if (left >= 5) { \
      TILE(ROW, PUT, R5, steps) \
      first += 5; \
    } else if (left >= 4) { \
      TILE(ROW, PUT, R4, steps) \
      first += 4; \
    } else { \
      TILE(ROW, PUT, R1, steps) \
      first++; \
    } \
  }
#if VEC == 16
#define PAIRS(ROW, PUT, n, from, columns, rows, steps) \
  for (; p + PANEL < (columns); p += 2 * PANEL) { \
    const __global float *w = (from) + (size_t)p * (rows), *next = w + PANEL * (rows); \
    ROWS_BY(TILE4, ROW, PUT, n, steps) \
  }
#else
#define PAIRS(ROW, PUT, n, from, columns, rows, steps)
#endif
/* @columns of @from, whose panels have @rows words a column, by @n rows. */
#define PRODUCT(ROW, PUT, n, from, columns, rows, steps) \
  { \
    uint p = 0; \
    PAIRS(ROW, PUT, n, from, columns, rows, steps) \
    for (; p < (columns); p += PANEL) { \
      const __global float *w = (from) + (size_t)p * (rows); \
      ROWS_BY(TILE2, ROW, PUT, n, steps) \
    } \
  }
