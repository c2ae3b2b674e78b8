/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Two pictures as the tower takes them (patches, see preprocess.cl): how many pixels of each tile of
 * TILE x TILE differ by more than @tolerance in a channel. Tiles are of the picture, whatever its
 * patches are; one is a work-item. Each says which run it was counted in: result = stamp << 8 | count.
 * Options: GRID, PATCH, TILE (at most 15).
 */

#define SIDE (GRID * PATCH)
#define TILES ((SIDE + TILE - 1) / TILE)

__kernel void
change(__global const uchar *restrict a, __global const uchar *restrict b, uint tolerance, uint stamp,
       __global uint *restrict result)
{
  const uint tx = get_global_id(0), ty = get_global_id(1);
  uint count = 0;

  if (tx >= TILES || ty >= TILES)
    return;
  for (uint y = ty * TILE; y < min(ty * TILE + TILE, (uint)SIDE); y++) {
    const uint row = y / PATCH * GRID * 3 * PATCH * PATCH + y % PATCH * PATCH;

    for (uint x = tx * TILE; x < min(tx * TILE + TILE, (uint)SIDE); x++) {
      const uint r = row + x / PATCH * 3 * PATCH * PATCH + x % PATCH;
      const uint g = r + PATCH * PATCH, b_ = g + PATCH * PATCH;
      const uint far = max(max(abs_diff(a[r], b[r]), abs_diff(a[g], b[g])), abs_diff(a[b_], b[b_]));

      count += far > tolerance;
    }
  }
  result[ty * TILES + tx] = stamp << 8 | count;
}
