/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac index and hysac search: what is found is what computing all of it finds; runs go on where others ended; bad
 * files and other models; queries that are redirected, and those that are not. */

#ifdef HAVE_VIDEO_TOOLS
#include "clips.h"
#else
#include "runner.h"
#endif

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIM 48

static const char *const images[] = { "0-320x240.png", "1-141x263.png", "2-640x360.png",
                                      "3-48x40.png",   "4-512x512.png", "5-1000x130.png" };
#define N_IMAGES G_N_ELEMENTS(images)

static char *folder, *model, *pictures;

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static char *
picture(guint i)
{
  return g_build_filename(pictures, images[i], NULL);
}

/* The test's own copies: an index names files by their whole paths. */
static int
setup(void **state)
{
  g_autofree char *from = data_path("reference/small/images");
  folder = make_folder();
  model = copy_text_model(folder, "model");
  pictures = in_folder("pictures");
  assert_int_equal(g_mkdir(pictures, 0700), 0);
  for (guint i = 0; i < N_IMAGES; i++) {
    gsize size;
    g_autofree char *data = read_file(from, images[i], &size);
    write_file(pictures, images[i], data, (gssize) size);
  }
  return 0;
}

static int
teardown(void **state)
{
  g_free(pictures);
  g_free(model);
  remove_folder(folder);
  return 0;
}

static void
make_index(const char *index)
{
  Run run = { 0 };
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", pictures, NULL);
  if (run.code != 0)
    fail_msg("%s", run.err);
  assert_int_equal((int) json_number(run.lines[0], "points"), N_IMAGES);
  run_clear(&run);
}

/* The @rank-th hit's part of the line, from 1. */
static const char *
hit(const char *line, guint rank)
{
  g_autofree char *begin = g_strdup_printf("{\"rank\":%u,", rank);
  const char *at = strstr(line, begin);
  if (at == NULL)
    fail_msg("no hit %u in %s", rank, line);
  return at;
}

static gboolean
names(const char *from, const char *path)
{
  g_autofree char *text = g_strdup_printf("\"path\":\"%s\"", path);
  const char *end = strchr(from, '}');
  const char *at = strstr(from, text);
  return at != NULL && at < end;
}

static void
finds_what_computing_all_finds(void **state)
{
  Run run = { 0 };
  g_autofree char *index = in_folder("all.index");
  float *points[N_IMAGES];
  make_index(index);
  for (guint i = 0; i < N_IMAGES; i++) {
    g_autofree char *path = picture(i);
    run_hysac(&run, "embed", "--model", model, path, NULL);
    assert_int_equal(run.code, 0);
    points[i] = json_floats(run.lines[0], "point", DIM);
  }
  for (guint q = 0; q < N_IMAGES; q++) {
    g_autofree char *query = picture(q);
    gboolean taken[N_IMAGES] = { FALSE };
    run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "retain", "-k", "20", "--json", query,
              NULL);
    if (run.code != 0)
      fail_msg("%s", run.err);
    assert_null(strstr(run.lines[0], "\"rank\":7,"));
    for (guint rank = 1; rank <= N_IMAGES; rank++) {
      guint best = N_IMAGES;
      double most = -HUGE_VAL;
      for (guint i = 0; i < N_IMAGES; i++) {
        const double inner = hysac_lorentz_inner(points[q], points[i], DIM, 0.6200000047683716);
        if (!taken[i] && inner > most) {
          best = i;
          most = inner;
        }
      }
      taken[best] = TRUE;
      g_autofree char *want = picture(best);
      if (!names(hit(run.lines[0], rank), want))
        fail_msg("query %u, rank %u: not %s in %s", q, rank, want, run.lines[0]);
    }
  }
  for (guint i = 0; i < N_IMAGES; i++)
    g_free(points[i]);
  run_hysac(&run, "index", "--out", index, "--check", NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "whole, 6 points of 48"));
  run_clear(&run);
}

