/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac classify: verdicts by the bound, pictures as people see them, and what cannot be judged. */

#include "runner.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *model, *folder;

static char *
picture(const char *name)
{
  g_autofree char *below = g_build_filename("pictures", name, NULL);
  return data_path(below);
}

static double
distance_of(const char *path)
{
  g_autofree char *line = judge(model, path, 0);
  const double distance = json_number(line, "distance");
  assert_true(isfinite(distance) && distance > 0);
  return distance;
}

static void
the_bound_decides(void **state)
{
  Run run = { 0 };
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *a = picture("rgb.png"), *b = picture("animated-2.png");
  const double x = distance_of(a), y = distance_of(b), between = (x + y) / 2;
  assert_true(fabs(x - y) > 1e-3);
  g_autofree char *bound = g_strconcat("--bound=", g_ascii_dtostr(number, sizeof number, between), NULL);
  run_hysac(&run, "classify", "--model", model, bound, "--json", a, b, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal(run.n_lines, 2);
  for (guint i = 0; i < 2; i++) {
    const double d = i ? y : x;
    g_autofree char *verdict = json_text(run.lines[i], "verdict"), *input = json_text(run.lines[i], "input");
    assert_string_equal(verdict, d > between ? "unsafe" : "safe");
    assert_string_equal(input, i ? b : a);
    assert_true(json_number(run.lines[i], "distance") == d);
    assert_true(json_number(run.lines[i], "margin") == d - between);
    assert_true((json_number(run.lines[i], "score") > 0.5) == (d > between));
  }
  run_hysac(&run, "classify", "--model", model, bound, "--fail-on-unsafe", a, b, NULL);
  assert_int_equal(run.code, 3);
  assert_true(g_str_has_prefix(run.lines[x > y ? 0 : 1], "unsafe "));
  assert_true(g_str_has_prefix(run.lines[x > y ? 1 : 0], "safe "));
  run_hysac(&run, "classify", "--model", model, "--bound", "900", "--fail-on-unsafe", a, b, NULL);
  assert_int_equal(run.code, 0);
  /* What fails hides nothing that is unsafe. */
  run_hysac(&run, "classify", "--model", model, bound, "--fail-on-unsafe", a, b, "/nonexistent/x.png", NULL);
  assert_int_equal(run.code, 4);
  run_hysac(&run, "classify", "--model", model, bound, a, b, "/nonexistent/x.png", NULL);
  assert_int_equal(run.code, 1);
  run_hysac(&run, "classify", "--model", model, "--bound", "900", "--fail-on-unsafe", a, b, "/nonexistent/x.png", NULL);
  assert_int_equal(run.code, 1);
  run_clear(&run);
}

/* As embed has it, which is held against the reference. */
static void
distances_are_embed_s(void **state)
{
  Run run = { 0 };
  g_autofree char *path = data_path("reference/small/images/1-141x263.png");
  run_hysac(&run, "embed", "--model", model, path, NULL);
  assert_true(fabs(json_number(run.lines[0], "distance") - distance_of(path)) < 1e-8);
  run_clear(&run);
}

static void
every_frame_of_an_animation_counts(void **state)
{
  g_autofree char *path = picture("animated.gif"), *line = judge(model, path, 0);
  double worst = 0;
  guint which = 0;
  for (guint i = 0; i < 3; i++) {
    g_autofree char *name = g_strdup_printf("animated-%u.png", i), *still = picture(name);
    const double d = distance_of(still);
    which = d > worst ? i : which;
    worst = MAX(d, worst);
  }
  assert_int_equal(which, 1); /* else a reader of first or last frames would pass */
  assert_true(json_number(line, "distance") == worst);
  assert_true(json_number(line, "frames") == 3);
  assert_true(json_number(line, "frame") == which);
}

/* gdk-pixbuf knows the first only. */
static void
every_frame_of_a_png_counts(void **state)
{
  static const char *const frames[] = { "rgb.png", "scene-1.png", "scene-2.png" };
  g_autofree char *path = picture("animated.png"), *line = judge(model, path, 0);
  double worst = 0;
  guint which = 0;
  for (guint i = 0; i < G_N_ELEMENTS(frames); i++) {
    g_autofree char *still = picture(frames[i]);
    const double d = distance_of(still);
    which = d > worst ? i : which;
    worst = MAX(d, worst);
  }
  assert_true(which > 0);
  assert_true(json_number(line, "distance") == worst);
  assert_true(json_number(line, "frames") == 3);
  assert_true(json_number(line, "frame") == which);
}

/* Where pages.tif has its directories, of ten entries each: each begins with how many, and ends with where the next is. */
static const guint32 directories[] = { 404, 928, 1426 };
#define NEXT(i) (directories[i] + 2 + 10 * 12)

/* pages.tif with 32 bits at @at changed, and where the first page is. (transfer full): its path. */
static char *
edit_pages(const char *name, gsize at, guint32 value, guint32 first)
{
  g_autofree char *path = picture("pages.tif"), *bytes = NULL, *edited = g_build_filename(folder, name, NULL);
  gsize size;
  value = GUINT32_TO_LE(value);
  first = GUINT32_TO_LE(first);
  assert_true(g_file_get_contents(path, &bytes, &size, NULL));
  memcpy(bytes + at, &value, 4);
  memcpy(bytes + 4, &first, 4);
  assert_true(g_file_set_contents(edited, bytes, (gssize) size, NULL));
  return g_steal_pointer(&edited);
}

static void
every_page_counts(void **state)
{
  g_autofree char *path = picture("pages.tif"), *line = judge(model, path, 0);
  double distances[3], worst = 0;
  for (guint i = 0; i < 3; i++) {
    g_autofree char *alone = edit_pages("alone.tif", NEXT(i), 0, directories[i]);
    distances[i] = distance_of(alone);
    worst = MAX(distances[i], worst);
  }
  assert_true(distances[0] != distances[1] && distances[1] != distances[2] && distances[0] != distances[2]);
  assert_true(json_number(line, "distance") == worst);
  assert_true(json_number(line, "frames") == 3);
  assert_true(distances[(guint) json_number(line, "frame")] == worst);
  /* Without the first one or the last one. */
  g_autofree char *two = edit_pages("two.tif", NEXT(2), 0, directories[1]), *of_two = judge(model, two, 0);
  assert_true(json_number(of_two, "distance") == MAX(distances[1], distances[2]));
  assert_true(json_number(of_two, "frames") == 2);
  g_autofree char *first = edit_pages("first.tif", NEXT(1), 0, directories[0]), *of_first = judge(model, first, 0);
  assert_true(json_number(of_first, "distance") == MAX(distances[0], distances[1]));
}

/* By a bound that nothing reaches: what is unsafe stays so whatever else fails. */
static void
expect_no_verdict(const char *path, const char *word)
{
  Run run = { 0 };
  run_hysac(&run, "classify", "--model", model, "--bound", "900", "--json", path, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 1);
  g_autofree char *verdict = json_text(run.lines[0], "verdict"), *error = json_text(run.lines[0], "error");
  assert_string_equal(verdict, "failed");
  if (strstr(error, word) == NULL)
    fail_msg("%s", error);
  run_clear(&run);
}

/* What gdk-pixbuf would take the first of, in silence: frames that are damaged, pages that are not where they should be, and one that nobody can
 * decode (its fourth entry is the compression). */
static void
what_is_seen_in_part_is_not_judged(void **state)
{
  g_autofree char *png = g_build_filename(folder, "edited.png", NULL), *loop = edit_pages("loop.tif", NEXT(2), directories[1], directories[0]);
  g_autofree char *beyond = edit_pages("beyond.tif", NEXT(1), 99999, directories[0]);
  g_autofree char *coded = edit_pages("coded.tif", directories[2] + 2 + 3 * 12 + 8, 9999, directories[0]);
  g_autofree char *animated = picture("animated.png"), *bytes = NULL;
  gsize n;
  assert_true(g_file_get_contents(animated, &bytes, &n, NULL));
  char *control = memmem(bytes, n, "acTL", 4), *frame = memmem(bytes, n, "fdAT", 4);
  control[7]++; /* the number of frames, then that of the frame among them */
  write_file(folder, "edited.png", bytes, (gssize) n);
  expect_no_verdict(png, "does not hold as many frames as it states");
  control[7]--;
  frame[7]++;
  write_file(folder, "edited.png", bytes, (gssize) n);
  expect_no_verdict(png, "out of order");
  frame[7]--;
  memset(frame + 8, 0x55, 12); /* its pixels */
  write_file(folder, "edited.png", bytes, (gssize) n);
  expect_no_verdict(png, "frame 2 could not be decoded");
  expect_no_verdict(loop, "do not lead to an end");
  expect_no_verdict(beyond, "do not lead to an end");
  expect_no_verdict(coded, "page 3 could not be decoded");
}

static void
cmyk_is_seen_in_its_colours(void **state)
{
  g_autofree char *cmyk = picture("cmyk.jpg"), *rgb = picture("rgb.png");
  assert_true(fabs(distance_of(cmyk) / distance_of(rgb) - 1) < 0.002);
  /* Which it would not be with its inks taken for their opposites. */
  g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file(rgb, NULL);
  guint8 *pixels = gdk_pixbuf_get_pixels(pixbuf);
  for (gsize i = 0; i < gdk_pixbuf_get_byte_length(pixbuf); i++)
    pixels[i] = 255 - pixels[i];
  g_autofree char *inverted = g_build_filename(folder, "inverted.png", NULL);
  assert_true(gdk_pixbuf_save(pixbuf, inverted, "png", NULL, NULL));
  assert_true(fabs(distance_of(inverted) / distance_of(rgb) - 1) > 0.01);
}

static void
pictures_are_turned_as_they_are_marked(void **state)
{
  static const struct {
    GdkPixbufRotation turn;
    gboolean mirrored;
  } marks[] = { { GDK_PIXBUF_ROTATE_NONE, FALSE },       { GDK_PIXBUF_ROTATE_NONE, TRUE },
                { GDK_PIXBUF_ROTATE_UPSIDEDOWN, FALSE }, { GDK_PIXBUF_ROTATE_UPSIDEDOWN, TRUE },
                { GDK_PIXBUF_ROTATE_COUNTERCLOCKWISE, TRUE }, { GDK_PIXBUF_ROTATE_CLOCKWISE, FALSE },
                { GDK_PIXBUF_ROTATE_CLOCKWISE, TRUE },   { GDK_PIXBUF_ROTATE_COUNTERCLOCKWISE, FALSE } };
  g_autofree char *rgb = picture("rgb.png");
  g_autofree char *plain = g_build_filename(folder, "plain.jpg", NULL), *data = NULL;
  g_autofree char *turned = g_build_filename(folder, "turned.jpg", NULL);
  g_autofree char *want = g_build_filename(folder, "want.png", NULL);
  g_autoptr(GdkPixbuf) first = gdk_pixbuf_new_from_file(rgb, NULL);
  g_autofree char *png = g_build_filename(folder, "plain.png", NULL), *lossless = NULL;
  g_autofree char *turned_png = g_build_filename(folder, "turned.png", NULL);
  gsize n, m;
  double before = 0;
  assert_true(gdk_pixbuf_save(first, plain, "jpeg", NULL, "quality", "95", NULL));
  assert_true(g_file_get_contents(plain, &data, &n, NULL));
  g_autoptr(GdkPixbuf) decoded = gdk_pixbuf_new_from_file(plain, NULL);
  assert_true(gdk_pixbuf_save(decoded, png, "png", NULL, NULL));
  assert_true(g_file_get_contents(png, &lossless, &m, NULL));
  for (guint i = 0; i < G_N_ELEMENTS(marks); i++) {
    /* Orientation i + 1: mirrored first, then turned. */
    g_autoptr(GdkPixbuf) mirrored =
        marks[i].mirrored ? gdk_pixbuf_flip(decoded, TRUE) : g_object_ref(decoded);
    g_autoptr(GdkPixbuf) shown = gdk_pixbuf_rotate_simple(mirrored, marks[i].turn);
    write_turned(folder, "turned.jpg", data, n, (guint8) (i + 1));
    assert_true(gdk_pixbuf_save(shown, want, "png", NULL, NULL));
    const double d = distance_of(turned);
    assert_true(d == distance_of(want));
    assert_true(d != before);
    before = d;
    write_turned_png(folder, "turned.png", lossless, m, (guint8) (i + 1), i % 2);
    assert_true(d == distance_of(turned_png));
  }
  /* No such mark is none. */
  write_turned_png(folder, "turned.png", lossless, m, 9, FALSE);
  assert_true(distance_of(turned_png) == distance_of(plain));
}

static void
expect_failed(const Run *run, guint line, const char *why)
{
  g_autofree char *verdict = json_text(run->lines[line], "verdict");
  g_autofree char *error = json_text(run->lines[line], "error");
  assert_string_equal(verdict, "failed");
  if (strstr(error, why) == NULL)
    fail_msg("\"%s\" is not in %s", why, error);
}

static void
bad_pictures_are_failed_and_the_rest_judged(void **state)
{
  Run run = { 0 };
  g_autofree char *good = picture("rgb.png"), *gif = picture("animated.gif"), *data = NULL, *jpeg = NULL;
  g_autofree char *plain = picture("cmyk.jpg");
  gsize n, m;
  assert_true(g_file_get_contents(gif, &data, &n, NULL));
  assert_true(g_file_get_contents(plain, &jpeg, &m, NULL));
  write_file(folder, "empty.png", "", 0);
  write_file(folder, "text.jpg", "no picture\n", -1);
  write_file(folder, "cut.gif", data, (gssize) n - 60);
  write_file(folder, "cut.jpg", jpeg, (gssize) m - 300);
  write_file(folder, "huge.pgm", "P5\n65535 65535\n255\n", -1);
  g_autofree char *pipe = g_build_filename(folder, "pipe.png", NULL);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  const char *const names[] = { "empty.png", "text.jpg", "cut.gif", "cut.jpg", "huge.pgm", "missing.png", "pipe.png" };
  const char *const why[] = { "empty", "Not a JPEG file", "cut short", "cut short", "65535", "No such file",
                              "not a regular file" };
  const char *args[16] = { "classify", "--model", model, "--json", good };
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_ptr_array_add(paths, g_build_filename(folder, names[i], NULL));
    args[5 + i] = paths->pdata[i];
  }
  args[5 + G_N_ELEMENTS(names)] = folder;
  args[6 + G_N_ELEMENTS(names)] = good;
  run_hysac_v(&run, (char **) args);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 10);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    expect_failed(&run, 1 + i, why[i]);
  expect_failed(&run, 8, "folder");
  assert_string_equal(run.lines[0], run.lines[9]);
  /* The same for people: no control codes of a name. */
  g_autofree char *odd = g_build_filename(folder, "odd\x1b[31m\n.png", NULL), *png = NULL;
  assert_true(g_file_get_contents(good, &png, &n, NULL));
  assert_true(g_file_set_contents(odd, png, (gssize) n, NULL));
  run_hysac(&run, "classify", "--model", model, odd, paths->pdata[0], NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 2);
  assert_null(strchr(run.out, '\x1b'));
  assert_non_null(strstr(run.out, "odd\\x1b[31m\\x0a.png"));
  assert_true(g_str_has_prefix(run.lines[1], "failed "));
  run_clear(&run);
}

