/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames that have not changed, with stand-ins for what the engine drives (engine_double.h): a frame's
 * 48 bytes are a picture of 4 x 4 pixels, and the feature. */

#include "engine_shots.h"

#include <math.h>
#include <string.h>

#define ALWAYS G_MAXINT64

/* The byte of a channel of a pixel: 2 x 2 patches of 2 x 2. */
static guint8 *
pixel(Shot *shot, guint x, guint y, guint channel)
{
  return (guint8 *) shot->data + (y / 2 * 2 + x / 2) * 12 + channel * 4 + y % 2 * 2 + x % 2;
}

/* Any bytes will do but those that make a float infinite; 0x40 is 3.0 or thereabouts. */
static void
paint(Shot *shot, guint8 level)
{
  *shot = (Shot) { 0 };
  memset(shot->data, level, sizeof shot->data);
}

static void
fire_reusing(HysacEngine *engine, Shot *shot, HysacReference *reference, guint tolerance, guint budget,
             gint64 time, gint64 max_age)
{
  g_autoptr(GError) error = NULL;
  HysacFrame frame = double_frame(shot->data);
  const HysacReuse reuse = { tolerance, budget, time, max_age };
  if (!hysac_engine_submit_reusing(engine, &frame, reference, &reuse, on_release, on_done, shot, &error))
    fail_msg("submit: %s", error->message);
}

/* It has the answer of @from, another frame. */
static void
expect_reused(Shot *shot, const Shot *from)
{
  assert_true(wait_for(&shot->n_done, 1));
  assert_null(shot->error);
  assert_int_equal(shot->n_done, 1);
  assert_int_equal(shot->n_released, 1);
  assert_true(shot->released_first);
  assert_true(shot->reused);
  assert_memory_equal(shot->feature, from->data, sizeof shot->feature);
  assert_true(shot->distance == from->distance || (isnan(shot->distance) && isnan(from->distance)));
}

static void
expect_encoded(Shot *shot)
{
  expect_hit(shot);
  assert_false(shot->reused);
}

/* Frames that went through the tower since get_engine(). */
static guint
encoded(void)
{
  guint n = 0;
  g_mutex_lock(&dbl.lock);
  for (guint i = 0; i < dbl.n_batches; i++)
    n += dbl.batches[i];
  g_mutex_unlock(&dbl.lock);
  return n;
}

static void
same_frame_is_encoded_once(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot first, again[3];
  paint(&first, 0x40);
  fire_reusing(engine, &first, reference, 0, 0, 0, ALWAYS);
  expect_encoded(&first);
  for (guint i = 0; i < 3; i++) {
    paint(&again[i], 0x40);
    fire_reusing(engine, &again[i], reference, 0, 0, i, ALWAYS);
    expect_reused(&again[i], &first);
    assert_true(again[i].has_point);
  }
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.batches, 1);
  assert_int_equal(stats.requests, 4);
  assert_int_equal(stats.reused, 3);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.in_flight, 0);
}

/* Whatever the byte: one step is a change. */
static void
any_byte_counts(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  for (guint i = 0; i < sizeof(float) * DOUBLE_DIM; i++) {
    g_autoptr(HysacReference) reference = hysac_reference_new();
    Shot a, b;
    paint(&a, 0x40);
    paint(&b, 0x40);
    ((guint8 *) b.data)[i] ^= 1;
    fire_reusing(engine, &a, reference, 0, 0, 0, ALWAYS);
    expect_encoded(&a);
    fire_reusing(engine, &b, reference, 0, 0, 0, ALWAYS);
    expect_encoded(&b);
  }
}

