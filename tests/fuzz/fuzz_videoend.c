/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a video file of which it is asked whether it was cut short. */
/* Covers: tools/videoend.c */
#include "fuzz.h"

#include "tools/videoend.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const ToolVideoInfo whole = { .duration = -1 };
  const char *path = fuzz_file(data, size);
  const gboolean cut = tool_video_is_cut(path);
  g_autofree char *why = tool_video_end_error(path, &whole);
  REQUIRE(cut == (why != NULL));
  /* Of a length that was stated and not reached. */
  const ToolVideoInfo brief = { .duration = 10000000000, .position = (gint64) size };
  g_autofree char *ends = tool_video_end_error(path, &brief);
  REQUIRE(ends != NULL);
  return 0;
}
