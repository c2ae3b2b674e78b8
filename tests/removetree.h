/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ftw.h>
#include <stdio.h>

static inline int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  return remove(path);
}

/* A folder, or a file, and all that is in it; links are not followed. What is not there is fine. */
static inline void
remove_tree(const char *path)
{
  nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
