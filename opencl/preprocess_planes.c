/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the device gets at a frame's planes. */

#include "opencl/preprocess_private.h"

gboolean
hysac_pre_grow(HysacPreprocess *self, HysacPreBuffer *buffer, gsize size, GError **error)
{
  cl_int code;

  if (buffer->size >= size)
    return TRUE;
  if (buffer->mem)
    clReleaseMemObject(buffer->mem);
  buffer->size = 0;
  buffer->mem = clCreateBuffer(hysac_device_context(self->device), CL_MEM_READ_WRITE, size, NULL,
                               &code);
  if (code != CL_SUCCESS)
    buffer->mem = NULL;
  else
    buffer->size = size;
  return HYSAC_CL(code, "clCreateBuffer", error);
}

void
hysac_pre_clear_buffers(HysacPreprocess *self)
{
  HysacPreBuffer *buffers[] = { &self->staging[0], &self->staging[1], &self->staging[2], &self->band,
                                &self->middle };

  for (guint i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if (buffers[i]->mem)
      clReleaseMemObject(buffers[i]->mem);
    *buffers[i] = (HysacPreBuffer){ 0 };
  }
}

/*
 * Planes by pointer: where the device shares the host's memory. A CPU device takes any address; other
 * drivers copy behind our back unless address and size are whole pages, so they get what they need
 * of the planes by upload instead.
 */
static gboolean
can_point(HysacPreJob *job, guint plane, gsize size)
{
  const HysacDeviceLimits *limits = hysac_device_limits(job->self->device);
  const gsize page = 4096;

  if (job->self->upload || !limits->host_unified || size > limits->max_alloc)
    return FALSE;
  return limits->host_cpu ||
         ((gsize)job->frame->planes[plane] % MAX(page, limits->mem_align) == 0 && size % page == 0);
}

void
hysac_pre_release_planes(HysacPreJob *job)
{
  for (guint i = 0; job->by_pointer && i < 3; i++) {
    if (job->planes[i].mem)
      clReleaseMemObject(job->planes[i].mem);
    job->planes[i].mem = NULL;
  }
  job->by_pointer = FALSE;
}

gboolean
hysac_pre_point_at_planes(HysacPreJob *job)
{
  const HysacFrame *f = job->frame;

  job->by_pointer = TRUE;
  for (guint i = 0; i < hysac_format_n_planes(f->format); i++) {
    gsize size = f->strides[i] * (hysac_format_plane_rows(f->format, i, f->height) - 1) +
                 hysac_format_plane_row_bytes(f->format, i, f->width);
    cl_int code;

    if (!can_point(job, i, size)) {
      hysac_pre_release_planes(job);
      return FALSE;
    }
    job->planes[i].mem = clCreateBuffer(hysac_device_context(job->self->device),
                                        CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR, size,
                                        (gpointer)f->planes[i], &code);
    if (code != CL_SUCCESS) {
      job->planes[i].mem = NULL;
      hysac_pre_release_planes(job);
      return FALSE;
    }
    job->planes[i].at = (cl_long2){ { 0, (cl_long)f->strides[i] } };
  }
  return TRUE;
}

gboolean
hysac_pre_upload_planes(HysacPreJob *job, guint row, guint rows, GError **error)
{
  const HysacFrame *f = job->frame;

  for (guint i = 0; i < hysac_format_n_planes(f->format); i++) {
    HysacPreBuffer *buffer = &job->self->staging[i];
    const HysacPlaneLayout *p = &hysac_format_layout(f->format)->planes[i];
    gsize x0 = job->first, x1 = job->end, y0 = row, y1 = row + rows;
    const gsize origin[3] = { 0, 0, 0 };
    gsize host[3], region[3];
    cl_int code;

    if (p->h) {
      x0 = MAX(x0 / 2, 1) - 1;
      x1 = MIN((x1 + 1) / 2 + 1, hysac_layout_side(1, f->width));
    }
    if (p->v) {
      y0 = MAX(y0 / 2, 1) - 1;
      y1 = MIN((y1 + 1) / 2 + 1, hysac_layout_side(1, f->height));
    }
    host[0] = x0 * p->bytes, host[1] = y0, host[2] = 0;
    region[0] = (x1 - x0) * p->bytes, region[1] = y1 - y0, region[2] = 1;
    if (!hysac_pre_grow(job->self, buffer, region[0] * region[1], error))
      return FALSE;
    /* A single row may claim any stride: the driver need not see it. */
    code = clEnqueueWriteBufferRect(job->queue, buffer->mem, CL_FALSE, origin, host, region,
                                    region[0], 0, y1 > 1 ? f->strides[i] : host[0] + region[0], 0,
                                    f->planes[i], 0, NULL, NULL);
    if (!HYSAC_CL(code, "clEnqueueWriteBufferRect", error))
      return FALSE;
    job->planes[i].mem = buffer->mem;
    job->planes[i].at = (cl_long2){ { -(cl_long)(y0 * region[0] + host[0]), (cl_long)region[0] } };
  }
  return TRUE;
}
