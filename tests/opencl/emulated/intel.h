/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What kernels/gemm_intel.cl calls of cl_intel_subgroups (revision 8), cl_intel_subgroups_short (3) and
 * cl_intel_subgroup_matrix_multiply_accumulate (1.1.0), in OpenCL C 1.2, as those texts define it: for tests on
 * devices that have none of them. Sub-groups are SUB_GROUP consecutive items of a one-dimensional work-group. What
 * lanes tell each other goes through the kernel's own c_tile, which it needs at its end only; so all sub-groups of
 * the work-group must multiply equally often. Types are those of the functions: a vector of others is an error.
 */
#define get_sub_group_local_id() ((uint)get_local_id(0) % SUB_GROUP)
#define get_sub_group_id() ((uint)get_local_id(0) / SUB_GROUP)

/* p[lane], p[lane + the sub-group's size] and so on. */
#define intel_sub_group_block_read_us(p) emulated_block_read_us(p)
static ushort
emulated_block_read_us(const __global ushort *p)
{
  return p[get_sub_group_local_id()];
}

#define intel_sub_group_block_read(p) emulated_block_read(p)
static uint
emulated_block_read(const __global uint *p)
{
  return p[get_sub_group_local_id()];
}

#define intel_sub_group_block_read8(p) emulated_block_read8(p)
static uint8
emulated_block_read8(const __global uint *p)
{
  const uint lane = get_sub_group_local_id();
  return (uint8)(p[lane], p[lane + SUB_GROUP], p[lane + 2 * SUB_GROUP], p[lane + 3 * SUB_GROUP],
                 p[lane + 4 * SUB_GROUP], p[lane + 5 * SUB_GROUP], p[lane + 6 * SUB_GROUP],
                 p[lane + 7 * SUB_GROUP]);
}

/* A row of A is 256 bits, as many from each lane in their order; a column of B is its lane's vector. */
#if SUB_GROUP == 16
typedef short8 emulated_signed;
typedef ushort8 emulated_unsigned;
#define EMULATED_UNSIGNED(a) as_ushort8(a)
#define EMULATED_BITS 16
#else
typedef int8 emulated_signed;
typedef uint8 emulated_unsigned;
#define EMULATED_UNSIGNED(a) as_uint8(a)
#define EMULATED_BITS 32
#endif

/* Number @i, of @bits, of the eight rows of the sub-group that begins with the item @first. */
static uint8
emulated_rows(const __local uint *shares, uint first, uint i, uint bits)
{
  const uint at = i * bits;
  return vload8(first + at / EMULATED_BITS, shares) >> at % EMULATED_BITS & ((1u << bits) - 1);
}

static uint8
emulated_column(const uint *b, uint i, uint bits)
{
  const uint at = i * bits;
  return (uint8)(b[at / 32] >> at % 32 & ((1u << bits) - 1));
}

static float8
emulated_bf16(uint8 bits)
{
  return as_float8(bits << 16);
}

static float8
emulated_f16(uint8 bits)
{
  const ushort8 halves = convert_ushort8(bits);
  return vload_half8(0, (const half *)&halves);
}

static int8
emulated_u8(uint8 bits)
{
  return as_int8(bits);
}

static int8
emulated_i8(uint8 bits)
{
  return as_int8(bits << 24) >> 24;
}

/* Of @count numbers of @bits, which TO and TO_B make of A's and B's. The first barrier: all have given their shares;
 * the second: all have taken them. */
#define EMULATED_MAD(name, A_TYPE, SUMS, count, bits, TO, TO_B) \
  static SUMS name(A_TYPE a, int8 b, SUMS acc, __local uint *shares) \
  { \
    const uint first = get_sub_group_id() * SUB_GROUP; \
    uint column[8]; \
    vstore8(as_uint8(b), 0, column); \
    vstore8(convert_uint8(EMULATED_UNSIGNED(a)), get_local_id(0), shares); \
    barrier(CLK_LOCAL_MEM_FENCE); \
    _Pragma("nounroll") for (uint i = 0; i < count; i++) \
      acc += TO(emulated_rows(shares, first, i, bits)) * TO_B(emulated_column(column, i, bits)); \
    barrier(CLK_LOCAL_MEM_FENCE); \
    return acc; \
  }

#if OPERAND == 1
EMULATED_MAD(emulated_bf16_bf16, emulated_signed, float8, 16, 16, emulated_bf16, emulated_bf16)
#define intel_sub_group_bf16_bf16_matrix_mad_k16(a, b, acc) emulated_bf16_bf16(a, b, acc, (__local uint *)c_tile)
#elif OPERAND == 2
EMULATED_MAD(emulated_u8_i8, emulated_unsigned, int8, 32, 8, emulated_u8, emulated_i8)
#define intel_sub_group_u8_i8_matrix_mad_k32(a, b, acc) emulated_u8_i8(a, b, acc, (__local uint *)c_tile)
#elif OPERAND == 3
EMULATED_MAD(emulated_f16_f16, emulated_signed, float8, 16, 16, emulated_f16, emulated_f16)
#define intel_sub_group_f16_f16_matrix_mad_k16(a, b, acc) emulated_f16_f16(a, b, acc, (__local uint *)c_tile)
#endif
