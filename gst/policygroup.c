/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/policygroup.h"

/* More redacted stretches than this are not kept: by the flicker filter these are ten minutes at
 * least, and sound that lags further behind its picture is undecided. */
#define MAX_STRETCHES 1024
#define N_FATES 2

typedef struct {
  gint64 begin, end;
} Stretch;

struct _GstHysacGroup {
  char *name;
  guint refs; /* registry lock */

  GMutex lock;
  GCond cond;
  /* Below: lock. */
  GstElement *leader; /* not referenced: it resigns before it goes */
  GstHysacAxis axis;
  gboolean begun;   /* the leader has a stream */
  const char *over; /* why no frame comes any more, or NULL */
  gboolean known;   /* from and until hold */
  gboolean framed;  /* there was a frame: last and last_begin hold */
  gint64 from, until;
  gint64 last_begin;
  guint last;
  GArray *redacted[N_FATES]; /* of Stretch, sorted, apart; one for each bit of a fate */
};

static GMutex registry_lock;
static GHashTable *registry; /* name -> group; NULL where there is none */

GstHysacGroup *
gst_hysac_group_get(const char *name)
{
  g_mutex_lock(&registry_lock);
  if (!registry)
    registry = g_hash_table_new(g_str_hash, g_str_equal);
  GstHysacGroup *self = g_hash_table_lookup(registry, name);
  if (!self) {
    self = g_new0(GstHysacGroup, 1);
    self->name = g_strdup(name);
    g_mutex_init(&self->lock);
    g_cond_init(&self->cond);
    for (guint i = 0; i < N_FATES; i++)
      self->redacted[i] = g_array_new(FALSE, FALSE, sizeof(Stretch));
    g_hash_table_insert(registry, self->name, self);
  }
  self->refs++;
  g_mutex_unlock(&registry_lock);
  return self;
}

GstHysacGroup *
gst_hysac_group_ref(GstHysacGroup *self)
{
  g_mutex_lock(&registry_lock);
  self->refs++;
  g_mutex_unlock(&registry_lock);
  return self;
}

void
gst_hysac_group_unref(GstHysacGroup *self)
{
  g_mutex_lock(&registry_lock);
  const gboolean last = --self->refs == 0;
  if (last) {
    g_hash_table_remove(registry, self->name);
    if (g_hash_table_size(registry) == 0)
      g_clear_pointer(&registry, g_hash_table_unref);
  }
  g_mutex_unlock(&registry_lock);
  if (!last)
    return;
  for (guint i = 0; i < N_FATES; i++)
    g_array_unref(self->redacted[i]);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
  g_free(self->name);
  g_free(self);
}

guint
gst_hysac_group_count(void)
{
  g_mutex_lock(&registry_lock);
  const guint n = registry ? g_hash_table_size(registry) : 0;
  g_mutex_unlock(&registry_lock);
  return n;
}

void
gst_hysac_group_lock(GstHysacGroup *self)
{
  g_mutex_lock(&self->lock);
}

void
gst_hysac_group_unlock(GstHysacGroup *self)
{
  g_mutex_unlock(&self->lock);
}

void
gst_hysac_group_wait(GstHysacGroup *self, gint64 until)
{
  if (until > 0)
    g_cond_wait_until(&self->cond, &self->lock, until);
  else
    g_cond_wait(&self->cond, &self->lock);
}

void
gst_hysac_group_wake(GstHysacGroup *self)
{
  g_cond_broadcast(&self->cond);
}

/* Lock held. */
static void
forget(GstHysacGroup *self)
{
  self->begun = self->known = self->framed = FALSE;
  self->over = NULL;
  for (guint i = 0; i < N_FATES; i++)
    g_array_set_size(self->redacted[i], 0);
}

gboolean
gst_hysac_group_lead(GstHysacGroup *self, GstElement *leader)
{
  g_mutex_lock(&self->lock);
  const gboolean ok = !self->leader;
  if (ok) {
    self->leader = leader;
    self->axis = (GstHysacAxis){0};
    forget(self);
    g_cond_broadcast(&self->cond);
  }
  g_mutex_unlock(&self->lock);
  return ok;
}

void
gst_hysac_group_resign(GstHysacGroup *self, GstElement *leader)
{
  g_mutex_lock(&self->lock);
  if (self->leader == leader) {
    self->leader = NULL;
    forget(self);
    g_cond_broadcast(&self->cond);
  }
  g_mutex_unlock(&self->lock);
}

GstElement *
gst_hysac_group_ref_leader(GstHysacGroup *self)
{
  g_mutex_lock(&self->lock);
  GstElement *leader = self->leader ? gst_object_ref(self->leader) : NULL;
  g_mutex_unlock(&self->lock);
  return leader;
}

