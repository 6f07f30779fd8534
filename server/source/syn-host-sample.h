/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"

/* One table of this machine's live metrics, sample by sample. Rates are differences from the sample before:
 * the first of such a table has no events. Blocking (it reads files); one thread at a time. */

G_BEGIN_DECLS

typedef struct _SynHostSampler SynHostSampler;

/* @root: "/proc", or a folder that looks like it. */
SynHostSampler *syn_host_sampler_new (const SynSourceSpec *spec, const char *root);
void syn_host_sampler_free (SynHostSampler *self);
/* The events of now; NULL without @error: none. @monotonic_us dates the counters, @real_us goes into the
 * events. */
SynEventBatch *
syn_host_sampler_sample (SynHostSampler *self, gint64 monotonic_us, gint64 real_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynHostSampler, syn_host_sampler_free)

G_END_DECLS
