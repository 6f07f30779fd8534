/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-state-private.h"

/* Reminders from the inside: see syn-reminder.c. */

G_BEGIN_DECLS

/* A wall clock may be set: no reminder sleeps for longer before it looks at it again. */
#define SYN_REMINDER_NAP_MS 3600000
/* A tick that failed comes again; the wait doubles from the first to the last, but is never longer than the period. */
#define SYN_REMINDER_RETRY_FIRST_MS 1000
#define SYN_REMINDER_RETRY_LAST_MS 600000

/* At the start, before any grain is activated: each lane reads the reminders of its partitions. */
void syn_reminders_start (SynSilo *silo);

G_END_DECLS