/* By its name or its first bytes, where gdk-pixbuf says only that it does not know it. */
static void
other_kinds_are_named(void **state)
{
  Run run = { 0 };
  g_autofree char *film = g_build_filename(folder, "film.mp4", NULL), *upload = g_build_filename(folder, "upload.jpg", NULL),
                  *webp = g_build_filename(folder, "picture.webp", NULL), *unknown = g_build_filename(folder, "unknown.mine", NULL);
  write_file(folder, "film.mp4", "no more than a name", -1);
  write_file(folder, "upload.jpg", "\x1a\x45\xdf\xa3 of a film with a picture's name", -1);
  write_file(folder, "picture.webp", "RIFF\x20\0\0\0WEBPVP8L", 16);
  write_file(folder, "unknown.mine", "nothing that is known", -1);
  run_hysac(&run, "classify", "--model", model, "--json", film, upload, webp, unknown, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 4);
  expect_failed(&run, 0, "hysac scan is for videos");
  expect_failed(&run, 3, "recognize");
  gboolean loader = FALSE;
  GSList *formats = gdk_pixbuf_get_formats();
  for (GSList *at = formats; at != NULL; at = at->next) {
    g_autofree char *name = gdk_pixbuf_format_get_name(at->data);
    loader = loader || g_str_equal(name, "webp");
  }
  g_slist_free(formats);
  if (!loader)
    expect_failed(&run, 2, "a WebP picture, and gdk-pixbuf has no loader");
  /* Of a picture's name gdk-pixbuf takes the kind from there, if nothing else is known. */
  g_autofree char *error = json_text(run.lines[1], "error");
  assert_true(strstr(error, "hysac scan is for videos") || strstr(error, "JPEG"));
  run_clear(&run);
}

