/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"

/* The filters that every server has around the requests of its grains. Added when all types are registered, before the silo starts. */

G_BEGIN_DECLS

/* Counts, per type: `grain_requests_total`, `grain_request_errors_total`, `grain_turn_us_total`; and `slow_turns_total`. */
void syn_silo_add_metrics_filter (SynSilo *silo);
/* Says each request that ends, with what it took and what it failed with, as a debug message of SYN_REQUEST_LOG_DOMAIN; adds nothing when
 * those are not asked for (G_MESSAGES_DEBUG). */
void syn_silo_add_log_filter (SynSilo *silo);

#define SYN_REQUEST_LOG_DOMAIN "syn-requests"

G_END_DECLS
