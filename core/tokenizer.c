/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/tokenizer.h"
#include "core/config.h"
#include "core/file.h"
#include "core/json.h"
#include "core/tokenizer_text.h"

#include <stdlib.h>
#include <string.h>

#define START "<|startoftext|>"
#define END "<|endoftext|>"
#define WORD_END "</w>"
#define MAX_TOKENS (1 << 20)
/* The reference reads no more merges (49152 - 256 - 2 lines), whatever the file has. */
#define MAX_MERGES 48894
#define DEAD G_MAXUINT32

/* The merge of two tokens. */
typedef struct {
  guint64 key; /* left token << 32 | right token */
  guint32 rank; /* the lowest goes first */
  guint32 id;   /* what they become */
} Merge;

struct _HysacTokenizer {
  gatomicrefcount refs;
  guint size;
  guint32 start, end;
  guint32 bytes[256], last_bytes[256]; /* ids of a byte inside and at the end of a word */
  GArray *merges;                      /* of Merge, by key */
  const char **tokens;                 /* by id; in names */
  GStringChunk *names;
};

/* ------------------------------------------------------------ the files */

/* A token as an error shows it: valid UTF-8, not too long. */
static char *
shown(const char *token, gsize size)
{
  return g_utf8_make_valid(token, (gssize) MIN(size, 64));
}

/* transformers' bytes_to_unicode(): printable stand-ins for bytes. */
static gunichar
byte_character(guint byte)
{
  guint others = 0;

  for (guint b = 0; b <= byte; b++) {
    gboolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    if (b == byte && printable)
      return b;
    others += !printable;
  }
  return 256 + others - 1;
}

static gboolean
find_token(GHashTable *ids, const char *name, const char *token, guint32 *id, GError **error)
{
  gpointer value;

  if (!g_hash_table_lookup_extended(ids, token, NULL, &value)) {
    g_autofree char *text = shown(token, strlen(token));
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: token %s is missing", name, text);
    return FALSE;
  }
  *id = GPOINTER_TO_UINT(value);
  return TRUE;
}

/* Token -> id, borrowing the names from @root; each of 0…n-1 once. */
static GHashTable *
read_ids(JsonObject *root, const char *name, GError **error)
{
  guint n = json_object_get_size(root);
  g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
  g_autofree guint8 *seen = g_malloc0((gsize) n + 1);
  JsonObjectIter iter;
  const char *token;
  JsonNode *node;
  guint64 id;

  if (n > MAX_TOKENS) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %u tokens; at most %d are expected",
                name, n, MAX_TOKENS);
    return NULL;
  }
  json_object_iter_init_ordered(&iter, root);
  while (json_object_iter_next_ordered(&iter, &token, &node)) {
    const char *problem = NULL;
    if (!hysac_json_node_uint64(node, &id))
      problem = "its id is no count";
    else if (id >= n)
      problem = "its id is not below the number of tokens";
    else if (seen[id])
      problem = "its id is another token's";
    if (problem) {
      g_autofree char *text = shown(token, strlen(token));
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: token %s: %s", name, text, problem);
      return NULL;
    }
    seen[id] = 1;
    g_hash_table_insert(ids, (char *) token, GUINT_TO_POINTER((guint) id));
  }
  return g_steal_pointer(&ids);
}

/* All bytes must be there, at the ends of words too: what the reference does not know becomes the
 * end of text, behind which it sees nothing. */
static gboolean
read_bytes(HysacTokenizer *self, GHashTable *ids, const char *name, GError **error)
{
  for (guint b = 0; b < 256; b++) {
    char token[16];
    int size = g_unichar_to_utf8(byte_character(b), token);
    token[size] = '\0';
    if (!find_token(ids, name, token, &self->bytes[b], error))
      return FALSE;
    memcpy(token + size, WORD_END, sizeof WORD_END);
    if (!find_token(ids, name, token, &self->last_bytes[b], error))
      return FALSE;
  }
  return TRUE;
}

G_GNUC_PRINTF(4, 5)
static gboolean
fail_line(GError **error, const char *name, guint line, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: line %u: %s", name, line, text);
  return FALSE;
}

