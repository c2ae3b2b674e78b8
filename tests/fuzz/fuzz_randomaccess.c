/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a coded picture: the first says of which coding, the second how many of the next ones are its
 * configuration (none: a byte stream). */
/* Covers: tools/randomaccess.c */
#include "fuzz.h"

#include "tools/randomaccess.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const names[] = { "video/x-raw", "video/x-h264", "video/x-h265",
                                       "video/x-vp8", "video/x-vp9",  "image/jpeg" };
  if (size < 2)
    return 0;
  const ToolCoding coding = tool_coding_from_name(names[data[0] % G_N_ELEMENTS(names)]);
  const size_t n = MIN(data[1], size - 2);
  /* Each in memory of its own, of just that size: a read beyond it is seen. */
  g_autofree uint8_t *config = g_memdup2(data + 2, n), *picture = g_memdup2(data + 2 + n, size - 2 - n);
  const gboolean afresh = tool_random_access(coding, n > 0 ? config : NULL, n, picture, size - 2 - n);
  REQUIRE(!afresh || (coding != TOOL_CODING_UNKNOWN && size - 2 - n > 0));
  return 0;
}
