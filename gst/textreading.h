/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * What may be read in the bytes of a text buffer. Tags, entities and characters that are not seen can split a word so
 * that no tokenizer finds it; who looks at the screen reads it all the same. So a text has several readings, each of
 * which is scored:
 *
 *   1. the visible text: of markup, what is left when tags are gone and entities are decoded;
 *   2. of markup, that without what is shown in a way that could make it unseen (alpha, size, colours, fonts …), the
 *      same attributes and values being one way: without all of them; of up to three ways every choice; of more
 *      each alone, and all but each;
 *   3. of markup, its comments, CDATA and processing instructions, which other readers may show;
 *   4. of each of these, what is left when entities in it are decoded and what looks like a tag is taken as one: <i>,
 *      <00:01.000>, {\an8}, {y:i}; the same with all that stands between < and > or { and } taken as a tag; either with
 *      no tag as a space, with those that break a line (<br>, <hr>, \N, '|') as one, with those that break a block too
 *      (<p>, <div>, <li> …), and with every tag in brackets; and of each what is left of that when it is done to it again, three
 *      times in all ("&amp;amp;shy;"); of markup also of the bytes, with every tag as a space, and with
 *      elements that are none of Pango's in all ways;
 *   5. of each of these, that without characters that are not seen, in compatibility form, Latin, Greek and Cyrillic
 *      letters without their marks.
 *
 * Thread-safety: any thread; there is no state.
 */

G_BEGIN_DECLS

typedef struct {
  GPtrArray *readings; /* of char *, UTF-8, all different, none without a visible character */
  char *visible;       /* number 1 */
  char *joined;        /* numbers 4 (the first form, blocks apart, three times) and 5 of it: what is put together with
                        * neighbours */
} GstHysacTextReading;

/* FALSE with @error (FORMAT) where the bytes are not UTF-8, hold a NUL that is not at the end, or are no markup. */
gboolean gst_hysac_text_read(const char *bytes, gsize size, gboolean markup, GstHysacTextReading *out,
                             GError **error);
void gst_hysac_text_reading_clear(GstHysacTextReading *self);

/* (transfer full): each word is "***"; line breaks stay. Valid markup too. @visible: (nullable): a word. */
char *gst_hysac_text_mask(const char *visible);

/* (transfer full): the last (first) whole characters of @text in at most @bytes. */
char *gst_hysac_text_tail(const char *text, gsize bytes);
char *gst_hysac_text_head(const char *text, gsize bytes);

G_END_DECLS