static gboolean
read_merge(HysacTokenizer *self, GHashTable *ids, const char *name, guint line, const char *text,
           GError **error)
{
  const char *space = strchr(text, ' ');

  if (!space || space == text || !space[1] || strchr(space + 1, ' '))
    return fail_line(error, name, line, "two tokens with a space between them are expected");
  if (self->merges->len >= MAX_MERGES)
    return fail_line(error, name, line, "more than %d merges", MAX_MERGES);
  g_autofree char *left = g_strndup(text, (gsize) (space - text));
  g_autofree char *both = g_strconcat(left, space + 1, NULL);
  const char *const tokens[] = {left, space + 1, both};
  guint32 found[3];
  for (guint i = 0; i < 3; i++) {
    gpointer id;
    if (!g_hash_table_lookup_extended(ids, tokens[i], NULL, &id)) {
      g_autofree char *token = shown(tokens[i], strlen(tokens[i]));
      return fail_line(error, name, line, "token %s is not in the vocabulary", token);
    }
    found[i] = GPOINTER_TO_UINT(id);
  }
  Merge merge = {.key = (guint64) found[0] << 32 | found[1], .rank = self->merges->len,
                 .id = found[2]};
  g_array_append_val(self->merges, merge);
  return TRUE;
}

static int
by_key(const void *a, const void *b)
{
  guint64 x = ((const Merge *) a)->key, y = ((const Merge *) b)->key;
  return x < y ? -1 : x > y;
}

static gboolean
read_merges(HysacTokenizer *self, GHashTable *ids, const char *text, gsize size, const char *name,
            GError **error)
{
  const char *invalid;
  guint line = 1;

  if (!g_utf8_validate_len(text, size, &invalid))
    return fail_line(error, name, hysac_json_line(text, (gsize) (invalid - text)), "not UTF-8");
  for (const char *p = text, *end = text + size; p < end; line++) {
    const char *stop = memchr(p, '\n', (gsize) (end - p));
    gsize length = (gsize) ((stop ? stop : end) - p);
    g_autofree char *merge = g_strndup(p, length);
    if (length > 0 && merge[length - 1] == '\r')
      merge[--length] = '\0';
    p = stop ? stop + 1 : end;
    if (line == 1) { /* the reference skips it unseen, and with it a first merge */
      if (!strstr(merge, "#version"))
        return fail_line(error, name, line, "\"#version\" is expected");
    } else if (length > 0 || p < end) {
      if (!read_merge(self, ids, name, line, merge, error))
        return FALSE;
    }
  }
  if (line == 1)
    return fail_line(error, name, line, "the file is empty");

  g_array_sort(self->merges, by_key);
  for (guint i = 1; i < self->merges->len; i++) {
    const Merge *a = &g_array_index(self->merges, Merge, i - 1);
    const Merge *b = &g_array_index(self->merges, Merge, i);
    if (a->key == b->key)
      return fail_line(error, name, MAX(a->rank, b->rank) + 2, "the same merge as in line %u",
                       MIN(a->rank, b->rank) + 2);
  }
  return TRUE;
}

static void
keep_names(HysacTokenizer *self, GHashTable *ids)
{
  GHashTableIter iter;
  gpointer token, id;

  self->names = g_string_chunk_new(64 * 1024);
  self->tokens = g_new0(const char *, self->size);
  g_hash_table_iter_init(&iter, ids);
  while (g_hash_table_iter_next(&iter, &token, &id))
    self->tokens[GPOINTER_TO_UINT(id)] = g_string_chunk_insert(self->names, token);
}

HysacTokenizer *
hysac_tokenizer_parse(const char *vocab, gsize vocab_size, const char *vocab_name,
                      const char *merges, gsize merges_size, const char *merges_name,
                      GError **error)
{
  g_autoptr(JsonNode) root = hysac_json_parse(vocab, vocab_size, vocab_name, error);
  if (!root)
    return NULL;
  g_autoptr(GHashTable) ids = read_ids(json_node_get_object(root), vocab_name, error);
  if (!ids)
    return NULL;

  g_autoptr(HysacTokenizer) self = g_new0(HysacTokenizer, 1);
  g_atomic_ref_count_init(&self->refs);
  self->size = g_hash_table_size(ids);
  self->merges = g_array_new(FALSE, FALSE, sizeof(Merge));
  if (!find_token(ids, vocab_name, START, &self->start, error) ||
      !find_token(ids, vocab_name, END, &self->end, error) ||
      !read_bytes(self, ids, vocab_name, error) ||
      !read_merges(self, ids, merges, merges_size, merges_name, error))
    return NULL;
  keep_names(self, ids);
  return g_steal_pointer(&self);
}

HysacTokenizer *
hysac_tokenizer_load(const char *folder, GError **error)
{
  g_autofree char *vocab_name = g_build_filename(folder, "vocab.json", NULL);
  g_autofree char *merges_name = g_build_filename(folder, "merges.txt", NULL);
  gsize vocab_size, merges_size;
  g_autofree char *vocab = hysac_read_file(vocab_name, HYSAC_MAX_JSON_SIZE, &vocab_size, error);
  if (!vocab)
    return NULL;
  g_autofree char *merges = hysac_read_file(merges_name, HYSAC_MAX_JSON_SIZE, &merges_size, error);
  if (!merges)
    return NULL;
  return hysac_tokenizer_parse(vocab, vocab_size, vocab_name, merges, merges_size, merges_name,
                               error);
}

