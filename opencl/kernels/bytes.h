/* Included by colour.cl and preprocess.cl. LOOSE: a vector may lie at any address. */

/* PoCL makes one vload of bytes into eight loads and as many shuffles. */
#ifdef LOOSE
typedef uchar8 __attribute__((aligned(1))) loose8;
typedef uchar16 __attribute__((aligned(1))) loose16;
#define LOAD8(p) (*(__global const loose8 *)(p))
#define LOAD16(p) (*(__global const loose16 *)(p))
#else
#define LOAD8(p) vload8(0, (p))
#define LOAD16(p) vload16(0, (p))
#endif

/* Bounds as vectors: with scalar ones oclgrind 21.10 reads rubbish. */
static int16
clip16(int16 v)
{
  return clamp(v, (int16)(0), (int16)(255));
}
