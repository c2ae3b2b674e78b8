/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/index.h"

/* The index's file, for its reader, its writer and the search. Internal: not installed. */

G_BEGIN_DECLS

#define HYSAC_INDEX_MAGIC "HYSACIDX"
#define HYSAC_INDEX_VERSION 2
#define HYSAC_INDEX_ENDIAN 0x01020304u
#define HYSAC_INDEX_PAGE 4096
/* Points are screened so many at a time; codes and bounds are filled up with empty ones. */
#define HYSAC_INDEX_GROUP 16
/*
 * Codes have six bits. A row is of blocks of 96 bytes for 128 dimensions each: the low six bits of a block's byte i
 * are the code of its dimension i; the high two bits of bytes j, 32 + j and 64 + j, the first the highest, are that of
 * dimension 96 + j. So three registers of 32 bytes become four of codes, in order, by few operations. Dimensions behind
 * the last are HYSAC_INDEX_ZERO, which means 0.
 */
#define HYSAC_INDEX_PART 32
#define HYSAC_INDEX_BLOCK (4 * HYSAC_INDEX_PART)      /* dimensions */
#define HYSAC_INDEX_BLOCK_BYTES (3 * HYSAC_INDEX_PART)
#define HYSAC_INDEX_ZERO 32
#define HYSAC_INDEX_LEVELS 31 /* the same number on both sides of it */
#define HYSAC_INDEX_MAX_NAME 65535

/* Each starts on a page of its own, in this order. */
typedef enum {
  HYSAC_INDEX_POINTS, /* n * dim floats */
  HYSAC_INDEX_MEAN,   /* dim floats: what is taken off the points before they are quantized */
  HYSAC_INDEX_TIMES,  /* n doubles: time(x) as hysac_lorentz_time() has it */
  HYSAC_INDEX_CODES,  /* n, filled up, rows of codes */
  HYSAC_INDEX_BOUNDS, /* n / GROUP, filled up, HysacIndexBounds */
  HYSAC_INDEX_IDS,    /* n HysacIndexRecord */
  HYSAC_INDEX_NAMES,  /* each ends with a zero */
  HYSAC_INDEX_N_SECTIONS,
} HysacIndexSection;

typedef struct {
  guint64 offset, bytes, checksum; /* hysac_sum64() */
} HysacIndexExtent;

typedef struct {
  char magic[8];
  guint32 endian, version;
  guint8 sha256[32]; /* of the page, with zeros here */
  guint8 weights[32];
  guint32 precision; /* HysacPrecision */
  guint32 dim;
  guint64 n;
  double curvature, alpha;
  guint64 file_bytes;
  HysacIndexExtent sections[HYSAC_INDEX_N_SECTIONS];
} HysacIndexHeader;
G_STATIC_ASSERT(sizeof(HysacIndexHeader) <= HYSAC_INDEX_PAGE);

/* What is known of GROUP points: x = mean + scale * (code - HYSAC_INDEX_ZERO) + e with |e| <= error. */
typedef struct {
  float scale[HYSAC_INDEX_GROUP];
  float time[HYSAC_INDEX_GROUP];  /* time(x), rounded to nearest */
  float error[HYSAC_INDEX_GROUP]; /* at least |e| */
  float norm[HYSAC_INDEX_GROUP];  /* at least scale * |code - HYSAC_INDEX_ZERO| */
} HysacIndexBounds;

typedef struct {
  guint64 name;
  guint32 length;
  guint32 last; /* 1: of its file, which has been read to its end; else 0 */
  gint64 time;
} HysacIndexRecord;

/* Bytes of a row of codes, and how many codes that are. */
gsize hysac_index_stride(guint dim);
gsize hysac_index_width(guint dim);
#define HYSAC_INDEX_MAX_WIDTH HYSAC_INDEX_MAX_DIM /* which is a multiple of HYSAC_INDEX_BLOCK */
/* @codes: width bytes, of six bits each. */
void hysac_index_pack(const guint8 *codes, guint dim, guint8 *row);
void hysac_index_unpack(const guint8 *row, guint dim, guint8 *codes);
/* Offsets and sizes of all sections, and of the file, by dim and n; checksums are left alone. FALSE where there is
 * no such file. */
gboolean hysac_index_lay_out(HysacIndexHeader *header, guint64 name_bytes);
void hysac_index_digest(const guint8 page[HYSAC_INDEX_PAGE], guint8 digest[32]);
/* Whether a space makes sense; says what does not. */
gboolean hysac_index_space_check(const HysacIndexSpace *space, const char *name, HysacError code, GError **error);

/* Quantizes a point: @row of stride bytes, and place @slot of @bounds. */
void hysac_index_quantize(const float *point, const float *mean, guint dim, double time, guint8 *row,
                          HysacIndexBounds *bounds, guint slot);
/* Whether @row and its bounds do hold for the point. */
gboolean hysac_index_certified(const float *point, const float *mean, guint dim, double time, const guint8 *row,
                               const HysacIndexBounds *bounds, guint slot);

/* What the search reads; all of it lies in the mapping. */
typedef struct {
  guint n, dim;
  gsize stride, width; /* of a row: bytes, codes */
  double curvature;
  const float *points, *mean;
  const double *times;
  const guint8 *codes;
  const HysacIndexBounds *bounds;
} HysacIndexView;
void hysac_index_view(HysacIndex *self, HysacIndexView *view);
/* Whether a point is of its time, and no farther from what its codes say than its bounds allow: quicker than
 * hysac_index_certified(), for searches. */
gboolean hysac_index_holds(const HysacIndexView *view, guint point);

G_END_DECLS