void
gst_hysac_group_begin(GstHysacGroup *self)
{
  g_mutex_lock(&self->lock);
  self->begun = TRUE;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

/* Lock held. Joins [begin, end) to the sorted stretches, which end where it begins in all streams
 * whose time does not run backwards. */
static void
add_stretch(GstHysacGroup *self, GArray *stretches, Stretch added)
{
  guint at = stretches->len;
  while (at > 0 && g_array_index(stretches, Stretch, at - 1).end >= added.begin)
    at--;
  guint n = 0;
  for (; at + n < stretches->len; n++) {
    const Stretch old = g_array_index(stretches, Stretch, at + n);
    if (old.begin > added.end)
      break;
    added.begin = MIN(added.begin, old.begin);
    added.end = MAX(added.end, old.end);
  }
  if (n > 0)
    g_array_remove_range(stretches, at, n);
  g_array_insert_val(stretches, at, added);
  if (stretches->len > MAX_STRETCHES) {
    self->from = MAX(self->from, g_array_index(stretches, Stretch, 0).end);
    g_array_remove_index(stretches, 0);
  }
}

/* Lock held. */
static void
mark(GstHysacGroup *self, guint fate, gint64 begin, gint64 end)
{
  for (guint i = 0; i < N_FATES && begin < end; i++)
    if (fate >> i & 1)
      add_stretch(self, self->redacted[i], (Stretch){begin, end});
}

void
gst_hysac_group_publish(GstHysacGroup *self, gint64 begin, gint64 end, GstHysacFrameFate fate)
{
  g_mutex_lock(&self->lock);
  const gboolean backwards = self->framed && begin < self->last_begin;
  if (!self->framed) {
    self->from = self->until = begin;
    self->known = TRUE;
  } else if (backwards) {
    self->from = MIN(self->from, begin);
  } else if (begin > self->until) {
    mark(self, self->last, self->until, begin);
  }
  mark(self, fate, begin, end);
  self->until = backwards ? end : MAX(self->until, MAX(begin, end));
  self->framed = TRUE;
  self->last_begin = begin;
  self->last = fate;
  self->over = NULL;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

void
gst_hysac_group_extend(GstHysacGroup *self, gint64 end)
{
  g_mutex_lock(&self->lock);
  if (!self->framed) {
    self->from = self->until = self->known ? MAX(self->until, end) : end;
    self->known = TRUE;
  } else if (end > self->until) {
    mark(self, self->last, self->until, end);
    self->until = end;
  }
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

void
gst_hysac_group_end(GstHysacGroup *self, const char *why)
{
  g_mutex_lock(&self->lock);
  self->over = why;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

void
gst_hysac_group_restart(GstHysacGroup *self, guint32 flush)
{
  g_mutex_lock(&self->lock);
  forget(self);
  self->axis = (GstHysacAxis){.flush = flush};
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

void
gst_hysac_group_set_segment(GstHysacGroup *self, guint32 segment)
{
  g_mutex_lock(&self->lock);
  self->axis.segment = segment;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

static gboolean
same_axis(const GstHysacAxis *a, const GstHysacAxis *b)
{
  if (a->flush == b->flush)
    return TRUE;
  return (a->flush == 0 && a->segment == b->flush) || (b->flush == 0 && b->segment == a->flush);
}

/* Lock held. Narrows @run, which passes, by the stretches; it mutes where one covers its begin. */
static void
narrow(GstHysacRun *run, GArray *stretches)
{
  /* The last stretch that begins at or before the run: from the newest, where followers are. */
  guint after = stretches->len;
  while (after > 0 && g_array_index(stretches, Stretch, after - 1).begin > run->begin)
    after--;
  const gboolean inside =
      after > 0 && g_array_index(stretches, Stretch, after - 1).end > run->begin;
  if (inside) {
    const gint64 end = g_array_index(stretches, Stretch, after - 1).end;
    run->end = run->kind == GST_HYSAC_RUN_MUTE ? MAX(run->end, end) : end;
    run->kind = GST_HYSAC_RUN_MUTE;
  } else if (after < stretches->len && run->kind == GST_HYSAC_RUN_PASS) {
    run->end = MIN(run->end, g_array_index(stretches, Stretch, after).begin);
  }
}

GstHysacRun
gst_hysac_group_look(GstHysacGroup *self, const GstHysacAxis *axis, guint follow, gint64 time)
{
  GstHysacRun run = {.kind = GST_HYSAC_RUN_PENDING, .begin = time, .end = G_MAXINT64};
  if (!self->leader) {
    run.why = "no-leader";
  } else if (!same_axis(&self->axis, axis)) {
    run.why = "other-time";
  } else if (self->known && time < self->from) {
    run.kind = GST_HYSAC_RUN_UNDECIDED;
    run.why = "before-leader";
    run.end = self->from;
  } else if (self->known && time < self->until) {
    run.kind = GST_HYSAC_RUN_PASS;
    run.end = self->until;
    for (guint i = 0; i < N_FATES; i++)
      if (follow >> i & 1)
        narrow(&run, self->redacted[i]);
    run.end = MIN(run.end, self->until); /* what reaches beyond was taken back */
    run.why = run.kind == GST_HYSAC_RUN_PASS ? "passed" : "redacted";
  } else if (self->over) {
    run.kind = GST_HYSAC_RUN_UNDECIDED;
    run.why = self->over;
  } else {
    run.led = self->begun;
    run.why = self->begun ? "deadline" : "leader-silent";
  }
  return run;
}

guint
gst_hysac_group_n_stretches(GstHysacGroup *self)
{
  g_mutex_lock(&self->lock);
  guint n = 0;
  for (guint i = 0; i < N_FATES; i++)
    n += self->redacted[i]->len;
  g_mutex_unlock(&self->lock);
  return n;
}