static void
redirects_what_is_beyond_the_bound(void **state)
{
  Run run = { 0 };
  g_autofree char *index = in_folder("all.index");
  static const char *const modes[] = { NULL, "geodesic", "reference", "retain" };
  double text_bound = 0.0;
  make_index(index);
  for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
    g_autofree char *option = g_strdup_printf("--redirect=%s", modes[i] ? modes[i] : "geodesic");
    run_hysac(&run, "search", "--model", model, "--index", index, "--json", option, "a red ball", NULL);
    if (run.code != 0)
      fail_msg("%s", run.err);
    const double before = json_number(run.lines[0], "distance"), after = json_number(run.lines[0], "distance_after");
    const gboolean moved = strstr(run.lines[0], "\"moved\":true") != NULL;
    assert_non_null(strstr(run.lines[0], "\"kind\":\"text\""));
    assert_true(after <= before && moved == (after < before));
    if (i <= 1) {
      /* This model's bound is below the text's distance. */
      assert_true(moved && after <= json_number(run.lines[0], "bound"));
      text_bound = json_number(run.lines[0], "bound");
      assert_non_null(strstr(run.lines[0], "\"redirect\":\"geodesic\""));
      assert_non_null(strstr(run.lines[0], "\"up_95\":null"));
    } else if (i == 2) { /* that of texts, both; what decides is made of it */
      const double up_95 = json_number(run.lines[0], "up_95"), bound = json_number(run.lines[0], "bound");
      g_autoptr(HysacModel) loaded = hysac_model_load(model, NULL);
      assert_true(up_95 == text_bound);
      const double tau = hysac_redirect_reference_threshold(up_95, hysac_model_get_geometry(loaded)->curvature);
      assert_true(fabs(bound / tau - 1) < 1e-8 && moved == (before > bound));
    } else {
      assert_true(!moved && after == before);
      assert_non_null(strstr(run.lines[0], "\"bound\":null"));
    }
  }
  /* For a reader. */
  run_hysac(&run, "search", "--model", model, "--index", index, "-k", "2", "a red ball", NULL);
  assert_int_equal(run.n_lines, 3);
  assert_non_null(strstr(run.lines[0], "moved to"));
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "reference", "a red ball", NULL);
  assert_non_null(strstr(run.lines[0], ", made of up_95 "));
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "retain", "-k", "1", "a red ball", NULL);
  assert_non_null(strstr(run.lines[0], "retained"));
  run_clear(&run);
}

static void
goes_on_and_passes_bad_files(void **state)
{
  Run run = { 0 };
  g_autofree char *index = in_folder("more.index"), *more = in_folder("more");
  assert_int_equal(g_mkdir(more, 0700), 0);
  gsize size;
  g_autofree char *data = read_file(pictures, images[0], &size);
  write_file(more, "a.png", data, (gssize) size);
  write_file(more, "b.png", "", 0);
  write_file(more, "c.png", data, (gssize) size / 2);
  write_file(more, "notes.txt", "no picture\n", -1);
  g_autofree char *missing = in_folder("missing");
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", more, missing, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_errors, 3);
  assert_int_equal((int) json_number(run.lines[0], "points"), 1);
  assert_int_equal((int) json_number(run.lines[0], "failed"), 3);
  assert_int_equal((int) json_number(run.lines[0], "others"), 1);
  write_file(more, "b.png", data, (gssize) size);
  write_file(more, "c.png", data, (gssize) size);
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", more, more, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal((int) json_number(run.lines[0], "points"), 3);
  assert_int_equal((int) json_number(run.lines[0], "pictures"), 2);
  assert_int_equal((int) json_number(run.lines[0], "skipped"), 1);
  /* Equal points: in the order in which they came. */
  g_autofree char *query = picture(0), *first = g_build_filename(more, "a.png", NULL);
  run_hysac(&run, "search", "--model", model, "--index", index, "--json", query, NULL);
  assert_int_equal(run.code, 0);
  assert_true(names(hit(run.lines[0], 1), first));
  run_clear(&run);
}