static void
texts_are_judged_by_their_own_bound(void **state)
{
  Run run = { 0 };
  g_autofree char *list = g_build_filename(folder, "texts.txt", NULL);
  GString *lines = g_string_new("a red balloon\nbad \xff utf-8\n");
  for (guint i = 0; i < 200; i++)
    g_string_append(lines, "a walk in the park ");
  g_string_append_c(lines, '\n');
  write_file(folder, "texts.txt", lines->str, (gssize) lines->len);
  g_string_free(lines, TRUE);
  run_hysac(&run, "classify", "--model", "demo", "--json", "--text", "a knife", "--texts", list, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 4);
  g_autofree char *knife = json_text(run.lines[0], "verdict"), *balloon = json_text(run.lines[1], "verdict");
  g_autofree char *kind = json_text(run.lines[0], "kind");
  assert_string_equal(knife, "unsafe");
  assert_string_equal(balloon, "safe");
  assert_string_equal(kind, "text");
  expect_failed(&run, 2, "texts.txt: line 2");
  assert_true(json_number(run.lines[3], "windows") > 5);
  /* Every file that is given, not only the last. */
  g_autofree char *knives = g_build_filename(folder, "knives.txt", NULL), *balls = g_build_filename(folder, "balls.txt", NULL);
  write_file(folder, "knives.txt", "a knife\n", -1);
  write_file(folder, "balls.txt", "a red balloon\n", -1);
  run_hysac(&run, "classify", "--model", "demo", "--fail-on-unsafe", "--texts", knives, "--texts", balls, NULL);
  assert_int_equal(run.code, 3);
  assert_int_equal(run.n_lines, 2);
  assert_true(g_str_has_prefix(run.lines[0], "unsafe ") && g_str_has_prefix(run.lines[1], "safe "));
  /* What the demo model is, is said once, of pictures and texts together. */
  g_autofree char *picture = data_path("pictures/rgb.png");
  run_hysac(&run, "classify", "--model", "demo", "--texts", balls, picture, NULL);
  assert_int_equal(run.code, 0);
  const char *note = strstr(run.err, "drawn scenes only");
  assert_true(note != NULL && strstr(note + 1, "drawn scenes only") == NULL);
  /* Of a long one the first 80 characters are shown, to a reader. */
  g_autoptr(GString) eighty = g_string_new(NULL);
  for (guint i = 0; i < 80; i++)
    g_string_append(eighty, i % 4 == 3 ? " " : "\xc3\xa9");
  const char *const longer[] = { "", "x", "x and more \xc3\xa9\xc3\xa9 of this" };
  for (guint i = 0; i < G_N_ELEMENTS(longer); i++) {
    g_autofree char *text = g_strconcat(eighty->str, longer[i], NULL);
    g_autofree char *end = g_strconcat("  ", eighty->str, i > 0 ? "\xe2\x80\xa6" : "", NULL);
    run_hysac(&run, "classify", "--model", "demo", "--text", text, NULL);
    assert_int_equal(run.n_lines, 1);
    if (strstr(run.out, end) == NULL || (i > 0) != (strstr(run.out, "\xe2\x80\xa6") != NULL) || strchr(run.out, 'x') != NULL)
      fail_msg("%s", run.out);
    run_hysac(&run, "classify", "--model", "demo", "--json", "--text", text, NULL);
    g_autofree char *whole = json_text(run.lines[0], "input");
    assert_string_equal(whole, text);
  }
  run_hysac(&run, "classify", "--model", "demo", "--text-bound", "500", "--text", "a knife", NULL);
  assert_int_equal(run.code, 0);
  assert_true(g_str_has_prefix(run.out, "safe "));
  run_clear(&run);
}

