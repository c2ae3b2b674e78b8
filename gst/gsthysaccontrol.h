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

/* A property was set; @in_force: it is, from the next frame on. */
void gst_hysac_moderate_report_property(GstHysacModerate *self, GParamSpec *pspec,
                                        const GValue *before, const GValue *after,
                                        gboolean in_force);
/* What has ended by itself: hysac_control_take_ended(). */
void gst_hysac_moderate_report_ended(GstHysacModerate *self, guint ended);
/* What is in force when the element starts. */
void gst_hysac_moderate_report_in_force(GstHysacModerate *self);

G_END_DECLS