static double
nearest_distance(const char *line)
{
  const char *at = hit(line, 1);
  g_autofree char *object = g_strndup(at, (gsize) (strchr(at, '}') + 1 - at));
  return json_number(object, "distance");
}

/* As people see them, and whole. */
static void
pictures_are_turned_and_whole(void **state)
{
  Run run = { 0 };
  g_autofree char *index = in_folder("turned.index"), *place = in_folder("turned"), *jpeg = in_folder("plain.jpg");
  g_autofree char *want = in_folder("want.png"), *turned = g_build_filename(place, "a.jpg", NULL), *from = picture(0);
  g_autofree char *data = NULL;
  gsize n;
  g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file(from, NULL);
  assert_true(gdk_pixbuf_save(pixbuf, jpeg, "jpeg", NULL, "quality", "95", NULL));
  assert_true(g_file_get_contents(jpeg, &data, &n, NULL));
  g_autoptr(GdkPixbuf) decoded = gdk_pixbuf_new_from_file(jpeg, NULL);
  g_autoptr(GdkPixbuf) shown = gdk_pixbuf_rotate_simple(decoded, GDK_PIXBUF_ROTATE_CLOCKWISE);
  assert_true(gdk_pixbuf_save(shown, want, "png", NULL, NULL));
  assert_int_equal(g_mkdir(place, 0700), 0);
  write_turned(place, "a.jpg", data, n, 6);
  write_file(place, "cut.jpg", data, (gssize) n / 2);
  g_autofree char *samples = data_path("pictures"), *frame = data_path("pictures/rgb.png"), *bytes = NULL;
  g_autofree char *animated = g_build_filename(place, "animated.png", NULL);
  bytes = read_file(samples, "animated.png", &n);
  write_file(place, "animated.png", bytes, (gssize) n);
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", place, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal((int) json_number(run.lines[0], "points"), 2);
  assert_int_equal((int) json_number(run.lines[0], "failed"), 1);
  /* The first frame, also as a query. */
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "retain", "--json", frame, animated, NULL);
  assert_int_equal(run.n_lines, 2);
  for (guint i = 0; i < 2; i++)
    assert_true(names(hit(run.lines[i], 1), animated));
  assert_true(nearest_distance(run.lines[0]) == nearest_distance(run.lines[1]));
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "retain", "--json", want, NULL);
  assert_true(names(hit(run.lines[0], 1), turned));
  const double apart = nearest_distance(run.lines[0]);
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "retain", "--json", turned, NULL);
  assert_true(nearest_distance(run.lines[0]) == apart);
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "retain", "--json", jpeg, NULL);
  assert_true(nearest_distance(run.lines[0]) > apart);
  run_clear(&run);
}

/* A path that was mistyped would find something as a text. */
static void
a_missing_picture_is_no_text(void **state)
{
  Run run = { 0 };
  g_autofree char *index = in_folder("all.index"), *there = picture(0);
  static const char *const missing[] = { "a ball.PNG", "missing.jpeg", "clips/ball", "film.mkv" };
  make_index(index);
  for (guint i = 0; i < G_N_ELEMENTS(missing); i++) {
    run_hysac(&run, "search", "--model", model, "--index", index, "--json", missing[i], NULL);
    expect_failure(&run, 1, missing[i], "no such file", "--text", NULL);
    run_hysac(&run, "search", "--model", model, "--index", index, "--json", "--text", missing[i], NULL);
    assert_int_equal(run.code, 0);
    assert_non_null(strstr(run.lines[0], "\"kind\":\"text\""));
  }
  /* The others are answered. */
  run_hysac(&run, "search", "--model", model, "--index", index, "--json", there, "missing.jpeg", "a ball vs. a box", NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 2);
  assert_non_null(strstr(run.lines[0], "\"kind\":\"picture\""));
  assert_non_null(strstr(run.lines[1], "\"kind\":\"text\""));
  run_clear(&run);
}

