/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "opencl/textwindow.h"

static gsize
stride_of(gsize room)
{
  return room - room / 3;
}

gsize
hysac_text_windows(gsize content, guint context)
{
  const gsize room = context - 2;
  return content <= room ? 1 : 1 + (content - room + stride_of(room) - 1) / stride_of(room);
}

void
hysac_text_window(gsize content, guint context, gsize i, gsize *first, gsize *n)
{
  const gsize room = context - 2;
  *n = MIN(content, room);
  *first = MIN(i * stride_of(room), content - *n);
}
