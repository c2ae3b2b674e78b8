/* Included by kernels whose work-group of GROUP items has TILE rows by TILE columns of sums in local memory. */

#if OPERAND == 2
#define FINISH(s) \
  fma(convert_float4((s) - (int4)((int)A[(size_t)row * lda + k + 1]) * \
                               vload4(0, (const __global int *)bias + 2 * columns + column)), \
      (float4)(as_float(A[(size_t)row * lda + k])) * vload4(0, bias + columns + column), \
      vload4(0, bias + column))
#else
#define FINISH(s) ((s) + vload4(0, bias + column))
#endif

/* From c_tile[TILE][], a row of it four by four, to C. */
#define STORE_TILE(PUT) \
  for (uint i = get_local_id(0); i < TILE * TILE / 4; i += GROUP) { \
    const uint r = i / (TILE / 4), j = i % (TILE / 4) * 4; \
    const uint row = get_group_id(0) * TILE + r, column = get_group_id(1) * TILE + j; \
    if (row < m && column < cols) \
      PUT(FINISH(vload4(0, c_tile[r] + j)), C + (size_t)row * ldc + column, cols - column); \
  }