static void
refuses_what_is_not_its_own(void **state)
{
  Run run = { 0 };
  gsize size;
  g_autofree char *index = in_folder("all.index"), *other = copy_model(folder, "other");
  g_autofree char *weights = read_file(other, "model.safetensors", &size);
  g_autofree char *junk = in_folder("junk.index"), *query = picture(0);
  make_index(index);
  weights[size - 4] = (char) (weights[size - 4] ^ 1); /* the last bit of one weight */
  write_weights(other, weights, size);
  run_hysac(&run, "search", "--model", other, "--index", index, query, NULL);
  expect_failure(&run, 1, "all.index", "SHA-256", NULL);
  run_hysac(&run, "index", "--model", other, "--out", index, pictures, NULL);
  expect_failure(&run, 1, "all.index", "SHA-256", NULL);
  run_hysac(&run, "search", "--model", model, "--index", index, "--precision", "int8", query, NULL);
  expect_failure(&run, 1, "int8", NULL);
  write_file(folder, "junk.index", "HYSACIDX and no more", -1);
  run_hysac(&run, "search", "--model", model, "--index", junk, query, NULL);
  expect_failure(&run, 1, "junk.index", "not an index", NULL);
  run_hysac(&run, "index", "--model", model, "--out", junk, pictures, NULL);
  expect_failure(&run, 1, "junk.index", "not an index", NULL);
  run_hysac(&run, "index", "--out", junk, "--check", NULL);
  expect_failure(&run, 1, "junk.index", NULL);
  run_hysac(&run, "index", "--model", model, pictures, NULL);
  expect_failure(&run, 2, "--out", NULL);
  run_hysac(&run, "index", "--model", model, "--out", junk, "--interval", "soon", pictures, NULL);
  expect_failure(&run, 2, "--interval", NULL);
  run_hysac(&run, "search", "--model", model, query, NULL);
  expect_failure(&run, 2, "--index", NULL);
  run_hysac(&run, "search", "--model", model, "--index", index, NULL);
  expect_failure(&run, 2, "a text or a picture", NULL);
  run_hysac(&run, "search", "--model", model, "--index", index, "--redirect", "away", query, NULL);
  expect_failure(&run, 2, "away", NULL);
  run_hysac(&run, "search", "--model", model, "--index", index, "-k", "0", query, NULL);
  expect_failure(&run, 2, "-k", NULL);
  run_clear(&run);
}

/* A flipped bit of what each search reads whole, and of each point that this one finds. */
static void
damage_is_said(void **state)
{
  Run run = { 0 };
  g_autofree char *index = in_folder("flipped.index"), *query = picture(3);
  gsize size;
  make_index(index);
  g_autofree char *data = read_file(folder, "flipped.index", &size);
  /* Points are on the second page, six of DIM floats, then a page of the mean: docs/search.md. */
  const gsize points = 4096, mean = 8192;
  for (guint i = 0; i <= N_IMAGES; i++) {
    const gsize at = i < N_IMAGES ? points + i * DIM * sizeof(float) + 2 : mean;
    data[at] ^= 0x10;
    write_file(folder, "flipped.index", data, (gssize) size);
    run_hysac(&run, "search", "--model", model, "--index", index, "-k", "6", query, NULL);
    expect_failure(&run, 1, "damaged", NULL);
    run_hysac(&run, "index", "--out", index, "--check", NULL);
    expect_failure(&run, 1, "damaged", NULL);
    data[at] ^= 0x10;
  }
  run_clear(&run);
}

/* A file of its own aside is the sign that it works. */
static gboolean
has_begun(const char *dir)
{
  g_autoptr(GDir) listing = g_dir_open(dir, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(listing)) != NULL) {
    if (g_str_has_prefix(name, "x.index."))
      return TRUE;
  }
  return FALSE;
}

