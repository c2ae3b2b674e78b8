/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be read in a text buffer; the first byte says whether it is markup. */
/* Covers: gst/textreading.c gst/textentities.c */
#include "fuzz.h"

#include "gst/textreading.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  GstHysacTextReading out;
  g_autoptr(GError) error = NULL;
  if (size == 0)
    return 0;
  const gboolean markup = data[0] == 'm';
  const gboolean ok = gst_hysac_text_read((const char *) data + 1, size - 1, markup, &out, &error);
  require_error(ok, &error);
  if (!ok) {
    REQUIRE(!out.readings && !out.visible && !out.joined);
    return 0;
  }
  REQUIRE(out.visible && out.joined && g_utf8_validate(out.joined, -1, NULL));
  /* The text, 65 at most without what may be hidden, what stands aside, and the bytes; each as it is, and folded; without
   * what looks like tags narrowly and widely, in four ways of parting words by them, all folded too, and what of that
   * looks like some twice again. */
  REQUIRE(out.readings->len <= (2 + 4 * 2 * 4) * 68);
  for (guint i = 0; i < out.readings->len; i++)
    REQUIRE(g_utf8_validate(out.readings->pdata[i], -1, NULL));
  g_autofree char *mask = gst_hysac_text_mask(out.visible);
  REQUIRE(strspn(mask, "* \n") == strlen(mask));
  g_autofree char *tail = gst_hysac_text_tail(out.joined, 7), *head = gst_hysac_text_head(out.joined, 7);
  REQUIRE(strlen(tail) <= 7 && strlen(head) <= 7);
  REQUIRE(g_utf8_validate(tail, -1, NULL) && g_utf8_validate(head, -1, NULL));
  gst_hysac_text_reading_clear(&out);
  return 0;
}
