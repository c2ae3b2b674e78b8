/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The flags, vocab.json, NUL, merges.txt, NUL, a text; without NUL, a text for one of bytes.
 * Ids are below its size, a context is kept, and no text but by the flag brings the end of text. */
/* Covers: core/tokenizer.c */
#include "fuzz.h"

#include "core/tokenizer.h"

#include <string.h>

/* As bytes_to_unicode() orders it; the merges make "the</w>" and "aa". */
static HysacTokenizer *
byte_tokenizer(void)
{
  static const char merges[] = "#version: 0.2\nt h\nth e</w>\na a\n";
  g_autoptr(GString) vocab = g_string_new("{");
  HysacTokenizer *self;

  for (guint i = 0, c = '!'; i < 256; c++) {
    char token[8] = "";
    if (c == 0x7f)
      c = 0xa1;
    if (c == 0xad)
      continue;
    if (c == 0x144)
      break;
    g_unichar_to_utf8(c, token);
    const char *escape = c == '"' || c == '\\' ? "\\" : "";
    g_string_append_printf(vocab, "\"%s%s\":%u,\"%s%s</w>\":%u,", escape, token, i, escape, token,
                           i + 256);
    i++;
  }
  g_string_append(vocab, "\"th\":512,\"the</w>\":513,\"aa\":514,\"<|startoftext|>\":515,"
                         "\"<|endoftext|>\":516}");
  self = hysac_tokenizer_parse(vocab->str, vocab->len, "bytes", merges, strlen(merges), "merges",
                               NULL);
  REQUIRE(self);
  return self;
}

static void
encode(HysacTokenizer *self, const char *text, gsize size, uint8_t choice)
{
  HysacTokenizeFlags flags = choice & 7;
  guint context = choice >> 3;
  g_autoptr(GError) error = NULL;
  guint32 end = hysac_tokenizer_end(self);
  gsize n;
  g_autofree guint32 *ids =
    hysac_tokenizer_encode(self, text, (gssize) size, flags, context, &n, &error);

  require_error(ids != NULL, &error);
  REQUIRE((n >= 2) == (ids != NULL));
  if (!ids)
    return;
  REQUIRE(!(flags & HYSAC_TOKENIZE_TRUNCATE) || n <= context);
  REQUIRE(ids[0] == hysac_tokenizer_start(self) && ids[n - 1] == end);
  for (gsize i = 0; i < n; i++) {
    REQUIRE(ids[i] < hysac_tokenizer_size(self));
    REQUIRE(ids[i] != end || i == n - 1 || (flags & HYSAC_TOKENIZE_SPECIAL));
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static HysacTokenizer *bytes;
  const char *vocab = (const char *) data + 1, *end = (const char *) data + size;

  if (size == 0)
    return 0;
  if (!bytes)
    bytes = byte_tokenizer();
  const char *merges = memchr(vocab, '\0', (gsize) (end - vocab));
  const char *text = merges ? memchr(merges + 1, '\0', (gsize) (end - merges - 1)) : NULL;
  if (!text) {
    encode(bytes, vocab, (gsize) (end - vocab), data[0]);
    return 0;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacTokenizer) self =
    hysac_tokenizer_parse(vocab, (gsize) (merges - vocab), "vocab", merges + 1,
                          (gsize) (text - merges - 1), "merges", &error);
  REQUIRE(self || g_utf8_validate(error->message, -1, NULL));
  require_error(self != NULL, &error);
  if (self)
    encode(self, text + 1, (gsize) (end - text - 1), data[0]);
  return 0;
}
