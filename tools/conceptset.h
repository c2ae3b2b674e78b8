/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The concepts that a subcommand works with. */

#include "tool.h"

G_BEGIN_DECLS

/* @file's (nullable), else the model's, else those of concepts.json in its folder, with their points: computed where
 * some lack them, which opens the text encoder. *@out (transfer full) is NULL where there are none. Says what is wrong
 * and returns the exit code. For what explains: what judges takes the next. */
int tool_load_concepts(ToolSession *session, const char *command, const char *file, HysacConcepts **out);

/* For who has no session: @given's (nullable: the model's), with points computed on @device in fp32.
 * (transfer full): NULL without @error where there are none. */
HysacConcepts *tool_take_concepts(HysacModel *model, const char *device, HysacConcepts *given, GError **error);

G_END_DECLS