static void
budget_and_tolerance_to_the_pixel(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  for (guint budget = 0; budget < 12; budget++) {
    g_autoptr(HysacReference) reference = hysac_reference_new();
    Shot first, shot;
    paint(&first, 0x40);
    fire_reusing(engine, &first, reference, 0, 0, 0, ALWAYS);
    expect_encoded(&first);
    /* 8 of this picture's one tile is the most that any budget allows. */
    const guint allowed = MIN(budget, 8);
    paint(&shot, 0x42); /* within the tolerance everywhere */
    for (guint i = 0; i < allowed; i++)
      *pixel(&shot, i % 4, i / 4, i % 3) = 0x10;
    fire_reusing(engine, &shot, reference, 2, budget, 0, ALWAYS);
    expect_reused(&shot, &first);

    paint(&shot, 0x42);
    for (guint i = 0; i < allowed + 1; i++)
      *pixel(&shot, i % 4, i / 4, i % 3) = 0x43; /* just beyond it */
    fire_reusing(engine, &shot, reference, 2, budget, 0, ALWAYS);
    expect_encoded(&shot);
  }
}

/* Each frame is within the tolerance of the one before. What counts is the one that was encoded. */
static void
slow_fade_never_creeps_past(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot last = { 0 };
  guint n = 0;
  for (guint level = 0x10; level < 0x50; level++) {
    Shot shot;
    paint(&shot, (guint8) level);
    fire_reusing(engine, &shot, reference, 3, 0, level, ALWAYS);
    assert_true(wait_for(&shot.n_done, 1));
    if (n == 0 || level - *(guint8 *) last.data > 3) {
      expect_encoded(&shot);
      last = shot;
      n++;
    } else {
      expect_reused(&shot, &last);
    }
  }
  assert_int_equal(n, 16);
  assert_int_equal(encoded(), 16);
}

static void
old_ones_are_not_reused(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  static const struct {
    gint64 time, max_age;
    gboolean reused;
  } steps[] = {
    { 1000, 100, FALSE }, { 1100, 100, TRUE }, { 1101, 100, FALSE }, { 1101, 0, TRUE }, { 1102, 0, FALSE },
    { 1101, 100, FALSE }, /* earlier than what is kept */
    { 1101, -1, FALSE }, { G_MAXINT64, ALWAYS, TRUE }, { G_MININT64, ALWAYS, FALSE },
    { G_MAXINT64, ALWAYS, FALSE }, /* the difference overflows */
  };
  Shot first, shot;
  paint(&first, 0x40);
  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    paint(&shot, 0x40);
    fire_reusing(engine, &shot, reference, 0, 0, steps[i].time, steps[i].max_age);
    assert_true(wait_for(&shot.n_done, 1));
    assert_null(shot.error);
    assert_memory_equal(shot.feature, first.data, sizeof first.data);
    if (shot.reused != steps[i].reused)
      fail_msg("step %u", i);
  }
}

/* The same picture in another stream was not encoded there. */
static void
streams_do_not_mix(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) a = hysac_reference_new(), b = hysac_reference_new();
  Shot shots[2], again[2], crossed;
  for (guint i = 0; i < 2; i++) {
    paint(&shots[i], i ? 0x40 : 0x30);
    fire_reusing(engine, &shots[i], i ? b : a, 0, 0, 0, ALWAYS);
    expect_encoded(&shots[i]);
  }
  for (guint i = 0; i < 2; i++) {
    paint(&again[i], i ? 0x40 : 0x30);
    fire_reusing(engine, &again[i], i ? b : a, 0, 0, 0, ALWAYS);
    expect_reused(&again[i], &shots[i]);
  }
  paint(&crossed, 0x40);
  fire_reusing(engine, &crossed, a, 0, 0, 0, ALWAYS);
  expect_encoded(&crossed);
  /* A request without a reference neither reuses nor is kept. */
  Shot plain;
  paint(&plain, 0x40);
  fire(engine, &plain);
  expect_encoded(&plain);
  assert_int_equal(encoded(), 4);
}