/* Where it came from is said once: of a line, its file and number; of a picture, "input" is its name. */
static void
errors_say_where_once(void **state)
{
  Run run = { 0 };
  g_autofree char *list = g_build_filename(folder, "bad-texts.txt", NULL), *junk = g_build_filename(folder, "junk.png", NULL);
  write_file(folder, "bad-texts.txt", "fine\n\nbad \xff utf-8\nze\0ro\nbehind\n", 31);
  write_file(folder, "junk.png", "no picture\n", -1);
  run_hysac(&run, "classify", "--model", "demo", "--json", "--text", "a ball", "--texts", list, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 6); /* one for each, in order */
  g_autofree char *where = g_strdup_printf("%s: line 3: the text is not UTF-8", list);
  expect_failed(&run, 3, where);
  g_autofree char *zero = g_strdup_printf("%s: line 4: holds a zero byte", list);
  expect_failed(&run, 4, zero);
  g_autofree char *shown = json_text(run.lines[4], "input"), *behind = json_text(run.lines[5], "input");
  assert_string_equal(shown, "ze\uFFFDro");
  assert_string_equal(behind, "behind");
  assert_string_equal(run.err, "hysac: note: the demo model knows drawn scenes only; what it says of real pictures and texts means nothing\n");
  run_hysac(&run, "classify", "--model", "demo", "--texts", list, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 5);
  assert_non_null(strstr(run.lines[3], zero));
  g_autofree char *huge = g_strnfill(17 * 1024 * 1024, 'x');
  write_file(folder, "bad-texts.txt", huge, -1);
  run_hysac(&run, "classify", "--model", "demo", "--json", "--texts", list, NULL);
  assert_int_equal(run.n_lines, 1);
  expect_failed(&run, 0, "line 1: is too long");
  assert_true(strlen(run.lines[0]) < 1000);
  run_hysac(&run, "classify", "--model", model, "--json", junk, NULL);
  assert_int_equal(run.code, 1);
  g_autofree char *error = json_text(run.lines[0], "error");
  if (strstr(error, "junk.png") != NULL)
    fail_msg("the name again: %s", error);
  run_hysac(&run, "classify", "--model", model, junk, NULL);
  assert_non_null(strstr(run.out, "junk.png"));
  assert_null(strstr(strstr(run.out, "junk.png") + 1, "junk.png"));
  /* The second text of "--text A B" would be a picture. */
  run_hysac(&run, "classify", "--model", "demo", "--text", "a ball", "a box", NULL);
  expect_failure(&run, 2, "a box", "--text once for each", NULL);
  /* A picture that is missing is one. */
  run_hysac(&run, "classify", "--model", "demo", "--json", "--text", "a ball", "missing.png", NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 2);
  expect_failed(&run, 0, "No such file");
  run_clear(&run);
}