HysacTokenizer *
hysac_tokenizer_ref(HysacTokenizer *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_tokenizer_unref(HysacTokenizer *self)
{
  if (!self || !g_atomic_ref_count_dec(&self->refs))
    return;
  g_array_unref(self->merges);
  g_free(self->tokens);
  g_clear_pointer(&self->names, g_string_chunk_free);
  g_free(self);
}

guint
hysac_tokenizer_size(HysacTokenizer *self)
{
  return self->size;
}

guint32
hysac_tokenizer_start(HysacTokenizer *self)
{
  return self->start;
}

guint32
hysac_tokenizer_end(HysacTokenizer *self)
{
  return self->end;
}

const char *
hysac_tokenizer_get_token(HysacTokenizer *self, guint32 id)
{
  return id < self->size ? self->tokens[id] : NULL;
}

/* ------------------------------------------------------------ merging */

/*
 * The reference's bpe(): of all pairs in a word the one of lowest rank is merged wherever it
 * stands, left to right; and again. There in quadratic time; here through a heap of (rank, place).
 * All places of a rank leave the heap before one is merged: pairs that a merge makes wait for the
 * next round, even where the file ranks them lower.
 */
typedef struct {
  guint32 id; /* DEAD once merged into its left neighbour */
  guint32 left, right;
} Symbol;

typedef struct {
  GArray *symbols; /* of Symbol */
  GArray *heap;    /* of guint64: rank << 32 | place */
  GArray *places;  /* of guint32 */
} Word;

static const Merge *
find_merge(HysacTokenizer *self, guint32 left, guint32 right)
{
  Merge key = {.key = (guint64) left << 32 | right};

  /* bsearch() wants an array even where it has no elements. */
  if (!self->merges->len)
    return NULL;
  return bsearch(&key, self->merges->data, self->merges->len, sizeof key, by_key);
}

static void
heap_push(GArray *heap, guint64 value)
{
  g_array_append_val(heap, value);
  guint64 *h = (guint64 *) (void *) heap->data;
  guint i = heap->len - 1;
  for (; i > 0 && h[(i - 1) / 2] > value; i = (i - 1) / 2)
    h[i] = h[(i - 1) / 2];
  h[i] = value;
}

static guint64
heap_pop(GArray *heap)
{
  guint64 *h = (guint64 *) (void *) heap->data;
  guint64 top = h[0], last = h[heap->len - 1];
  guint n = heap->len - 1, i = 0;

  while (2 * i + 1 < n) {
    guint child = 2 * i + 1;
    if (child + 1 < n && h[child + 1] < h[child])
      child++;
    if (h[child] >= last)
      break;
    h[i] = h[child];
    i = child;
  }
  h[i] = last;
  g_array_set_size(heap, n);
  return top;
}

/* The merge of @place and its right neighbour, if there is one. */
static const Merge *
merge_at(HysacTokenizer *self, const Symbol *symbols, guint32 place)
{
  if (place == DEAD || symbols[place].id == DEAD || symbols[place].right == DEAD)
    return NULL;
  return find_merge(self, symbols[place].id, symbols[symbols[place].right].id);
}

static void
push_pair(HysacTokenizer *self, Word *word, guint32 place)
{
  const Merge *merge = merge_at(self, (const Symbol *) (void *) word->symbols->data, place);
  if (merge)
    heap_push(word->heap, (guint64) merge->rank << 32 | place);
}

static void
merge_round(HysacTokenizer *self, Word *word)
{
  Symbol *s = (Symbol *) (void *) word->symbols->data;
  guint64 top = heap_pop(word->heap);
  guint32 rank = (guint32) (top >> 32);

  g_array_set_size(word->places, 0);
  for (;;) {
    guint32 place = (guint32) top;
    g_array_append_val(word->places, place);
    if (!word->heap->len || g_array_index(word->heap, guint64, 0) >> 32 != rank)
      break;
    top = heap_pop(word->heap);
  }
  for (guint i = 0; i < word->places->len; i++) {
    guint32 place = g_array_index(word->places, guint32, i);
    const Merge *merge = merge_at(self, s, place);
    if (!merge || merge->rank != rank)
      continue; /* its neighbours have changed */
    guint32 right = s[place].right;
    s[place].id = merge->id;
    s[place].right = s[right].right;
    s[right].id = DEAD;
    if (s[place].right != DEAD)
      s[s[place].right].left = place;
    push_pair(self, word, s[place].left);
    push_pair(self, word, place);
  }
}

static void
encode_word(HysacTokenizer *self, Word *word, const char *text, gsize size, GArray *ids)
{
  g_array_set_size(word->symbols, (guint) size);
  Symbol *s = (Symbol *) (void *) word->symbols->data;
  for (guint32 i = 0; i < size; i++) {
    guchar byte = (guchar) text[i];
    s[i].id = i + 1 < size ? self->bytes[byte] : self->last_bytes[byte];
    s[i].left = i > 0 ? i - 1 : DEAD;
    s[i].right = i + 1 < size ? i + 1 : DEAD;
  }
  for (guint32 i = 0; i + 1 < size; i++)
    push_pair(self, word, i);
  while (word->heap->len > 0)
    merge_round(self, word);
  for (guint32 i = 0; i != DEAD; i = s[i].right)
    g_array_append_val(ids, s[i].id);
}

/* ------------------------------------------------------------ texts */

/* The first special token at or after @p, or @end. */
static const char *
find_special(const char *p, const char *end, gsize *size, gboolean *is_end)
{
  for (; p < end; p++) {
    p = memchr(p, '<', (gsize) (end - p));
    if (!p)
      break;
    gsize left = (gsize) (end - p);
    *is_end = left >= strlen(END) && !memcmp(p, END, strlen(END));
    *size = *is_end ? strlen(END) : strlen(START);
    if (*is_end || (left >= strlen(START) && !memcmp(p, START, strlen(START))))
      return p;
  }
  return end;
}

/* A part without special tokens, or such as come out of its cleaning: "<|ENDOFTEXT|>". */
static void
encode_part(HysacTokenizer *self, Word *word, const char *text, gsize size,
            HysacTokenizeFlags flags, gsize most, GArray *ids)
{
  gboolean fix = !(flags & HYSAC_TOKENIZE_NO_FIX), is_end = FALSE;
  gboolean special = fix && (flags & HYSAC_TOKENIZE_SPECIAL);
  g_autofree char *clean = hysac_text_clean(text, size, fix);
  const char *end = clean + strlen(clean), *p = clean;
  gsize length;

  while (ids->len < most && (p = hysac_text_word(p, end, fix, &length))) {
    gsize token = 0;
    const char *near = MIN(end, p + strlen(START));
    if (special && *p == '<' && find_special(p, near, &token, &is_end) == p) {
      g_array_append_val(ids, *(is_end ? &self->end : &self->start));
      length = token;
    } else {
      encode_word(self, word, p, length, ids);
    }
    p += length;
  }
}

static gboolean
check_text(const char *text, gsize size, HysacTokenizeFlags flags, guint context, GError **error)
{
  const char *invalid;

  if (size > HYSAC_TOKENIZER_MAX_TEXT) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "a text of %" G_GSIZE_FORMAT " bytes; at most %d are expected", size,
                HYSAC_TOKENIZER_MAX_TEXT);
    return FALSE;
  }
  if ((flags & HYSAC_TOKENIZE_TRUNCATE) && context < 2) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "a context of %u; start and end of text need 2", context);
    return FALSE;
  }
  if (!g_utf8_validate_len(text, size, &invalid)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "the text is not UTF-8 at byte %" G_GSIZE_FORMAT, (gsize) (invalid - text));
    return FALSE;
  }
  return TRUE;
}