/* While the first is in the tower, the others wait for it, and keep their planes. */
static void
followers_wait_for_their_leader(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot first, follower[3], other, after;
  double_shut_gate(hysac_engine_get_device(engine));
  paint(&first, 0x40);
  fire_reusing(engine, &first, reference, 0, 0, 0, ALWAYS);
  assert_true(wait_for_batches(1));
  for (guint i = 0; i < 3; i++) {
    paint(&follower[i], 0x40);
    fire_reusing(engine, &follower[i], reference, 0, 0, i, ALWAYS);
  }
  paint(&other, 0x20); /* this one is looked at when those before it have been, and goes into a slot */
  fire_reusing(engine, &other, reference, 0, 0, 5, ALWAYS);
  assert_true(wait_for(&other.n_released, 1));
  paint(&after, 0x20);
  fire_reusing(engine, &after, reference, 0, 0, 6, ALWAYS);
  for (guint i = 0; i < 3; i++) {
    assert_int_equal(shots_count(&follower[i].n_released), 0);
    assert_int_equal(shots_count(&follower[i].n_done), 0);
  }
  double_open_gate();
  expect_encoded(&first);
  expect_encoded(&other);
  for (guint i = 0; i < 3; i++)
    expect_reused(&follower[i], &first);
  expect_reused(&after, &other);
  assert_int_equal(encoded(), 2);
}

/* A busy tower keeps nobody waiting whose picture is known. */
static void
reuse_needs_no_place(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot first, busy[16], again;
  paint(&first, 0x40);
  fire_reusing(engine, &first, reference, 0, 0, 0, ALWAYS);
  expect_encoded(&first);
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 16; i++) {
    aim(&busy[i], (float) i);
    fire(engine, &busy[i]);
  }
  assert_true(wait_for_batches(2)); /* since get_engine(): the first one's, and one that cannot end */
  paint(&again, 0x40);
  fire_reusing(engine, &again, reference, 0, 0, 1, ALWAYS);
  expect_reused(&again, &first);
  double_open_gate();
  for (guint i = 0; i < 16; i++)
    expect_encoded(&busy[i]);
}

/* The feature is no number: that frame has failed, and every one like it is asked for itself. */
static void
failures_are_not_reused(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot shots[4];
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 4; i++) {
    paint(&shots[i], 0x40);
    shots[i].data[3] = NAN;
    fire_reusing(engine, &shots[i], reference, 0, 0, i, ALWAYS);
  }
  assert_true(wait_for_batches(1));
  double_open_gate();
  for (guint i = 0; i < 4; i++)
    expect_miss(&shots[i], HYSAC_ERROR_NUMERIC);
  assert_int_equal(encoded(), 4);
  assert_int_equal(shots_warnings, 0);
}

/* The run of the first is refused; the others begin again, one is encoded, the last gets its answer. */
static void
followers_of_a_failure_begin_again(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot plain, leader, followers[2];
  aim(&plain, 1);
  double_shut_gate(hysac_engine_get_device(engine));
  fire(engine, &plain); /* what follows gathers behind it */
  assert_true(wait_for_batches(1));
  paint(&leader, 0x40);
  fire_reusing(engine, &leader, reference, 0, 0, 0, ALWAYS);
  assert_true(wait_for(&leader.n_released, 1));
  for (guint i = 0; i < 2; i++) {
    paint(&followers[i], 0x40);
    fire_reusing(engine, &followers[i], reference, 0, 0, 1, ALWAYS);
  }
  g_usleep(50000); /* likely they have been compared by now; it holds either way */
  dbl.fail_tower = CL_INVALID_KERNEL_ARGS;
  double_open_gate();
  expect_encoded(&plain);
  expect_miss(&leader, HYSAC_ERROR_DEVICE);
  expect_encoded(&followers[0]);
  expect_reused(&followers[1], &followers[0]);
}

