/* Included by colour.cl and preprocess_x86.cl: which lines of chroma a luma row lies between. */

/* Columns and rows of the chroma planes, and whether they are half as many as the luma's. */
typedef struct {
  int columns, rows, h, v;
} Chroma;

static Chroma
chroma_of(int4 c)
{
  Chroma chroma = { c.x, c.y, c.z, c.w };
  return chroma;
}

/* The two lines of chroma around a luma row, and their weights. */
typedef struct {
  __global const uchar *line[2];
  short weight[2];
} Lines;

static Lines
lines_of(__global const uchar *plane, long2 at, int row, Chroma chroma, int8 site)
{
  int i = row / 2, odd = row & 1;
  int j0 = odd ? i : max(i - 1, 0), j1 = odd ? min(i + 1, chroma.rows - 1) : i;
  Lines lines;

  if (!chroma.v)
    j0 = j1 = row;
  lines.line[0] = plane + (at.x + j0 * at.y);
  lines.line[1] = plane + (at.x + j1 * at.y);
  lines.weight[0] = (short)(!chroma.v ? 4 : odd ? site.s6 : site.s4);
  lines.weight[1] = (short)(!chroma.v ? 0 : odd ? site.s7 : site.s5);
  return lines;
}