/* A text that takes minutes ends with Ctrl-C; what was judged before is there. */
static void
a_long_text_can_be_stopped(void **state)
{
  g_autofree char *list = g_build_filename(folder, "long.txt", NULL), *out = NULL, *err = NULL;
  GString *lines = g_string_new(NULL);
  for (guint i = 0; i < 70; i++) /* more than are taken at once */
    g_string_append(lines, "a ball\n");
  while (lines->len < 12000000)
    g_string_append(lines, "a ball and a box ");
  write_file(folder, "long.txt", lines->str, (gssize) lines->len);
  g_string_free(lines, TRUE);
  char *args[] = { (char *) g_getenv("HYSAC_TOOL"), (char *) "classify", (char *) "--model", (char *) "demo",
                   (char *) "--texts", list, NULL };
  GPid pid;
  int from_out, from_err, status;
  char buffer[4096];
  gssize n;
  assert_true(g_spawn_async_with_pipes(NULL, args, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &from_out,
                                       &from_err, NULL));
  GString *got = g_string_new(NULL);
  gboolean told = FALSE;
  while ((n = read(from_out, buffer, sizeof buffer)) > 0) {
    g_string_append_len(got, buffer, n);
    if (!told) /* the first lines are there: the long one is next */
      kill(pid, SIGINT);
    told = TRUE;
  }
  out = g_string_free(got, FALSE);
  n = read(from_err, buffer, sizeof buffer - 1);
  err = g_strndup(buffer, (gsize) MAX(n, 0));
  close(from_out);
  close(from_err);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 130)
    fail_msg("status %x: %s", status, err);
  assert_true(g_str_has_prefix(out, "safe "));
  assert_non_null(strstr(err, "what was judged before is printed"));
  assert_null(strstr(out, "failed"));
}