/* A frame is being compared with one that fails before the result is there. */
static void
failure_during_a_comparison(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot good, first, second;
  paint(&good, 0x40); /* its feature would be there to be taken */
  fire_reusing(engine, &good, reference, 0, 0, 0, ALWAYS);
  expect_encoded(&good);
  assert_true(wait_for_asked(2));
  double_shut_gate(hysac_engine_get_device(engine));
  paint(&first, 0x41);
  first.data[5] = NAN;
  fire_reusing(engine, &first, reference, 0, 0, 1, ALWAYS);
  assert_true(wait_for_asked(4)); /* compared, and finished */
  g_atomic_int_set(&dbl.mute, 1);
  paint(&second, 0x41);
  second.data[5] = NAN;
  fire_reusing(engine, &second, reference, 0, 0, 2, ALWAYS);
  assert_true(wait_for_asked(5));
  double_open_gate();
  expect_miss(&first, HYSAC_ERROR_NUMERIC);
  g_atomic_int_set(&dbl.mute, 0);
  double_speak();
  expect_miss(&second, HYSAC_ERROR_NUMERIC);
  assert_int_equal(encoded(), 3);
}

static void
failed_upload_keeps_what_is_kept(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot first, failing, again;
  paint(&first, 0x40);
  fire_reusing(engine, &first, reference, 0, 0, 0, ALWAYS);
  expect_encoded(&first);
  dbl.fail_frame = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  paint(&failing, 0x40);
  fire_reusing(engine, &failing, reference, 0, 0, 0, ALWAYS);
  expect_miss(&failing, HYSAC_ERROR_OUT_OF_MEMORY);
  paint(&again, 0x40);
  fire_reusing(engine, &again, reference, 0, 0, 0, ALWAYS);
  expect_reused(&again, &first);
}

/* Everything under way is answered, and another engine knows nothing of the first one's frames. */
static void
lost_device_answers_all(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new(), second = hysac_reference_new();
  Shot shots[12];
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 12; i++) {
    paint(&shots[i], (guint8) (0x10 + i / 3));
    fire_reusing(engine, &shots[i], i % 2 ? reference : second, 0, 0, i, ALWAYS);
    if (i == 0)
      assert_true(wait_for_batches(1));
  }
  g_atomic_int_set(&dbl.fail_event, -9999);
  double_open_gate();
  for (guint i = 0; i < 12; i++)
    expect_miss(&shots[i], HYSAC_ERROR_DEVICE_LOST);
  g_atomic_int_set(&dbl.fail_event, 0);
  g_autoptr(HysacEngine) fresh = get_engine();
  assert_ptr_not_equal(fresh, engine);
  Shot late;
  paint(&late, 0x10);
  fire_reusing(fresh, &late, reference, 0, 0, 99, ALWAYS);
  expect_encoded(&late);
}

static gpointer
unref_engine(gpointer data)
{
  hysac_engine_unref(data);
  return NULL;
}

static void
unref_cancels_looks_and_followers(void **state)
{
  HysacEngine *engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  Shot first, follower, waiting[20];
  double_shut_gate(hysac_engine_get_device(engine));
  paint(&first, 0x40);
  fire_reusing(engine, &first, reference, 0, 0, 0, ALWAYS);
  assert_true(wait_for_batches(1));
  paint(&follower, 0x40);
  fire_reusing(engine, &follower, reference, 0, 0, 1, ALWAYS);
  for (guint i = 0; i < 20; i++) { /* more than there are places for */
    paint(&waiting[i], (guint8) (0x10 + i));
    fire_reusing(engine, &waiting[i], reference, 0, 0, 2, ALWAYS);
  }
  assert_true(wait_for_batches(2));
  GThread *thread = g_thread_new("unref", unref_engine, engine);
  for (guint i = 8; i < 20; i++)
    expect_miss(&waiting[i], HYSAC_ERROR_CANCELLED);
  double_open_gate();
  expect_encoded(&first);
  expect_reused(&follower, &first);
  for (guint i = 0; i < 8; i++)
    expect_encoded(&waiting[i]);
  g_thread_join(thread);
}