static void
keeps_what_it_has_when_stopped(void **state)
{
  enum { MANY = 600 };
  Run run = { 0 };
  g_autofree char *many = in_folder("many"), *place = in_folder("place"), *query = picture(3);
  g_autofree char *index = g_build_filename(place, "x.index", NULL);
  GPid pid;
  int status;
  assert_int_equal(g_mkdir(many, 0700), 0);
  assert_int_equal(g_mkdir(place, 0700), 0);
  for (guint i = 0; i < MANY; i++) {
    g_autofree char *name = g_strdup_printf("%s/%03u.png", many, i);
    assert_int_equal(symlink(query, name), 0);
  }
  char *args[] = { (char *) g_getenv("HYSAC_TOOL"), (char *) "index", (char *) "--model", model,
                   (char *) "--out",                index,            many,               NULL };
  assert_true(g_spawn_async(NULL, args, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, &pid,
                            NULL));
  while (!has_begun(place) && waitpid(pid, &status, WNOHANG) == 0)
    g_usleep(2000);
  kill(pid, SIGINT);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  /* 0 where it was done before it was told. */
  assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 130 || WEXITSTATUS(status) == 0));
  assert_false(has_begun(place));
  run_hysac(&run, "index", "--out", index, "--check", NULL);
  assert_int_equal(run.code, 0);
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", many, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal((int) json_number(run.lines[0], "points"), MANY);
  assert_int_equal((int) (json_number(run.lines[0], "skipped") + json_number(run.lines[0], "pictures")), MANY);
  run_clear(&run);
}

/* As in hysac scan: whoever mistypes a folder is told so. */
static void
an_empty_folder_makes_no_index(void **state)
{
  Run run = { 0 };
  g_autofree char *empty = in_folder("nothing"), *index = in_folder("nothing.index");
  assert_int_equal(g_mkdir(empty, 0700), 0);
  run_hysac(&run, "index", "--model", model, "--out", index, empty, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "there is no picture or video in what was named"));
  assert_false(g_file_test(index, G_FILE_TEST_EXISTS));
  run_clear(&run);
}

#ifdef HAVE_VIDEO_TOOLS
static void
frames_of_videos(void **state)
{
  Run run = { 0 };
  g_autofree char *films = in_folder("films"), *index = in_folder("films.index");
  g_autofree char *ball = in_folder("films/ball.mp4"), *cut = in_folder("films/cut.mp4");
  assert_int_equal(g_mkdir(films, 0700), 0);
  make_mp4(ball, "ball", 80);
  make_truncated(ball, cut, 0.6);
  write_file(films, "junk.vob", "no video", -1);
  g_autofree char *whole = in_folder("whole.avi"), *part = in_folder("films/cut.avi");
  make_other(whole, 75);
  make_truncated(whole, part, 0.6003);
  run_hysac(&run, "index", "--model", model, "--out", index, "--interval", "1s", "--json", films, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "junk.vob"));
  assert_null(strstr(run.err, "ball.mp4"));
  /* One that is cut short is no failure to GStreamer. What was read of it stays. */
  assert_non_null(strstr(run.err, "cut.mp4: "));
  assert_non_null(strstr(run.err, "cut.avi: cut short"));
  assert_int_equal((int) json_number(run.lines[0], "failed"), 3);
  const int frames = (int) json_number(run.lines[0], "frames");
  assert_true(frames >= 6); /* 0, 1, 2, 3 s of one, and what the other has */
  run_hysac(&run, "search", "--model", model, "--index", index, "--json", "-k", "100", "a ball", NULL);
  assert_int_equal(run.code, 0);
  for (guint second = 0; second < 4; second++) {
    g_autofree char *want = g_strdup_printf("\"path\":\"%s\",\"time\":%u", ball, second);
    assert_non_null(strstr(run.lines[0], want));
  }
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", part, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "cut.avi: cut short"));
  assert_int_equal((int) json_number(run.lines[0], "points"), frames);
  /* What was read to its end is not read again. */
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", ball, NULL);
  assert_int_equal(run.code, 0);
  assert_int_equal((int) json_number(run.lines[0], "frames"), 0);
  assert_int_equal((int) json_number(run.lines[0], "skipped"), 1);
  assert_int_equal((int) json_number(run.lines[0], "points"), frames);
  run_clear(&run);
}

