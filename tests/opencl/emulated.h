/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernels of devices that are not at hand, on one that is: the device claims their extensions, and their program
 * is the embedded one behind a definition of the built-in functions that it calls (emulated/NAME.h). For programs
 * that are linked with --wrap=clGetDeviceInfo; before they look at devices.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Devices claim @extensions too, and sub-groups of @n sizes; NULL: their own only. Borrowed. */
void emulated_claim(const char *extensions, const gsize *sizes, gsize n);
/* "intel8", "intel16", "dot". @more: OpenCL C between the definitions and the program, nullable. FALSE for other
 * names, and where no folder can be made for the program. */
gboolean emulated_start(const char *name, const char *more);
/* Of emulated_start(): removes its folder. Nothing to do is fine. */
void emulated_stop(void);

G_END_DECLS
