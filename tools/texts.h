/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Texts of the command line, and of files with one a line. */

#include "hysac.h"

G_BEGIN_DECLS

#define TOOL_TEXTS_AT_ONCE 64

/* Some texts, at least one, and where they are from. */
typedef struct {
  const char *const *texts; /* @n, each ending with NUL; any bytes but that */
  guint n;
  guint64 first;        /* how many came before */
  const char *file;     /* NULL: they are of the command line */
  const guint64 *lines; /* of each, from 1; where there is a file */
} ToolTexts;

/* "FILE: line 3", "standard input: line 3", or "text 3" of the command line. (transfer full) */
char *tool_text_origin(const ToolTexts *texts, guint i);

typedef void (*ToolTextFunc)(const ToolTexts *texts, gpointer user_data);

/* A line that can be no text: what may be shown of it, where it is from, and what is wrong. */
typedef void (*ToolBadTextFunc)(const char *shown, const char *origin, const char *problem, gpointer user_data);

/* Calls @func with the texts of @given (nullable), then with the lines of each of @files (nullable; "-" is standard
 * input), at most TOOL_TEXTS_AT_ONCE of them and as soon as they are read. Says what is wrong; a line with a NUL in it or
 * beyond 16 MiB goes to @bad in its turn, which then says it (nullable: it is left out). Returns whether all went well;
 * ends early where tool_stopped() says so. */
gboolean tool_read_texts(char **given, char **files, ToolTextFunc func, ToolBadTextFunc bad, gpointer user_data);

/* What has become of a file of texts. */
typedef struct {
  char *sha256;     /* of all its bytes, hex; NULL where it could not be read to its end. g_free() it */
  guint64 left_out; /* lines */
} ToolTextFile;

/* The same of one file alone, after which *@about is filled. */
gboolean tool_read_text_file(const char *file, ToolTextFunc func, gpointer user_data, ToolTextFile *about);

/* hysac_text_encoder_embed_many(), with a bar of the windows that are done where it takes long, and until
 * tool_stopped() says so: then what is not finished is CANCELLED. @out, @errors: room for all of @texts. */
void tool_embed_texts(HysacTextEncoder *encoder, const ToolTexts *texts, HysacTextFlags flags,
                      HysacTextEmbedding *out, GError **errors);

G_END_DECLS
