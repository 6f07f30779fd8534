/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

/* The fields of the sources that make their own events: the simulator and the tables of this machine's live metrics. They
 * are fixed, so a catalog may leave "fields" out for them; the sources fill their batches by these indexes. */

G_BEGIN_DECLS

typedef struct {
  const char *name;
  ReplicaType type;
  guint8 scale;
} SynBuiltinField;

enum {
  SYN_SIMULATOR_SYMBOL, SYN_SIMULATOR_VENUE, SYN_SIMULATOR_PRICE, SYN_SIMULATOR_SIZE, SYN_SIMULATOR_SIDE,
  SYN_SIMULATOR_TIME, SYN_SIMULATOR_N_FIELDS,
};
/* One event a CPU ("cpu" is "all", "0", "1", …); shares of the interval in percent. */
enum {
  SYN_HOST_CPU_CPU, SYN_HOST_CPU_USER, SYN_HOST_CPU_SYSTEM, SYN_HOST_CPU_IOWAIT, SYN_HOST_CPU_IDLE, SYN_HOST_CPU_BUSY,
  SYN_HOST_CPU_TIME, SYN_HOST_CPU_N_FIELDS,
};
/* "memory" and "swap"; bytes. */
enum {
  SYN_HOST_MEMORY_NAME, SYN_HOST_MEMORY_TOTAL, SYN_HOST_MEMORY_USED, SYN_HOST_MEMORY_AVAILABLE, SYN_HOST_MEMORY_CACHED,
  SYN_HOST_MEMORY_TIME, SYN_HOST_MEMORY_N_FIELDS,
};
/* One a device; bytes and operations per second, busy in percent. */
enum {
  SYN_HOST_DISK_DEVICE, SYN_HOST_DISK_READ_BYTES, SYN_HOST_DISK_WRITTEN_BYTES, SYN_HOST_DISK_READS, SYN_HOST_DISK_WRITES,
  SYN_HOST_DISK_BUSY, SYN_HOST_DISK_TIME, SYN_HOST_DISK_N_FIELDS,
};
/* One an interface; bytes and packets per second, errors since boot. */
enum {
  SYN_HOST_NETWORK_INTERFACE, SYN_HOST_NETWORK_RX_BYTES, SYN_HOST_NETWORK_TX_BYTES, SYN_HOST_NETWORK_RX_PACKETS,
  SYN_HOST_NETWORK_TX_PACKETS, SYN_HOST_NETWORK_ERRORS, SYN_HOST_NETWORK_TIME, SYN_HOST_NETWORK_N_FIELDS,
};
/* The busiest processes, slot 1 the busiest; cpu in percent of one CPU, memory resident in bytes. */
enum {
  SYN_HOST_PROCESS_SLOT, SYN_HOST_PROCESS_PID, SYN_HOST_PROCESS_NAME, SYN_HOST_PROCESS_USER, SYN_HOST_PROCESS_CPU,
  SYN_HOST_PROCESS_MEMORY, SYN_HOST_PROCESS_STATE, SYN_HOST_PROCESS_TIME, SYN_HOST_PROCESS_N_FIELDS,
};
/* "1m", "5m", "15m", "tasks", "running", "uptime" (seconds). */
enum { SYN_HOST_LOAD_NAME, SYN_HOST_LOAD_VALUE, SYN_HOST_LOAD_TIME, SYN_HOST_LOAD_N_FIELDS };

/* The simulator's fields, SYN_SIMULATOR_N_FIELDS of them, in the order of the enumeration. */
const SynBuiltinField *syn_builtin_simulator_fields (guint *n_fields);
/* The fields of a host table, in the order of its enumeration; NULL when there is no such table. */
const SynBuiltinField *syn_builtin_host_fields (const char *table, guint *n_fields);
/* NULL-terminated: "cpu", "memory", "disk", "network", "process", "load". */
const char *const *syn_builtin_host_tables (void);

G_END_DECLS