/* One class, "unsafe", whose score is that of @bias for all pictures. */
static void
write_head(const char *path, float bias)
{
  enum { DIM = 48 };
  const char header[] = "{\"weight\":{\"dtype\":\"F32\",\"shape\":[48],\"data_offsets\":[0,192]},"
                        "\"bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[192,196]},"
                        "\"threshold\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[196,200]}} ";
  const guint64 length = sizeof header - 1;
  float values[DIM + 2] = { 0 };
  values[DIM] = bias;
  values[DIM + 1] = 0.5f;
  GString *all = g_string_new_len((const char *) &length, sizeof length);
  g_string_append_len(all, header, (gssize) length);
  g_string_append_len(all, (const char *) values, sizeof values);
  write_file(path, "head.safetensors", all->str, (gssize) all->len);
  g_string_free(all, TRUE);
}

static void
the_head_stands_beside_the_bound(void **state)
{
  Run run = { 0 };
  g_autofree char *path = picture("animated.gif"), *with_head = copy_model(folder, "with-head");
  for (guint i = 0; i < 2; i++) {
    write_head(with_head, i ? 2 : -2);
    run_hysac(&run, "classify", "--model", with_head, "--bound", "900", "--json", "--fail-on-unsafe", path, NULL);
    assert_int_equal(run.code, i ? 3 : 0);
    g_autofree char *verdict = json_text(run.lines[0], "verdict");
    assert_string_equal(verdict, "safe"); /* the region's */
    assert_non_null(strstr(run.lines[0], i ? "\"head\":{\"label\":\"unsafe\",\"score\":0.88"
                                           : "\"head\":{\"label\":\"unsafe\",\"score\":0.11"));
    run_hysac(&run, "classify", "--model", with_head, "--bound", "900", path, NULL);
    assert_non_null(strstr(run.out, i ? "[head: unsafe, unsafe 0.88" : "[head: safe, unsafe 0.11"));
  }
  write_file(with_head, "head.safetensors", "junk", 4);
  run_hysac(&run, "classify", "--model", with_head, path, NULL);
  expect_failure(&run, 1, "head.safetensors", NULL);
  run_clear(&run);
}