/* What is dropped is forgotten: a new reference never meets an old one's frames. */
static void
references_come_and_go(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  for (guint i = 0; i < 200; i++) {
    HysacReference *reference = hysac_reference_new();
    Shot shots[2];
    for (guint j = 0; j < 2; j++) {
      paint(&shots[j], 0x40);
      fire_reusing(engine, &shots[j], reference, 0, 0, 0, ALWAYS);
      if (j == 1)
        hysac_reference_unref(reference); /* the engine has its own */
      assert_true(wait_for(&shots[j].n_done, 1));
      assert_int_equal(shots[j].reused, j == 1);
    }
  }
}

static void
impossible_tolerance_is_refused(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  g_autoptr(GError) error = NULL;
  Shot shot;
  paint(&shot, 0x40);
  HysacFrame frame = double_frame(shot.data);
  const HysacReuse reuse = { HYSAC_REUSE_MAX_TOLERANCE + 1, 0, 0, ALWAYS };
  assert_false(hysac_engine_submit_reusing(engine, &frame, reference, &reuse, on_release, on_done, &shot, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  assert_int_equal(shot.n_released + shot.n_done, 0);
}

/* A stream of its own each, of stills and changes: every frame has the numbers of its own picture. */
static gpointer
play(gpointer data)
{
  const guint seed = GPOINTER_TO_UINT(data);
  g_autoptr(HysacEngine) engine = get_engine();
  g_autoptr(HysacReference) reference = hysac_reference_new();
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  Shot shots[120];
  guint8 level = 0x10;
  guint bad = 0;
  for (guint i = 0; i < 120; i++) {
    if (g_rand_int_range(rand, 0, 4) == 0)
      level = (guint8) g_rand_int_range(rand, 0x10, 0x60);
    paint(&shots[i], level);
    fire_reusing(engine, &shots[i], reference, 0, 0, i, ALWAYS);
    if (g_rand_int_range(rand, 0, 10) == 0)
      wait_for(&shots[i].n_done, 1);
  }
  for (guint i = 0; i < 120; i++) {
    if (!wait_for(&shots[i].n_done, 1) || shots[i].n_done != 1 || !shots[i].released_first ||
        memcmp(shots[i].data, shots[i].feature, sizeof shots[i].data) != 0)
      bad++;
  }
  return GUINT_TO_POINTER(bad);
}

static void
streams_at_once(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  const guint32 seed = g_random_int();
  print_message("# seed %u\n", seed);
  GThread *threads[8];
  for (guint i = 0; i < 8; i++)
    threads[i] = g_thread_new("play", play, GUINT_TO_POINTER(seed + i));
  for (guint i = 0; i < 8; i++)
    assert_int_equal(GPOINTER_TO_UINT(g_thread_join(threads[i])), 0);
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.requests, 960);
  assert_int_equal(stats.in_flight, 0);
  assert_true(stats.reused > 500);
}

int
main(int argc, char **argv)
{
  shots_start();
  const struct CMUnitTest tests[] = {
    TEST(same_frame_is_encoded_once),
    TEST(any_byte_counts),
    TEST(budget_and_tolerance_to_the_pixel),
    TEST(slow_fade_never_creeps_past),
    TEST(old_ones_are_not_reused),
    TEST(streams_do_not_mix),
    TEST(followers_wait_for_their_leader),
    TEST(reuse_needs_no_place),
    TEST(failures_are_not_reused),
    TEST(followers_of_a_failure_begin_again),
    TEST(failure_during_a_comparison),
    TEST(failed_upload_keeps_what_is_kept),
    TEST(lost_device_answers_all),
    TEST(unref_cancels_looks_and_followers),
    TEST(references_come_and_go),
    TEST(impossible_tolerance_is_refused),
    TEST(streams_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
