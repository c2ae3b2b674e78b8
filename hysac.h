/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one header of libhysac-1.0. */

#include <core/error.h>
#include <core/lorentz.h>
#include <core/safetensors.h>
#include <core/region.h>
#include <core/profile.h>
#include <core/concepts.h>
#include <core/head.h>
#include <core/redirect.h>
#include <core/traverse.h>
#include <core/model.h>
#include <core/index.h>
#include <core/search.h>
#include <core/policy.h>
#include <core/policyset.h>
#include <core/policyfile.h>
#include <core/rating.h>
#include <core/flicker.h>
#include <core/control.h>
#include <core/report.h>
#include <core/audit.h>
#include <core/segments.h>
#include <core/segmentlog.h>
#include <core/timecode.h>
#include <core/tokenizer.h>
#include <core/webvtt.h>
#include <core/edl.h>
#include <core/alarms.h>
#include <core/measures.h>
#include <core/headfit.h>
#include <core/logistic.h>
#include <core/safetensors_write.h>
#include <core/statistics.h>
#include <core/remedy.h>
#include <core/resolve.h>
#include <opencl/device.h>
#include <opencl/frame.h>
#include <opencl/engine.h>
#include <opencl/shown.h>
#include <opencl/textencoder.h>
#include <opencl/conceptpoints.h>
#include <opencl/indexspace.h>
