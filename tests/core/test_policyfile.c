/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/policyfile.h"

#include <locale.h>

static const char *const actions[] = {"tag", "blur", "drop", NULL};
static const HysacPolicyKey keys[] = {
  {.name = "pre-roll", .kind = HYSAC_POLICY_TIME, .most = G_GUINT64_CONSTANT(3600000000000)},
  {.name = "confirm-k", .kind = HYSAC_POLICY_COUNT, .least = 1, .most = 64},
  {.name = "enter-margin", .kind = HYSAC_POLICY_NUMBER, .low = -1000.0, .high = 1000.0},
  {.name = "action", .kind = HYSAC_POLICY_CHOICE, .choices = actions},
};
#define N G_N_ELEMENTS(keys)

static gboolean
parse(const char *text, HysacPolicyValue values[N], char **title, GError **error)
{
  return hysac_policy_file_parse(text, strlen(text), "p.json", keys, N, values, title, error);
}

static void
test_whole(void **state)
{
  HysacPolicyValue values[N];
  g_autofree char *title = NULL;
  g_autoptr(GError) error = NULL;

  assert_true(parse("{\n \"version\": 1, \"name\": \"evening\", \"comment\": \"why\",\n"
                    " \"pre-roll\": \"1.5s\", \"confirm-k\": 64, \"enter-margin\": -1000,\n"
                    " \"action\": \"drop\"}",
                    values, &title, &error));
  assert_null(error);
  assert_string_equal(title, "evening");
  assert_true(values[0].set && values[0].whole == 1500000000);
  assert_true(values[1].set && values[1].whole == 64);
  assert_true(values[2].set && values[2].number == -1000.0);
  assert_true(values[3].set && values[3].whole == 2);
}

static void
test_least(void **state)
{
  HysacPolicyValue values[N];
  char *title = (char *) "left from before";

  assert_true(parse("{\"version\":1}", values, &title, NULL));
  assert_null(title);
  for (guint i = 0; i < N; i++)
    assert_false(values[i].set);
}

static void
test_refused(void **state)
{
  static const struct {
    const char *text;
    int code;
    const char *message;
  } cases[] = {
    {"{}", HYSAC_ERROR_MODEL, "p.json: version is missing"},
    {"{\"version\":2}", HYSAC_ERROR_MODEL, "p.json: line 1: version is not 1"},
    {"{\"version\":1.0}", HYSAC_ERROR_MODEL, "version is not 1"},
    {"{\"version\":null}", HYSAC_ERROR_MODEL, "version is not 1"},
    {"{\"version\":1,\n\n\"pre-rol\":\"1s\"}", HYSAC_ERROR_MODEL,
     "p.json: line 3: pre-rol is no key of a policy"},
    {"{\"version\":1,\"a\\u001bb\\nc\":1}", HYSAC_ERROR_MODEL, "a?b?c is no key"},
    {"{\"version\":1,\"name\":5}", HYSAC_ERROR_MODEL, "name is not a string"},
    {"{\"version\":1,\"comment\":[]}", HYSAC_ERROR_MODEL, "comment is not a string"},
    {"{\"version\":1,\n\"action\":\"explode\"}", HYSAC_ERROR_MODEL,
     "line 2: action is \"explode\"; one of tag, blur, drop is expected"},
    {"{\"version\":1,\"action\":1}", HYSAC_ERROR_MODEL, "one of tag, blur, drop"},
    {"{\"version\":1,\"action\":null}", HYSAC_ERROR_MODEL, "action is null"},
    {"{\"version\":1,\"confirm-k\":0}", HYSAC_ERROR_MODEL, "an integer from 1 to 64 is expected"},
    {"{\"version\":1,\"confirm-k\":65}", HYSAC_ERROR_MODEL, "confirm-k is 65"},
    {"{\"version\":1,\"confirm-k\":2.0}", HYSAC_ERROR_MODEL, "confirm-k is 2.0"},
    {"{\"version\":1,\"confirm-k\":18446744073709551617}", HYSAC_ERROR_MODEL, "confirm-k is"},
    {"{\"version\":1,\"confirm-k\":\"1\"}", HYSAC_ERROR_MODEL, "confirm-k is \"1\""},
    {"{\"version\":1,\"confirm-k\":{\"k\":1}}", HYSAC_ERROR_MODEL, "an integer"},
    {"{\"version\":1,\"enter-margin\":1000.5}", HYSAC_ERROR_MODEL, "a number from -1000 to 1000"},
    {"{\"version\":1,\"enter-margin\":1e999}", HYSAC_ERROR_MODEL, "enter-margin is"},
    {"{\"version\":1,\"enter-margin\":true}", HYSAC_ERROR_MODEL, "enter-margin is true"},
    {"{\"version\":1,\"enter-margin\":[0]}", HYSAC_ERROR_MODEL, "enter-margin is [0]"},
    {"{\"version\":1,\"pre-roll\":200}", HYSAC_ERROR_MODEL, "pre-roll is 200; a time with its unit"},
    {"{\"version\":1,\"pre-roll\":\"200\"}", HYSAC_ERROR_MODEL, "a time with its unit"},
    {"{\"version\":1,\"pre-roll\":\"2h\"}", HYSAC_ERROR_MODEL, "pre-roll is \"2h\""},
    {"{\"version\":1,\"pre-roll\":\"-1s\"}", HYSAC_ERROR_MODEL, "pre-roll is \"-1s\""},
    {"{\"version\":1,\"pre-roll\":\"1s\",\n\"pre-roll\":\"2s\"}", HYSAC_ERROR_FORMAT,
     "p.json: line 2, byte 40: a key appears twice"},
    {"{\"version\":1,\n\"action\":\"blur\",}", HYSAC_ERROR_FORMAT, "p.json: line 2, byte 30"},
    {"[1]", HYSAC_ERROR_FORMAT, "p.json: line 1, byte 0: a JSON object is expected"},
    {"", HYSAC_ERROR_FORMAT, "p.json"},
    {"{\"version\":1,\n\n\"name\":\"\xff\"}", HYSAC_ERROR_FORMAT, "line 3, byte 23: not UTF-8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    HysacPolicyValue values[N];
    char *title = NULL;
    GError *error = NULL;
    if (parse(cases[i].text, values, &title, &error))
      fail_msg("accepted: %s", cases[i].text);
    expect_error(&error, cases[i].code, cases[i].message);
    assert_null(title);
    for (guint j = 0; j < N; j++)
      assert_false(values[j].set);
  }
}

/* A long text of the file's does not fill the message, nor is it cut inside a character. */
static void
test_long_texts(void **state)
{
  HysacPolicyValue values[N];
  char *title = NULL;
  GError *error = NULL;
  g_autofree char *many = g_strnfill(4000, 'x');
  g_autofree char *key = g_strdup_printf("{\"version\":1,\"%.63s\xc3\xa9%s\":1}", many, many);
  g_autofree char *value = g_strdup_printf("{\"version\":1,\"action\":\"%.62s\xc3\xa9%s\"}", many, many);
  g_autofree char *name = g_strdup_printf("{\"version\":1,\"name\":\"%.129s\"}", many);
  const char *const texts[] = {key, value, name};

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    assert_false(parse(texts[i], values, &title, &error));
    assert_true(strlen(error->message) < 300);
    assert_true(g_utf8_validate(error->message, -1, NULL));
    g_clear_error(&error);
  }
}

