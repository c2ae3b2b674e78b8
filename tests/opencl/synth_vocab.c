/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A vocabulary of CLIP's kind and any size: the bytes inside and at the end of a word, merges that make all
 * strings of letters, the shorter first, and the two special tokens. */

#include "synth.h"

#include <string.h>

#define BYTES 256
#define LETTERS 26

/* The printable stand-in of a byte. */
static gunichar
stand_in(guint byte)
{
  guint others = 0;
  for (guint b = 0; b <= byte; b++) {
    const gboolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    if (b == byte && printable)
      return b;
    others += !printable;
  }
  return BYTES + others - 1;
}

static void
add_token(GString *vocab, guint *id, const char *token, const char *end)
{
  g_string_append_printf(vocab, "%s\"", *id == 0 ? "{" : ", ");
  for (const char *p = token; *p != '\0'; p++) {
    if (*p == '"' || *p == '\\')
      g_string_append_c(vocab, '\\');
    g_string_append_c(vocab, *p);
  }
  g_string_append_printf(vocab, "%s\": %u", end, (*id)++);
}

/* Merges until there are @size tokens with the two special ones. */
static void
add_merges(GString *vocab, GString *merges, guint *id, guint size)
{
  g_autoptr(GPtrArray) inner = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < LETTERS; i++)
    g_ptr_array_add(inner, g_strdup_printf("%c", 'a' + i));
  for (guint i = 0; *id + 2 < size; i++) {
    for (guint j = 0; j < 2 * LETTERS && *id + 2 < size; j++) {
      const char *left = inner->pdata[i], *end = j < LETTERS ? "" : "</w>";
      g_autofree char *both = g_strdup_printf("%s%c", left, 'a' + j % LETTERS);
      g_string_append_printf(merges, "%s %c%s\n", left, 'a' + j % LETTERS, end);
      add_token(vocab, id, both, end);
      if (j < LETTERS)
        g_ptr_array_add(inner, g_strdup(both));
    }
  }
}

gboolean
synth_write_vocab(const char *dir, guint size, GError **error)
{
  g_autoptr(GString) vocab = g_string_new(NULL), merges = g_string_new("#version: 0.2\n");
  guint id = 0;
  for (guint end = 0; end < 2; end++) {
    for (guint b = 0; b < BYTES; b++) {
      char token[8] = { 0 };
      g_unichar_to_utf8(stand_in(b), token);
      add_token(vocab, &id, token, end ? "</w>" : "");
    }
  }
  add_merges(vocab, merges, &id, size);
  add_token(vocab, &id, "<|startoftext|>", "");
  add_token(vocab, &id, "<|endoftext|>", "");
  g_string_append_c(vocab, '}');
  g_autofree char *vocab_path = g_build_filename(dir, "vocab.json", NULL),
                  *merges_path = g_build_filename(dir, "merges.txt", NULL);
  return g_file_set_contents(vocab_path, vocab->str, (gssize) vocab->len, error) &&
         g_file_set_contents(merges_path, merges->str, (gssize) merges->len, error);
}
