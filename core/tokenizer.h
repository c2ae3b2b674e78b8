/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * CLIP's byte-level BPE: text -> token ids, as CLIPTokenizer of transformers 4.31.0 with ftfy gives
 * them (CLIPTokenizer._tokenize() and bpe()), but for what the flags below say. Of ftfy.fix_text()
 * all is there but the repair of text that was decoded in a wrong encoding (mojibake).
 * Thread-safety: immutable after loading; any thread may encode. No function looks at the locale.
 */

G_BEGIN_DECLS

#define HYSAC_TOKENIZER_MAX_TEXT (16 * 1024 * 1024) /* bytes */

typedef struct _HysacTokenizer HysacTokenizer;

/**
 * HysacTokenizeFlags:
 * @HYSAC_TOKENIZE_DEFAULT: typed special tokens are plain text; nothing is cut off
 * @HYSAC_TOKENIZE_SPECIAL: "<|startoftext|>" and "<|endoftext|>" in the text are the tokens, as in
 *   the reference, which pools at the first end of text: what follows goes unseen. For parity only.
 * @HYSAC_TOKENIZE_TRUNCATE: at most context ids; the last is the end of text, as in the reference
 * @HYSAC_TOKENIZE_NO_FIX: as the fast tokenizer (and transformers 5): NFC and lower case, no ftfy
 */
typedef enum {
  HYSAC_TOKENIZE_DEFAULT = 0,
  HYSAC_TOKENIZE_SPECIAL = 1 << 0,
  HYSAC_TOKENIZE_TRUNCATE = 1 << 1,
  HYSAC_TOKENIZE_NO_FIX = 1 << 2,
} HysacTokenizeFlags;

/**
 * hysac_tokenizer_load:
 * @folder: a model directory with vocab.json and merges.txt
 *
 * Returns: (transfer full): free with hysac_tokenizer_unref(). NULL and @error (IO, FORMAT, MODEL),
 * which names the file and the line or token, on failure.
 */
HYSAC_API HysacTokenizer *hysac_tokenizer_load(const char *folder, GError **error);

/* The same from memory (the fuzz target's way in); the names are what errors call the texts. */
HYSAC_API HysacTokenizer *hysac_tokenizer_parse(const char *vocab, gsize vocab_size,
                                                const char *vocab_name, const char *merges,
                                                gsize merges_size, const char *merges_name,
                                                GError **error);
HYSAC_API HysacTokenizer *hysac_tokenizer_ref(HysacTokenizer *self);
HYSAC_API void hysac_tokenizer_unref(HysacTokenizer *self); /* NULL is fine */

/* Number of tokens; ids are below it. */
HYSAC_API guint hysac_tokenizer_size(HysacTokenizer *self);
HYSAC_API guint32 hysac_tokenizer_start(HysacTokenizer *self); /* id of <|startoftext|> */
HYSAC_API guint32 hysac_tokenizer_end(HysacTokenizer *self);   /* id of <|endoftext|> */
/* The token as vocab.json spells it: printable characters for bytes, "</w>" at a word's end. Borrowed; NULL
 * where there is no such id. */
HYSAC_API const char *hysac_tokenizer_get_token(HysacTokenizer *self, guint32 id);

/**
 * hysac_tokenizer_encode:
 * @text: UTF-8 without NUL, at most HYSAC_TOKENIZER_MAX_TEXT bytes
 * @size: bytes, or -1 where @text ends with NUL
 * @context: the text tower's positions (CLIP: 77), at least 2; looked at with TRUNCATE only
 * @n_ids: (out): number of ids, at least 2
 *
 * Time is linear in the text, but for a logarithm in its longest word.
 *
 * Returns: (transfer full): start of text, ids, end of text; free with g_free(). NULL and @error
 * (FORMAT: not UTF-8; ARGUMENT: too long, @context too small) on failure.
 */
HYSAC_API guint32 *hysac_tokenizer_encode(HysacTokenizer *self, const char *text, gssize size,
                                          HysacTokenizeFlags flags, guint context, gsize *n_ids,
                                          GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacTokenizer, hysac_tokenizer_unref)

G_END_DECLS
