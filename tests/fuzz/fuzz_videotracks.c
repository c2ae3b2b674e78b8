/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a video file of which it is asked what streams are in it: containers with an index. */
/* Covers: tools/videotracks.c tools/videotracks_avi.c tools/videotracks_matroska.c tools/videotracks_mp4.c */
#include "fuzz.h"

#include "tools/videotracks.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  ToolVideoTracks tracks;
  tool_video_tracks_read(fuzz_file(data, size), &tracks);
  REQUIRE(tracks.next < MAX(size, 1));
  REQUIRE(tracks.known || (tracks.videos == 0 && tracks.next == 0 && tracks.n_programs == 0));
  REQUIRE(tracks.duration_length == 0 ||
          (tracks.duration >= 0 && tracks.duration_at <= size && tracks.duration_length <= size - tracks.duration_at));
  REQUIRE(tracks.n_programs != 1 && tracks.n_programs <= TOOL_VIDEO_PROGRAMS && tracks.videos <= size);
  return 0;
}
