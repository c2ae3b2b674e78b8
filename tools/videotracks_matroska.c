/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Matroska and WebM: RFC 8794, RFC 9559. */

#include "videotracks_private.h"

#include <string.h>

#define EBML 0x1a45dfa3
#define SEGMENT 0x18538067
#define TRACKS 0x1654ae6b
#define CLUSTER 0x1f43b675
#define TRACK_ENTRY 0xae
#define TRACK_TYPE 0x83

typedef struct {
  guint64 id, length;
  gboolean endless; /* of a length that is not known */
} Element;

static gboolean
read_element(ToolBytes *bytes, guint64 *at, Element *out)
{
  gboolean unused;
  return tool_bytes_read_ebml(bytes, at, 4, TRUE, &out->id, &unused) &&
         tool_bytes_read_ebml(bytes, at, 8, FALSE, &out->length, &out->endless);
}

static gboolean
is_video_entry(ToolBytes *bytes, guint64 at, guint64 end)
{
  Element element;
  while (at < end && read_element(bytes, &at, &element) && element.length <= end - MIN(at, end)) {
    guint8 value[8];
    if (element.id == TRACK_TYPE && element.length > 0 && element.length <= sizeof value &&
        tool_bytes_read(bytes, at, value, (gsize) element.length) &&
        tool_big_endian(value, (guint) element.length) == 1)
      return TRUE;
    at += element.length;
  }
  return FALSE;
}

gboolean
tool_video_tracks_read_matroska(ToolBytes *bytes, ToolVideoTracks *out)
{
  Element element;
  guint64 at = 0, begins = 0;
  gboolean segment = FALSE;
  if (!read_element(bytes, &at, &element) || element.id != EBML)
    return FALSE;
  for (at = 0; at < bytes->size && read_element(bytes, &at, &element); begins = at) {
    if (begins > 0 && out->known && (element.id == EBML || (element.id == SEGMENT && segment))) {
      out->next = begins;
      break;
    }
    segment |= element.id == SEGMENT;
    out->known |= element.id == TRACKS;
    /* What is inside these follows; a cluster of an unknown length is skipped block by block. */
    if (element.id == SEGMENT || element.id == TRACKS || (element.id == CLUSTER && element.endless))
      continue;
    if (element.endless || at > bytes->size || element.length > bytes->size - at)
      break;
    if (element.id == TRACK_ENTRY)
      out->videos += is_video_entry(bytes, at, at + element.length);
    at += element.length;
  }
  return out->known;
}
