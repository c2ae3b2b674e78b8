/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GLib's locks are futexes, and GStreamer counts references, inside libraries without
 * ThreadSanitizer, which therefore takes everything that they protect for a race. Preloaded in its
 * builds: the real functions, and a word to it about what they order.
 */
#include <dlfcn.h>
#include <gst/gst.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define REAL(type, name, ...)                                                                      \
  static type (*real)(__VA_ARGS__);                                                                \
  if (!__atomic_load_n(&real, __ATOMIC_ACQUIRE)) {                                                 \
    void *symbol = dlsym(RTLD_NEXT, #name);                                                        \
    __atomic_store_n((void **)&real, symbol, __ATOMIC_RELEASE);                                    \
  }

#define LOCK(type, kind, lock)                                                                     \
  void kind##_##lock(type *m)                                                      \
  {                                                                                                \
    REAL(void, kind##_##lock, type *)                                                              \
    real(m);                                                                                       \
    __tsan_acquire(m);                                                                             \
  }
#define TRYLOCK(type, kind, lock)                                                                  \
  gboolean kind##_##lock(type *m)                                                  \
  {                                                                                                \
    REAL(gboolean, kind##_##lock, type *)                                                          \
    gboolean got = real(m);                                                                        \
    if (got)                                                                                       \
      __tsan_acquire(m);                                                                           \
    return got;                                                                                    \
  }
#define UNLOCK(type, kind, unlock)                                                                 \
  void kind##_##unlock(type *m)                                                    \
  {                                                                                                \
    REAL(void, kind##_##unlock, type *)                                                            \
    __tsan_release(m);                                                                             \
    real(m);                                                                                       \
  }

LOCK(GMutex, g_mutex, lock)
TRYLOCK(GMutex, g_mutex, trylock)
UNLOCK(GMutex, g_mutex, unlock)
LOCK(GRecMutex, g_rec_mutex, lock)
TRYLOCK(GRecMutex, g_rec_mutex, trylock)
UNLOCK(GRecMutex, g_rec_mutex, unlock)
LOCK(GRWLock, g_rw_lock, writer_lock)
TRYLOCK(GRWLock, g_rw_lock, writer_trylock)
UNLOCK(GRWLock, g_rw_lock, writer_unlock)
LOCK(GRWLock, g_rw_lock, reader_lock)
TRYLOCK(GRWLock, g_rw_lock, reader_trylock)
UNLOCK(GRWLock, g_rw_lock, reader_unlock)

void
g_cond_wait(GCond *cond, GMutex *m)
{
  REAL(void, g_cond_wait, GCond *, GMutex *)
  __tsan_release(m);
  real(cond, m);
  __tsan_acquire(m);
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *m, gint64 end)
{
  REAL(gboolean, g_cond_wait_until, GCond *, GMutex *, gint64)
  __tsan_release(m);
  gboolean woken = real(cond, m, end);
  __tsan_acquire(m);
  return woken;
}

/* A queue orders what is put in before what comes out. */
void
g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
  REAL(void, g_async_queue_push, GAsyncQueue *, gpointer)
  __tsan_release(queue);
  real(queue, data);
}

#define POP(name, ...)                                                                             \
  {                                                                                                \
    gpointer data = real(__VA_ARGS__);                                                             \
    __tsan_acquire(queue);                                                                         \
    return data;                                                                                   \
  }

gpointer
g_async_queue_pop(GAsyncQueue *queue)
{
  REAL(gpointer, g_async_queue_pop, GAsyncQueue *)
  POP(g_async_queue_pop, queue)
}

gpointer
g_async_queue_try_pop(GAsyncQueue *queue)
{
  REAL(gpointer, g_async_queue_try_pop, GAsyncQueue *)
  POP(g_async_queue_try_pop, queue)
}

gpointer
g_async_queue_timeout_pop(GAsyncQueue *queue, guint64 timeout)
{
  REAL(gpointer, g_async_queue_timeout_pop, GAsyncQueue *, guint64)
  POP(g_async_queue_timeout_pop, queue, timeout)
}

/* What a thread did is before what its joiner does, and its start after its maker. */
typedef struct {
  GThreadFunc func;
  gpointer data;
} Start;

static gpointer
begin(gpointer user_data)
{
  Start start = *(Start *)user_data;
  __tsan_acquire(user_data);
  g_free(user_data);
  gpointer result = start.func(start.data);
  __tsan_release(g_thread_self());
  return result;
}

GThread *
g_thread_try_new(const gchar *name, GThreadFunc func, gpointer data, GError **error)
{
  REAL(GThread *, g_thread_try_new, const gchar *, GThreadFunc, gpointer, GError **)
  Start *start = g_new(Start, 1);
  *start = (Start){ func, data };
  __tsan_release(start);
  return real(name, begin, start, error);
}

GThread *
g_thread_new(const gchar *name, GThreadFunc func, gpointer data)
{
  return g_thread_try_new(name, func, data, NULL);
}

gpointer
g_thread_join(GThread *thread)
{
  REAL(gpointer, g_thread_join, GThread *)
  gpointer result = real(thread);
  __tsan_acquire(thread);
  return result;
}

/* Whoever lets go last frees, after what the others did. */
void
gst_mini_object_unref(GstMiniObject *object)
{
  REAL(void, gst_mini_object_unref, GstMiniObject *)
  __tsan_release(object);
  __tsan_acquire(object);
  real(object);
}