static void
test_times(void **state)
{
  static const struct {
    const char *text;
    guint64 ns;
  } good[] = {{"0s", 0}, {"1ns", 1}, {"7us", 7000}, {"200ms", 200000000}, {"0.5s", 500000000},
              {"1.5min", 90000000000}, {"1h", 3600000000000}, {"0.000000001s", 1}, {"007ms", 7000000},
              {"18446744073709551615ns", G_MAXUINT64}};
  static const char *const bad[] = {"", "s", "1", "1 s", " 1s", "1s ", "1S", "1e3s", "0x1s", ".5s",
                                    "5.s", "1.2.3s", "1,5s", "-1s", "+1s", "nan", "inf s", "1sec",
                                    "0.5ns", "0.0000000001s", "18446744073709551616ns",
                                    "18446744073709551615s", "99999999999999999999999h",
                                    "0.00000000000000000000001s"};
  guint64 ns;

  setlocale(LC_ALL, "de_DE.UTF-8");
  for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
    if (!hysac_policy_parse_time(good[i].text, &ns) || ns != good[i].ns)
      fail_msg("%s", good[i].text);
  }
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    if (hysac_policy_parse_time(bad[i], &ns))
      fail_msg("accepted: \"%s\"", bad[i]);
  }
}

static void
test_files(void **state)
{
  char *dir = make_dir();
  g_autofree char *path = g_build_filename(dir, "policy.json", NULL);
  HysacPolicyValue values[N];
  char *title = NULL;
  GError *error = NULL;

  assert_false(hysac_policy_file_load(path, keys, N, values, &title, &error));
  expect_error(&error, HYSAC_ERROR_IO, path);
  assert_false(hysac_policy_file_load(dir, keys, N, values, &title, &error));
  expect_error(&error, HYSAC_ERROR_IO, "regular file");

  assert_true(g_file_set_contents(path, "{\"version\":1,\"action\":\"tag\"}", -1, NULL));
  assert_true(hysac_policy_file_load(path, keys, N, values, &title, &error));
  assert_true(values[3].set && values[3].whole == 0);

  g_autofree char *large = g_strnfill(HYSAC_POLICY_FILE_MAX_SIZE + 1, ' ');
  assert_true(g_file_set_contents(path, large, -1, NULL));
  assert_false(hysac_policy_file_load(path, keys, N, values, &title, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "at most 65536");
  remove_dir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_whole),
    cmocka_unit_test(test_least),
    cmocka_unit_test(test_refused),
    cmocka_unit_test(test_long_texts),
    cmocka_unit_test(test_times),
    cmocka_unit_test(test_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
