/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/tokenizer.h"

#include <json-glib/json-glib.h>
#include <locale.h>

#define PARITY (HYSAC_TOKENIZE_SPECIAL | HYSAC_TOKENIZE_TRUNCATE)
#define CONTEXT 77

static HysacTokenizer *
load(const char *reference)
{
  GError *error = NULL;
  g_autofree char *folder = g_build_filename("reference", reference, "clip", NULL);
  g_autofree char *path = test_path(folder);
  HysacTokenizer *self = hysac_tokenizer_load(path, &error);
  assert_null(error);
  assert_non_null(self);
  return self;
}

static JsonParser *
load_json(const char *reference, const char *file)
{
  g_autofree char *name = g_build_filename("reference", reference, file, NULL);
  g_autofree char *path = test_path(name);
  JsonParser *parser = json_parser_new();
  assert_true(json_parser_load_from_file(parser, path, NULL));
  return parser;
}

static void
check_reference(const char *reference, HysacTokenizeFlags flags)
{
  g_autoptr(HysacTokenizer) self = load(reference);
  g_autoptr(JsonParser) texts_file = load_json(reference, "texts.json");
  g_autoptr(JsonParser) expected_file = load_json(reference, "expected.json");
  JsonArray *texts = json_node_get_array(json_parser_get_root(texts_file));
  JsonArray *rows = json_object_get_array_member(
    json_node_get_object(json_parser_get_root(expected_file)), "token_ids");
  GError *error = NULL;

  assert_int_equal(json_array_get_length(texts), 28);
  assert_int_equal(json_array_get_length(rows), 28);
  for (guint i = 0; i < 28; i++) {
    JsonArray *row = json_array_get_array_element(rows, i);
    gsize n;
    g_autofree guint32 *ids = hysac_tokenizer_encode(
      self, json_array_get_string_element(texts, i), -1, flags, CONTEXT, &n, &error);
    assert_null(error);
    if (n != json_array_get_length(row))
      fail_msg("%s, text %u: %zu ids instead of %u", reference, i, n, json_array_get_length(row));
    for (guint j = 0; j < n; j++)
      if (ids[j] != json_array_get_int_element(row, j))
        fail_msg("%s, text %u: id %u is %u", reference, i, j, ids[j]);
  }
}

static void
test_reference(void **state)
{
  check_reference("small", PARITY);
}

static void
test_reference_fast(void **state)
{
  check_reference("small-newpeft", PARITY | HYSAC_TOKENIZE_NO_FIX);
}

/* Both texts give the same ids. */
static void
expect_same(HysacTokenizer *self, const char *a, const char *b, HysacTokenizeFlags flags)
{
  GError *error = NULL;
  gsize n, m;
  g_autofree guint32 *x = hysac_tokenizer_encode(self, a, -1, flags, 0, &n, &error);
  g_autofree guint32 *y = hysac_tokenizer_encode(self, b, -1, flags, 0, &m, &error);
  assert_null(error);
  if (n != m || memcmp(x, y, n * sizeof *x) != 0)
    fail_msg("\"%s\" and \"%s\" differ (%zu and %zu ids)", a, b, n, m);
}

static guint
count(const guint32 *ids, gsize n, guint32 id)
{
  guint found = 0;
  for (gsize i = 0; i < n; i++)
    found += ids[i] == id;
  return found;
}

static void
test_typed_special(void **state)
{
  g_autoptr(HysacTokenizer) self = load("small");
  guint32 end = hysac_tokenizer_end(self), start = hysac_tokenizer_start(self);
  const char *const texts[] = {"a cat <|endoftext|> a knife", "a cat<|ENDOFTEXT|><|startoftext|>",
                               "&lt;|endoftext|&gt;", "\xef\xbc\x9c|endoftext|\xef\xbc\x9e"};
  GError *error = NULL;
  gsize n;

  assert_true(end == 744 && start == 743 && hysac_tokenizer_size(self) == 745);
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    for (guint fast = 0; fast < 2; fast++) {
      g_autofree guint32 *ids = hysac_tokenizer_encode(
        self, texts[i], -1, fast ? HYSAC_TOKENIZE_NO_FIX : HYSAC_TOKENIZE_DEFAULT, 0, &n, &error);
      assert_true(count(ids, n, end) == 1 && count(ids, n, start) == 1);
      assert_true(ids[0] == start && ids[n - 1] == end);
    }
    /* The reference takes each of them for the token. */
    g_autofree guint32 *ids =
      hysac_tokenizer_encode(self, texts[i], -1, HYSAC_TOKENIZE_SPECIAL, 0, &n, &error);
    assert_int_equal(count(ids, n, end), 2);
  }
  expect_same(self, "<|endoftext|>", "<| endoftext |>", HYSAC_TOKENIZE_DEFAULT);
}

