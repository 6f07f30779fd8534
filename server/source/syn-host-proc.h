/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The text of /proc as numbers: pure functions of NUL-terminated text (proc(5)). What cannot be read is left
 * out. */

G_BEGIN_DECLS

typedef struct
{
  char name[16]; /* "all", "0", "1", … */
  guint64 user, system, idle, iowait,
      total; /* ticks since boot; nice is user; irq, softirq, steal are system */
} SynHostCpu;

typedef struct
{
  guint64 total, available, free,
      cached; /* bytes; cached as free(1) has it: buffers, page cache, reclaimable slabs */
  guint64 swap_total, swap_free, swap_cached;
} SynHostMemory;

typedef struct
{
  char name[32];
  guint64 reads, writes, read_bytes, written_bytes, busy_ms; /* since boot */
} SynHostDisk;

typedef struct
{
  char name[32];
  guint64 rx_bytes, tx_bytes, rx_packets, tx_packets, errors; /* since boot; errors of both directions */
} SynHostInterface;

typedef struct
{
  gint pid;
  char name[64]; /* as the kernel has it: any bytes */
  char state;
  guint64 ticks;   /* user and system, since it started */
  guint64 started; /* ticks after boot: with the pid, who it is */
  guint64 rss_pages;
} SynHostProcess;

/* GArrays of the structs above, appended to. */
void syn_host_parse_stat (const char *text, GArray *cpus);
gboolean syn_host_parse_meminfo (const char *text, SynHostMemory *memory);
/* Whole disks that have ever done anything: no partitions, loop devices or RAM disks. */
void syn_host_parse_diskstats (const char *text, GArray *disks);
void syn_host_parse_net_dev (const char *text, GArray *interfaces);
gboolean syn_host_parse_loadavg (const char *text, double loads[3], guint64 *running, guint64 *tasks);
gboolean syn_host_parse_uptime (const char *text, double *seconds);
gboolean syn_host_parse_pid_stat (const char *text, SynHostProcess *process);

G_END_DECLS