/* The index as it is where the run was stopped after @n points. */
static void
cut_index(const char *path, guint n)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacIndex) whole = hysac_index_open(path, &error);
  assert_non_null(whole);
  g_autoptr(HysacIndexWriter) writer = hysac_index_writer_new(path, hysac_index_get_space(whole), &error);
  assert_non_null(writer);
  for (guint i = 0; i < n; i++) {
    HysacIndexId id;
    assert_true(hysac_index_get_id(whole, i, &id, &error));
    assert_true(hysac_index_writer_add(writer, id.path, id.time, hysac_index_get_point(whole, i), &error));
  }
  assert_true(hysac_index_writer_finish(g_steal_pointer(&writer), &error));
}

/* As hysac scan has it: 0 is every frame. What goes on where another run was stopped adds none of them again. */
static void
every_frame_of_videos(void **state)
{
  Run run = { 0 };
  g_autofree char *ball = in_folder("every.mp4");
  static const char *const every[] = { "0", "0s" };
  make_mp4(ball, "ball", 20);
  for (guint i = 0; i < G_N_ELEMENTS(every); i++) {
    g_autofree char *name = g_strdup_printf("every-%u.index", i), *index = in_folder(name);
    run_hysac(&run, "index", "--model", model, "--out", index, "--interval", every[i], "--json", ball, NULL);
    assert_int_equal(run.code, 0);
    assert_int_equal((int) json_number(run.lines[0], "frames"), 20);
    cut_index(index, 5);
    run_hysac(&run, "index", "--model", model, "--out", index, "--interval", every[i], "--json", ball, NULL);
    assert_int_equal((int) json_number(run.lines[0], "frames"), 15);
    assert_int_equal((int) json_number(run.lines[0], "points"), 20);
  }
  run_clear(&run);
}

/* Its beginning says what it is, and nothing more is there: it is told, and not passed over. */
static void
a_video_without_pictures_fails(void **state)
{
  Run run = { 0 };
  g_autofree char *ball = in_folder("head.mp4"), *head = in_folder("head-cut.mp4"), *index = in_folder("head.index");
  make_mp4(ball, "ball", 20);
  g_autofree char *data = NULL;
  gsize size;
  assert_true(g_file_get_contents(ball, &data, &size, NULL));
  const char *media = memmem(data, size, "mdat", 4);
  assert_non_null(media);
  write_file(folder, "head-cut.mp4", data, media - data + 4);
  run_hysac(&run, "index", "--model", model, "--out", index, "--json", head, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.err, "head-cut.mp4: no picture in it could be decoded"));
  assert_int_equal((int) json_number(run.lines[0], "failed"), 1);
  run_clear(&run);
}
#endif

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(finds_what_computing_all_finds),
    cmocka_unit_test(redirects_what_is_beyond_the_bound),
    cmocka_unit_test(goes_on_and_passes_bad_files),
    cmocka_unit_test(pictures_are_turned_and_whole),
    cmocka_unit_test(a_missing_picture_is_no_text),
    cmocka_unit_test(refuses_what_is_not_its_own),
    cmocka_unit_test(damage_is_said),
    cmocka_unit_test(keeps_what_it_has_when_stopped),
    cmocka_unit_test(an_empty_folder_makes_no_index),
#ifdef HAVE_VIDEO_TOOLS
    cmocka_unit_test(frames_of_videos),
    cmocka_unit_test(every_frame_of_videos),
    cmocka_unit_test(a_video_without_pictures_fails),
#endif
  };
  return cmocka_run_group_tests_name("hysac index", tests, setup, teardown);
}