static void
test_context(void **state)
{
  g_autoptr(HysacTokenizer) self = load("small");
  g_autoptr(GString) text = g_string_new(NULL);
  GError *error = NULL;
  gsize n;

  for (guint i = 0; i < 100; i++)
    g_string_append(text, "cat ");
  for (guint context = 2; context <= 110; context++) {
    g_autofree guint32 *ids =
      hysac_tokenizer_encode(self, text->str, -1, HYSAC_TOKENIZE_TRUNCATE, context, &n, &error);
    assert_int_equal(n, MIN(context, 102));
    assert_true(ids[0] == 743 && ids[n - 1] == 744 && count(ids, n, 744) == 1);
  }
  g_autofree guint32 *whole = hysac_tokenizer_encode(self, text->str, -1, 0, CONTEXT, &n, &error);
  assert_int_equal(n, 102);
  assert_null(hysac_tokenizer_encode(self, "a", -1, HYSAC_TOKENIZE_TRUNCATE, 1, &n, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "a context of 1");
  g_autofree guint32 *empty = hysac_tokenizer_encode(self, "", 0, 0, 0, &n, &error);
  assert_true(n == 2 && empty[0] == 743 && empty[1] == 744);
}

static char *
repeat(const char *text, guint times)
{
  GString *out = g_string_new(NULL);
  for (guint i = 0; i < times; i++)
    g_string_append(out, text);
  return g_string_free(out, FALSE);
}

static void
test_cleaning(void **state)
{
  g_autoptr(HysacTokenizer) self = load("small");
  const HysacTokenizeFlags fix = HYSAC_TOKENIZE_DEFAULT, fast = HYSAC_TOKENIZE_NO_FIX;
  g_autofree char *syllables = repeat("\xea\xb0\x81", 500);
  g_autofree char *jamo = repeat("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", 500);

  for (guint i = 0; i < 2; i++) {
    HysacTokenizeFlags flags = i ? fast : fix;
    expect_same(self, "caf\xc3\x89", "cafe\xcc\x81", flags);             /* NFC */
    expect_same(self, "\xea\xb0\x81", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", flags); /* Hangul */
    expect_same(self, syllables, jamo, flags); /* the same, without a space between them */
    expect_same(self, "a\xc2\xa0" "b\xe3\x80\x80" "c\xe2\x80\xa8", "a b c", flags);
    expect_same(self, "DOG's \xc4\xb0", "dog's i\xcc\x87", flags);
    expect_same(self, "it'stop", "it 's top", flags);
    expect_same(self, "a1b23!?", "a 1 b 2 3 !?", flags);
    /* Capitals that are no letters: a Roman number, a letter in a circle. */
    expect_same(self, "\xe2\x85\xa7 \xe2\x92\xb6\xe2\x93\x8f", "\xe2\x85\xb7 \xe2\x93\x90\xe2\x93\xa9", flags);
  }
  /* ftfy's repairs, which the fast tokenizer lacks. */
  expect_same(self, "&amp;lt;&eacute;&EACUTE;&#233;&#xe9;",
              "<\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", fix);
  expect_same(self, "&nosuch; &#x; &#12a; &AMPX;", "& nosuch; &#x; &# 12 a; & ampx;", fix);
  expect_same(self, "&lt;\n<b> &lt;", "<\n<b> & lt;", fix);
  expect_same(self, "\xe2\x80\x9cit\xe2\x80\x99s\xe2\x80\x9d", "\"it's\"", fix);
  expect_same(self, "a\xc2\x85", "a\xe2\x80\xa6", fix); /* Windows-1252 taken for Latin-1 */
  expect_same(self, "a\xc2\x85" "b", "a b", fast);
  expect_same(self, "\033[31mred\033[0m\xef\xbb\xbf", "red", fix);
  expect_same(self, "\033[3\xd9\xa1;mred", "red", fix); /* an Arabic digit */
  expect_same(self, "\033[\xef\xac\x81re \033\xef\xbc\xbb\xef\xbc\x93\xef\xbd\x8dred", "ire red", fix);
  /* The iota below falls between words where case is folded, and only there. */
  expect_same(self, "!\xcd\x85" "a\xcd\x85\xcd\x85", "! a", fix);
  expect_same(self, "!\xcd\x85" "a", "!\xcd\x85 a", fast);
  expect_same(self, "\xe2\x85\xa7\xce\xa3", "\xe2\x85\xb7\xcf\x82", fix); /* cased, before a sigma */
  expect_same(self, "\xef\xac\x81re &#128; &#0;", "fire \xe2\x82\xac \xef\xbf\xbd", fix);
  expect_same(self, "\xce\x9f\xce\xa3 \xce\xa3\xce\x9f", "\xce\xbf\xcf\x82 \xcf\x83\xce\xbf", fix);
  expect_same(self, "\xce\x9f\xce\xa3", "\xce\xbf\xcf\x83", fast);
}

static void
test_locale(void **state)
{
  if (!setlocale(LC_ALL, "tr_TR.UTF-8"))
    print_message("# tr_TR.UTF-8 is not installed: only the environment says it\n");
  g_setenv("LC_ALL", "tr_TR.UTF-8", TRUE);
  g_autoptr(HysacTokenizer) self = load("small");
  expect_same(self, "IN THE KITCHEN", "in the kitchen", HYSAC_TOKENIZE_DEFAULT);
  expect_same(self, "IN THE KITCHEN", "in the kitchen", HYSAC_TOKENIZE_NO_FIX);
  check_reference("small", PARITY);
  g_unsetenv("LC_ALL");
  setlocale(LC_ALL, "C");
}

static void
test_bad_text(void **state)
{
  g_autoptr(HysacTokenizer) self = load("small");
  GError *error = NULL;
  gsize n;

  assert_null(hysac_tokenizer_encode(self, "abc\xff", -1, 0, 0, &n, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "not UTF-8 at byte 3");
  assert_null(hysac_tokenizer_encode(self, "a\0b", 3, 0, 0, &n, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "not UTF-8 at byte 1");
  assert_null(hysac_tokenizer_encode(self, "\xed\xa0\x80", -1, 0, 0, &n, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "at byte 0");
  assert_null(hysac_tokenizer_encode(self, "", HYSAC_TOKENIZER_MAX_TEXT + 1, 0, 0, &n, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "bytes; at most");
  assert_int_equal(n, 0);
}

/* Each a megabyte that a quadratic step would take long for; the test's timeout is the clock. */
static void
test_long(void **state)
{
  g_autoptr(HysacTokenizer) self = load("small");
  const char *const units[] = {
    "th", "the cat ", "e\xcc\x81", "\xcc\x81\xcc\xa3", "!", "&amp;", "\xce\xa3'", "\033[;", "1",
    "\xe0\xbd\xb3", "&ampamp;", "<|endoftext|", "\xe1\x84\x80\xe1\x85\xa1"};
  GError *error = NULL;
  gsize n;

  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    g_autoptr(GString) text = g_string_new(NULL);
    while (text->len < 1000000)
      g_string_append(text, units[i]);
    for (guint fast = 0; fast < 2; fast++) {
      g_autofree guint32 *ids = hysac_tokenizer_encode(
        self, text->str, (gssize) text->len,
        fast ? HYSAC_TOKENIZE_NO_FIX : HYSAC_TOKENIZE_SPECIAL, 0, &n, &error);
      assert_null(error);
      assert_true(n >= 2 && ids[n - 1] == 744);
    }
  }
}

/* ------------------------------------------------------------ merging */

/* The reference's bpe(), word for word: the pair of lowest rank, wherever it stands, and again. */
static void
merge_naively(GPtrArray *parts, GHashTable *ranks)
{
  for (;;) {
    g_autofree char *best = NULL;
    guint lowest = G_MAXUINT;
    for (guint i = 0; i + 1 < parts->len; i++) {
      char *pair = g_strconcat(parts->pdata[i], " ", parts->pdata[i + 1], NULL);
      guint rank = GPOINTER_TO_UINT(g_hash_table_lookup(ranks, pair)); /* 0: none */
      if (rank && rank < lowest) {
        lowest = rank;
        g_free(best);
        best = g_steal_pointer(&pair);
      }
      g_free(pair);
    }
    if (!best)
      return;
    for (guint i = 0; i + 1 < parts->len; i++) {
      g_autofree char *pair = g_strconcat(parts->pdata[i], " ", parts->pdata[i + 1], NULL);
      if (!g_str_equal(pair, best))
        continue;
      char *both = g_strconcat(parts->pdata[i], parts->pdata[i + 1], NULL);
      g_ptr_array_remove_index(parts, i + 1);
      g_free(parts->pdata[i]);
      parts->pdata[i] = both;
    }
  }
}

/* Merges in any order, which no training gives, mostly of short tokens, so that they meet. */
static void
test_merging(void **state)
{
  GRand *rand = test_rand();
  g_autofree char *path = test_path("reference/small/clip/vocab.json");
  g_autofree char *text = NULL;
  GError *error = NULL;

  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  *strrchr(text, '}') = '\0';
  g_autoptr(GString) vocab = g_string_new(text);
  g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func(g_free);
  guint id = 745;
  for (guint size = 1; size <= 5; size++)
    for (guint bits = 0; bits < 1u << size; bits++)
      for (guint last = 0; last < 2; last++) {
        GString *token = g_string_new(NULL);
        for (guint i = 0; i < size; i++)
          g_string_append_c(token, bits >> i & 1 ? 'q' : 'z');
        g_string_append(token, last ? "</w>" : "");
        if (size > 1)
          g_string_append_printf(vocab, ", \"%s\": %u", token->str, id++);
        g_ptr_array_add(tokens, g_string_free(token, FALSE));
      }
  g_string_append_c(vocab, '}');
  g_autoptr(JsonNode) root = json_from_string(vocab->str, NULL);
  JsonObject *ids = json_node_get_object(root);

  for (guint round = 0; round < 50; round++) {
    g_autoptr(GHashTable) ranks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GString) merges = g_string_new("#version: 0.2\n");
    for (guint i = 0, rank = 0; i < 200; i++) {
      const char *a = tokens->pdata[g_rand_int_range(rand, 0, 12 + 16 * (gint32) (i % 2))];
      const char *b = tokens->pdata[g_rand_int_range(rand, 0, 12 + 16 * (gint32) (i % 2))];
      g_autofree char *both = g_strconcat(a, b, NULL);
      char *pair = g_strconcat(a, " ", b, NULL);
      if (json_object_has_member(ids, both) && !g_hash_table_contains(ranks, pair)) {
        g_string_append_printf(merges, "%s\n", pair);
        g_hash_table_insert(ranks, pair, GUINT_TO_POINTER(++rank));
      } else {
        g_free(pair);
      }
    }
    g_autoptr(HysacTokenizer) self = hysac_tokenizer_parse(vocab->str, vocab->len, "v", merges->str,
                                                           merges->len, "m", &error);
    assert_null(error);
    for (guint i = 0; i < 50; i++) {
      g_autoptr(GString) word = g_string_new(NULL);
      g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
      guint size = (guint) g_rand_int_range(rand, 1, 40);
      gsize n;
      for (guint j = 0; j < size; j++) {
        g_string_append_c(word, g_rand_boolean(rand) ? 'q' : 'z');
        g_ptr_array_add(parts, g_strdup_printf("%c%s", word->str[j], j + 1 < size ? "" : "</w>"));
      }
      merge_naively(parts, ranks);
      g_autofree guint32 *got = hysac_tokenizer_encode(self, word->str, -1, 0, 0, &n, &error);
      assert_int_equal(n, parts->len + 2);
      for (guint j = 0; j < parts->len; j++)
        assert_int_equal(got[j + 1], json_object_get_int_member(ids, parts->pdata[j]));
    }
  }
  g_rand_free(rand);
}

/* ------------------------------------------------------------ hostile files */

/* A file of the reference's vocabulary with @from, which is there, replaced. */
static void
expect_refused(const char *from, const char *to, gboolean in_merges, HysacError code,
               const char *message)
{
  g_autofree char *vocab_path = test_path("reference/small/clip/vocab.json");
  g_autofree char *merges_path = test_path("reference/small/clip/merges.txt");
  g_autofree char *vocab = NULL, *merges = NULL;
  GError *error = NULL;

  assert_true(g_file_get_contents(vocab_path, &vocab, NULL, NULL));
  assert_true(g_file_get_contents(merges_path, &merges, NULL, NULL));
  char **text = in_merges ? &merges : &vocab;
  g_autoptr(GString) changed = g_string_new(*text);
  if (!g_string_replace(changed, from, to, 1))
    fail_msg("no \"%s\"", from);
  g_free(*text);
  *text = g_strdup(changed->str);
  HysacTokenizer *self = hysac_tokenizer_parse(vocab, strlen(vocab), "v.json", merges,
                                               strlen(merges), "m.txt", &error);
  if (self)
    fail_msg("accepted: %s", to);
  assert_non_null(strstr(error->message, in_merges ? "m.txt: line " : "v.json"));
  expect_error(&error, code, message);
}

static void
test_bad_files(void **state)
{
  const HysacError format = HYSAC_ERROR_FORMAT, model = HYSAC_ERROR_MODEL;

  expect_refused("\"woman</w>\": 742", "\"woman</w>\": 741", FALSE, model, "another token's");
  expect_refused("\"woman</w>\": 742", "\"woman</w>\": 745", FALSE, model,
                 "token woman</w>: its id is not below");
  expect_refused("\"woman</w>\": 742", "\"woman</w>\": -1", FALSE, model, "its id is no count");
  expect_refused("\"woman</w>\": 742", "\"woman</w>\": \"7\"", FALSE, model, "its id is no count");
  expect_refused("\"woman</w>\": 742", "\"six</w>\": 742", FALSE, format, "a key appears twice");
  expect_refused("<|startoftext|>", "<|start|>", FALSE, model, "<|startoftext|> is missing");
  expect_refused("<|endoftext|>", "<|end|>", FALSE, model, "<|endoftext|> is missing");
  expect_refused("\"!\"", "\"!!!\"", FALSE, model, "token ! is missing");
  expect_refused("\"!</w>\"", "\"!!!\"", FALSE, model, "token !</w> is missing");
  expect_refused("woman", "wom\xff" "an", FALSE, format, "not UTF-8");
  expect_refused("{", "[", FALSE, format, "a JSON object is expected");
  expect_refused("\nt h\n", "\nt z\n", TRUE, format, "line 2: token tz is not in the vocabulary");
  expect_refused("\nt h\n", "\ntzz h\n", TRUE, format, "token tzz is not");
  expect_refused("\nt h\n", "\nt\n", TRUE, format, "two tokens with a space");
  expect_refused("\nt h\n", "\nt h h\n", TRUE, format, "two tokens with a space");
  expect_refused("\nt h\n", "\n\nt h\n", TRUE, format, "line 2: two tokens");
  expect_refused("\nt h\n", "\nt h\nt h\n", TRUE, format, "line 3: the same merge as in line 2");
  expect_refused("\nt h\n", "\nt h\n\xff", TRUE, format, "line 3: not UTF-8");
  expect_refused("#version: 0.2\n", "", TRUE, format, "line 1: \"#version\" is expected");
}

static void
test_files(void **state)
{
  char *dir = make_dir();
  g_autofree char *vocab = g_build_filename(dir, "vocab.json", NULL);
  g_autofree char *merges = g_build_filename(dir, "merges.txt", NULL);
  g_autofree char *good = test_path("reference/small/clip/vocab.json");
  g_autofree char *text = NULL;
  GError *error = NULL;

  assert_null(hysac_tokenizer_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_IO, "vocab.json: cannot open");
  assert_true(g_file_get_contents(good, &text, NULL, NULL));
  assert_true(g_file_set_contents(vocab, text, -1, NULL));
  assert_null(hysac_tokenizer_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_IO, "merges.txt: cannot open");
  assert_true(g_file_set_contents(merges, "", 0, NULL));
  assert_null(hysac_tokenizer_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "merges.txt: line 1: the file is empty");
  /* Lines of Windows; no merges at all. */
  assert_true(g_file_set_contents(merges, "#version: 0.2\r\nt h\r\n", -1, NULL));
  HysacTokenizer *self = hysac_tokenizer_load(dir, &error);
  assert_non_null(self);
  hysac_tokenizer_unref(hysac_tokenizer_ref(self));
  expect_same(self, "th", "TH", HYSAC_TOKENIZE_DEFAULT);
  hysac_tokenizer_unref(self);
  hysac_tokenizer_unref(NULL);
  assert_true(g_file_set_contents(merges, "#version: 0.2\n", -1, NULL));
  self = hysac_tokenizer_load(dir, &error);
  expect_same(self, "th", "TH", HYSAC_TOKENIZE_DEFAULT);
  hysac_tokenizer_unref(self);

  g_autoptr(GString) large = g_string_new("#version\n");
  const gsize begun = large->len;
  g_string_set_size(large, 16 * 1024 * 1024 + 1);
  memset(large->str + begun, ' ', large->len - begun);
  assert_true(g_file_set_contents(merges, large->str, (gssize) large->len, NULL));
  assert_null(hysac_tokenizer_load(dir, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "bytes; at most");
  remove_dir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reference),     cmocka_unit_test(test_reference_fast),
    cmocka_unit_test(test_typed_special), cmocka_unit_test(test_context),
    cmocka_unit_test(test_cleaning),      cmocka_unit_test(test_locale),
    cmocka_unit_test(test_bad_text),      cmocka_unit_test(test_long),
    cmocka_unit_test(test_bad_files),     cmocka_unit_test(test_files),
    cmocka_unit_test(test_merging),
  };
  return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
