/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gst/gsthysacprivate.h"

/* What a moderator does while it plays, and the record of it: docs/element.md, "Control". */

G_BEGIN_DECLS

/* The action signals. */
void gst_hysac_install_control(GstHysacModerateClass *klass);

/* The property "control"; no lock held. */
GstStructure *gst_hysac_moderate_control(GstHysacModerate *self);

/* A human decision in place of the one on a frame that leaves; @outcome is the model's before. */
void gst_hysac_human_decides(HysacControlState human, HysacDecision *decision,
                             GstHysacOutcome *outcome);

/* The record, of any thread, no lock held: an element message and a line in the log with the same
 * fields. Everything that says who changed what goes through here. Takes @act. */
void gst_hysac_moderate_report_control(GstHysacModerate *self, GstStructure *act);
/* A property was set; @in_force: it is, from the next frame on. */
void gst_hysac_moderate_report_property(GstHysacModerate *self, GParamSpec *pspec,
                                        const GValue *before, const GValue *after,
                                        gboolean in_force);
/* What has ended by itself: hysac_control_take_ended(). */
void gst_hysac_moderate_report_ended(GstHysacModerate *self, guint ended);
/* What is in force when the element starts. */
void gst_hysac_moderate_report_in_force(GstHysacModerate *self);

/* One line of @type with the structure's fields in the verdict log and in the audit log, where they
 * are. */
void gst_hysac_moderate_log_structure(GstHysacModerate *self, const char *type,
                                      const GstStructure *structure);

G_END_DECLS