static void
categories_are_told_by_concepts(void **state)
{
  Run run = { 0 };
  g_autoptr(GError) error = NULL;
  g_autofree char *path = picture("rgb.png"), *other = picture("animated-2.png");
  g_autofree char *with = copy_model(folder, "with-concepts");
  GString *text = g_string_new("{\"version\":1,\"concepts\":[");
  const char *const names[] = { "{\"name\":\"this\",\"category\":\"violence\",\"points\":[",
                                ",{\"name\":\"that\",\"safe\":true,\"points\":[" };
  for (guint i = 0; i < 2; i++) {
    run_hysac(&run, "embed", "--model", model, i ? other : path, NULL);
    const char *point = strstr(run.lines[0], "\"point\":") + 8;
    g_string_append(text, names[i]);
    g_string_append_len(text, point, strchr(point, ']') + 1 - point);
    g_string_append(text, "]}");
  }
  g_string_append(text, "]}");
  g_autoptr(HysacConcepts) concepts = hysac_concepts_parse(text->str, text->len, "concepts", &error);
  if (concepts == NULL || !hysac_concepts_save(concepts, with, &error))
    fail_msg("%s", error->message);
  g_string_free(text, TRUE);
  run_hysac(&run, "classify", "--model", with, "--json", path, other, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  for (guint i = 0; i < 2; i++) {
    const char *categories = strstr(run.lines[i], "\"categories\":[{\"category\":\"violence\",\"concept\":\"this\"");
    assert_non_null(categories);
    const double lead = g_ascii_strtod(strstr(categories, "\"lead\":") + 7, NULL);
    assert_true(i ? lead < 0 : lead > 0); /* its own point is the nearest there is */
  }
  run_hysac(&run, "classify", "--model", with, path, NULL);
  assert_non_null(strstr(run.out, "violence: this"));
  run_clear(&run);
}

/* On the terminal too, and once; not where the user gave the bound, nor where one was fitted. */
static void
a_bound_that_was_not_fitted_is_told(void **state)
{
  Run run = { 0 };
  char *own = copy_text_model(folder, "not-fitted");
  g_autofree char *path = picture("rgb.png");
  run_hysac(&run, "classify", "--model", own, path, path, NULL);
  assert_string_equal(run.err, "hysac: note: the bound is the model's own, not fitted on material like yours: see hysac fit "
                               "(docs/fit.md)\n");
  run_hysac(&run, "classify", "--model", own, "--json", "--text", "a ball", NULL);
  assert_string_equal(run.err, "hysac: note: the bound of texts is the model's own, not fitted on material like yours: see "
                               "hysac fit --texts (docs/fit.md)\n");
  run_hysac(&run, "classify", "--model", own, "--bound", "0.5", "--text-bound", "0.5", "--text", "a ball", path, NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.err, "");
  const double safe[] = { 0.1, 0.2, 0.3 };
  g_autoptr(GError) error = NULL;
  HysacProfile *profile = hysac_profile_fit(safe, 3, NULL, 0, 100, HYSAC_PRECISION_FP32, &error);
  if (profile == NULL || !hysac_profile_save(profile, own, &error))
    fail_msg("%s", error->message);
  hysac_profile_free(profile);
  run_hysac(&run, "classify", "--model", own, path, NULL);
  assert_string_equal(run.err, "");
  g_free(own);
  /* Of the demo model more was said. */
  char *demo = copy_demo(folder, "demo-at-reference");
  g_autofree char *text = read_file(demo, "hysac.json", NULL);
  g_autoptr(JsonNode) root = json_from_string(text, NULL);
  json_object_remove_member(json_node_get_object(root), "profile");
  g_autofree char *without = json_to_string(root, FALSE);
  write_file(demo, "hysac.json", without, -1);
  run_hysac(&run, "classify", "--model", demo, "--json", path, NULL);
  assert_non_null(strstr(run.lines[0], "\"calibrated\":false"));
  assert_true(run.n_errors == 1 && strstr(run.err, "the demo model"));
  g_free(demo);
  run_clear(&run);
}

static void
wrong_usage_is_two(void **state)
{
  Run run = { 0 };
  g_autofree char *path = picture("rgb.png");
  run_hysac(&run, "classify", "--model", model, NULL);
  expect_failure(&run, 2, "needs a picture or a text", NULL);
  run_hysac(&run, "classify", path, NULL);
  expect_failure(&run, 2, "--model", NULL);
  run_hysac(&run, "classify", "--model", model, "--bound=-1", path, NULL);
  expect_failure(&run, 2, "bound", NULL);
  char *plain = copy_model(folder, "plain-clip");
  g_autofree char *metadata = g_build_filename(plain, "hysac.json", NULL);
  assert_int_equal(g_unlink(metadata), 0);
  run_hysac(&run, "classify", "--model", plain, path, NULL);
  expect_failure(&run, 1, "cannot judge", NULL);
  g_free(plain);
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_bound_decides),
    cmocka_unit_test(distances_are_embed_s),
    cmocka_unit_test(every_frame_of_an_animation_counts),
    cmocka_unit_test(every_frame_of_a_png_counts),
    cmocka_unit_test(every_page_counts),
    cmocka_unit_test(what_is_seen_in_part_is_not_judged),
    cmocka_unit_test(cmyk_is_seen_in_its_colours),
    cmocka_unit_test(pictures_are_turned_as_they_are_marked),
    cmocka_unit_test(bad_pictures_are_failed_and_the_rest_judged),
    cmocka_unit_test(other_kinds_are_named),
    cmocka_unit_test(texts_are_judged_by_their_own_bound),
    cmocka_unit_test(errors_say_where_once),
    cmocka_unit_test(a_long_text_can_be_stopped),
    cmocka_unit_test(the_head_stands_beside_the_bound),
    cmocka_unit_test(categories_are_told_by_concepts),
    cmocka_unit_test(a_bound_that_was_not_fitted_is_told),
    cmocka_unit_test(wrong_usage_is_two),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
