/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/region.h"

/*
 * An index: points of pictures and frames in one file, with their names and what screens them (core/search.h).
 * The file is mapped, not read: opening a large one costs nothing, and processes share its pages. Format:
 * docs/search.md. Nothing in it is trusted: header, sizes and offsets are checked when it is opened, a name when
 * it is asked for, every byte by hysac_index_verify(). A file that another process shortens while it is mapped
 * raises SIGBUS; the writer here never does that, it puts a new file in the old one's place.
 * Thread-safety: an index is immutable, any thread may read; a writer is one thread's.
 */

G_BEGIN_DECLS

#define HYSAC_INDEX_MAX_DIM 16384
#define HYSAC_INDEX_MAX_POINTS 4294967280u
/* Points of a larger norm are refused; the exponential map ends at 2^15 / sqrt(c). */
#define HYSAC_INDEX_MAX_NORM 1e15

/* Which space the points lie in: those of two indexes, or of an index and a query, may be compared only where all
 * of it is the same. */
typedef struct {
  guint8 weights[32]; /* SHA-256 of the model's weights */
  HysacPrecision precision;
  guint dim;        /* 1..HYSAC_INDEX_MAX_DIM */
  double curvature; /* c, in [1e-9, 1e9] */
  double alpha;     /* that the encoder's features were scaled by */
} HysacIndexSpace;

/* FALSE and @error (MODEL) where they differ: by hash and number. @a and @b are called @name_a and @name_b. */
HYSAC_API gboolean hysac_index_space_equal(const HysacIndexSpace *a, const char *name_a,
                                           const HysacIndexSpace *b, const char *name_b, GError **error);

/* Where a point is from. */
typedef struct {
  const char *path; /* as it was added: bytes of a file name, not necessarily UTF-8 */
  gint64 time;      /* of the frame, ns of stream time; -1 for a picture */
  gboolean last;    /* of its file, which was read to its end */
} HysacIndexId;

typedef struct _HysacIndex HysacIndex;

/* Maps @path. NULL and @error (IO, FORMAT, UNSUPPORTED) on failure. */
HYSAC_API HysacIndex *hysac_index_open(const char *path, GError **error);
HYSAC_API HysacIndex *hysac_index_ref(HysacIndex *self);
HYSAC_API void hysac_index_unref(HysacIndex *self); /* NULL is fine */

HYSAC_API const HysacIndexSpace *hysac_index_get_space(HysacIndex *self); /* borrowed */
HYSAC_API guint hysac_index_get_n_points(HysacIndex *self);
/* dim floats; borrowed. @i is below the number of points. */
HYSAC_API const float *hysac_index_get_point(HysacIndex *self, guint i);
/* FALSE and @error (FORMAT) where the file has no good one. @id's path is borrowed. */
HYSAC_API gboolean hysac_index_get_id(HysacIndex *self, guint i, HysacIndexId *id, GError **error);

/* Reads everything and checks it: sums, names, and that what screens a point does bound its error. FALSE and
 * @error (FORMAT). Seconds for a large file. */
HYSAC_API gboolean hysac_index_verify(HysacIndex *self, GError **error);

/* The sums of all but the points, about a sixth of the file, which each search reads anyway. The points that a search
 * computes again it checks itself (core/search.h): the rest of them do not matter to it. FALSE and @error (FORMAT). */
HYSAC_API gboolean hysac_index_verify_screen(HysacIndex *self, GError **error);

typedef struct _HysacIndexWriter HysacIndexWriter;

/* A new file beside @path; @path itself is replaced by hysac_index_writer_finish(), as a whole or not at all.
 * NULL and @error (IO, ARGUMENT). */
HYSAC_API HysacIndexWriter *hysac_index_writer_new(const char *path, const HysacIndexSpace *space,
                                                   GError **error);
/* Adds a point of dim floats, copied. FALSE and @error: ARGUMENT for one that is not finite or too large, or a
 * name that is empty or longer than 65535 bytes: nothing was added, the next one may be; IO: do not go on. */
HYSAC_API gboolean hysac_index_writer_add(HysacIndexWriter *self, const char *path, gint64 time,
                                          const float *point, GError **error);
/* The point that was added last is the last of its file, which has been read to its end. */
HYSAC_API void hysac_index_writer_end_file(HysacIndexWriter *self);
/* Adds all points of @from, in order, once that has been verified. FALSE and @error (also MODEL where the space is
 * another, FORMAT where it is damaged). */
HYSAC_API gboolean hysac_index_writer_add_all(HysacIndexWriter *self, HysacIndex *from, GError **error);
HYSAC_API guint hysac_index_writer_get_n_points(HysacIndexWriter *self);
/* Takes @self. FALSE and @error (IO): what was at the path is still there, as it was. */
HYSAC_API gboolean hysac_index_writer_finish(HysacIndexWriter *self, GError **error);
/* Drops all that was added. NULL is fine. */
HYSAC_API void hysac_index_writer_free(HysacIndexWriter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacIndex, hysac_index_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacIndexWriter, hysac_index_writer_free)

G_END_DECLS
