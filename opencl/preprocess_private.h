/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by preprocess*.c only. */

#include "opencl/colour.h"
#include "opencl/frame_layout.h"
#include "opencl/ops_private.h"
#include "opencl/preprocess.h"
#include "opencl/preprocess_tables.h"

G_BEGIN_DECLS

typedef enum {
  HYSAC_PRE_RGB24,
  HYSAC_PRE_RGB32,
  HYSAC_PRE_PLANAR,
  HYSAC_PRE_SEMIPLANAR,
  HYSAC_PRE_PACKED,
  HYSAC_PRE_PLANAR_10,
  HYSAC_PRE_SEMIPLANAR_10,
  HYSAC_PRE_HORIZONTAL,
  HYSAC_PRE_VERTICAL,
  HYSAC_N_PRE_KERNELS
} HysacPreKernel;

typedef struct {
  cl_mem mem;
  gsize size;
} HysacPreBuffer;

/* Where a plane's bytes are for the kernels: byte (column, row) at offset + row * stride + column. */
typedef struct {
  cl_mem mem;
  cl_long2 at;
} HysacPrePlane;

struct _HysacPreprocess {
  HysacDevice *device;
  guint crop, patch, grid;
  gboolean cpu;    /* long work-items, one a group */
  gboolean upload; /* never by host pointer */
  gsize band_bytes;
  HysacTableCache cache;
  gboolean built; /* kernels; not before a frame needs them */
  cl_kernel kernels[HYSAC_N_PRE_KERNELS];
  gboolean groups[HYSAC_N_PRE_KERNELS]; /* takes 8 x 8 work-items a group */
  guint wide_rows; /* of a strip of the x86 variants; 0: never that way */
  HysacTableCache wide_cache;
  cl_kernel wide_kernels[HYSAC_N_PRE_KERNELS]; /* no HORIZONTAL; RGB32 is RGB24's */
  HysacPreBuffer staging[3], band, middle;
};

/* One frame on its way. */
typedef struct {
  HysacPreprocess *self;
  cl_command_queue queue;
  const HysacFrame *frame;
  const HysacTables *tables;
  HysacColour colour;
  gboolean by_pointer;
  HysacPrePlane planes[3];
  guint first, end; /* columns converted */
  guint pitch;      /* of the band, pixels */
} HysacPreJob;

/* The kernel that reads frames of @job's format. */
HysacPreKernel hysac_pre_kernel_of(const HysacPreJob *job);
/* What the colour kernels know of the frame. */
cl_int8 hysac_pre_site(const HysacPreJob *job);
cl_int4 hysac_pre_chroma(const HysacPreJob *job); /* columns, rows, halved across, down */

/* preprocess_planes.c: memory that the kernels use. Contents are lost where @buffer grows. */
gboolean hysac_pre_grow(HysacPreprocess *self, HysacPreBuffer *buffer, gsize size, GError **error);
/* The planes where they are; FALSE: not possible here, upload instead. */
gboolean hysac_pre_point_at_planes(HysacPreJob *job);
void hysac_pre_release_planes(HysacPreJob *job);
/* Uploads what rows @row .. @row + @rows - 1 need: the columns converted and, of chroma, one sample
 * more on each side. */
gboolean hysac_pre_upload_planes(HysacPreJob *job, guint row, guint rows, GError **error);

void hysac_pre_clear_buffers(HysacPreprocess *self);

/* preprocess_x86.c. Picks, builds and tries the variant; without one, @self->wide_rows stays 0. */
gboolean hysac_pre_wide_init(HysacPreprocess *self, GError **error);
void hysac_pre_wide_clear(HysacPreprocess *self);
/* Whether @job's frame can go that way; then its tables and columns are set. */
gboolean hysac_pre_wide_prepare(HysacPreJob *job, gboolean *can, GError **error);
gboolean hysac_pre_wide_enqueue(HysacPreJob *job, cl_mem patches, gsize offset, cl_event *read,
                                GError **error);

G_END_DECLS