guint32 *
hysac_tokenizer_encode(HysacTokenizer *self, const char *text, gssize size,
                       HysacTokenizeFlags flags, guint context, gsize *n_ids, GError **error)
{
  gsize length = size < 0 ? strlen(text) : (gsize) size;

  *n_ids = 0;
  if (!check_text(text, length, flags, context, error))
    return NULL;

  g_autoptr(GArray) symbols = g_array_new(FALSE, FALSE, sizeof(Symbol));
  g_autoptr(GArray) heap = g_array_new(FALSE, FALSE, sizeof(guint64));
  g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(guint32));
  Word word = {symbols, heap, places};
  GArray *ids = g_array_new(FALSE, FALSE, sizeof(guint32));
  gboolean truncate = (flags & HYSAC_TOKENIZE_TRUNCATE) != 0;
  gsize most = truncate ? context : G_MAXSIZE;
  const char *p = text, *end = text + length;

  g_array_append_val(ids, self->start);
  while (p < end && ids->len < most) {
    gsize skip = 0;
    gboolean is_end = FALSE;
    const char *next = flags & HYSAC_TOKENIZE_SPECIAL ? find_special(p, end, &skip, &is_end) : end;
    encode_part(self, &word, p, (gsize) (next - p), flags, most, ids);
    if (next < end)
      g_array_append_val(ids, *(is_end ? &self->end : &self->start));
    p = next < end ? next + skip : end;
  }
  if (truncate && ids->len > context - 1)
    g_array_set_size(ids, context - 1);
  g_array_append_val(ids, self->end);
  *n_ids = ids->len;
  return (guint32 *) (void *) g_array_free(ids, FALSE);
}
