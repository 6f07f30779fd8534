/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The schemas of the sources that make their own events, in one table: the catalog checks expressions against
 * it and the sources fill their batches by it, so the two cannot drift apart. Constant; any thread. */
#include "syn-builtin-fields.h"

#include <string.h>

static const SynBuiltinField simulator_fields[SYN_SIMULATOR_N_FIELDS] = {
  [SYN_SIMULATOR_SYMBOL] = { "symbol", REPLICA_TYPE_STRING, 0 },
  [SYN_SIMULATOR_VENUE] = { "venue", REPLICA_TYPE_STRING, 0 },
  [SYN_SIMULATOR_PRICE] = { "price", REPLICA_TYPE_DECIMAL, 4 },
  [SYN_SIMULATOR_SIZE] = { "size", REPLICA_TYPE_INT64, 0 },
  [SYN_SIMULATOR_SIDE] = { "side", REPLICA_TYPE_STRING, 0 },
  [SYN_SIMULATOR_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const SynBuiltinField cpu_fields[SYN_HOST_CPU_N_FIELDS] = {
  [SYN_HOST_CPU_CPU] = { "cpu", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_CPU_USER] = { "user", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_CPU_SYSTEM] = { "system", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_CPU_IOWAIT] = { "iowait", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_CPU_IDLE] = { "idle", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_CPU_BUSY] = { "busy", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_CPU_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const SynBuiltinField memory_fields[SYN_HOST_MEMORY_N_FIELDS] = {
  [SYN_HOST_MEMORY_NAME] = { "name", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_MEMORY_TOTAL] = { "total", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_MEMORY_USED] = { "used", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_MEMORY_AVAILABLE] = { "available", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_MEMORY_CACHED] = { "cached", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_MEMORY_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const SynBuiltinField disk_fields[SYN_HOST_DISK_N_FIELDS] = {
  [SYN_HOST_DISK_DEVICE] = { "device", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_DISK_READ_BYTES] = { "read_bytes", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_DISK_WRITTEN_BYTES] = { "written_bytes", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_DISK_READS] = { "reads", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_DISK_WRITES] = { "writes", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_DISK_BUSY] = { "busy", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_DISK_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const SynBuiltinField network_fields[SYN_HOST_NETWORK_N_FIELDS] = {
  [SYN_HOST_NETWORK_INTERFACE] = { "interface", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_NETWORK_RX_BYTES] = { "rx_bytes", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_NETWORK_TX_BYTES] = { "tx_bytes", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_NETWORK_RX_PACKETS] = { "rx_packets", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_NETWORK_TX_PACKETS] = { "tx_packets", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_NETWORK_ERRORS] = { "errors", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_NETWORK_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const SynBuiltinField process_fields[SYN_HOST_PROCESS_N_FIELDS] = {
  [SYN_HOST_PROCESS_SLOT] = { "slot", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_PROCESS_PID] = { "pid", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_PROCESS_NAME] = { "name", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_PROCESS_USER] = { "user", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_PROCESS_CPU] = { "cpu", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_PROCESS_MEMORY] = { "memory", REPLICA_TYPE_INT64, 0 },
  [SYN_HOST_PROCESS_STATE] = { "state", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_PROCESS_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const SynBuiltinField load_fields[SYN_HOST_LOAD_N_FIELDS] = {
  [SYN_HOST_LOAD_NAME] = { "name", REPLICA_TYPE_STRING, 0 },
  [SYN_HOST_LOAD_VALUE] = { "value", REPLICA_TYPE_DOUBLE, 0 },
  [SYN_HOST_LOAD_TIME] = { "time", REPLICA_TYPE_TIMESTAMP, 0 },
};

static const char *const host_tables[] = { "cpu", "memory", "disk", "network", "process", "load", NULL };

static const struct {
  const SynBuiltinField *fields;
  guint n_fields;
} host_fields[] = {
  { cpu_fields, G_N_ELEMENTS (cpu_fields) },         { memory_fields, G_N_ELEMENTS (memory_fields) },
  { disk_fields, G_N_ELEMENTS (disk_fields) },       { network_fields, G_N_ELEMENTS (network_fields) },
  { process_fields, G_N_ELEMENTS (process_fields) }, { load_fields, G_N_ELEMENTS (load_fields) },
};

const SynBuiltinField *
syn_builtin_simulator_fields (guint *n_fields)
{
  *n_fields = G_N_ELEMENTS (simulator_fields);
  return simulator_fields;
}

const SynBuiltinField *
syn_builtin_host_fields (const char *table, guint *n_fields)
{
  for (guint i = 0; host_tables[i] != NULL; i++)
    if (strcmp (host_tables[i], table) == 0)
      {
        *n_fields = host_fields[i].n_fields;
        return host_fields[i].fields;
      }
  *n_fields = 0;
  return NULL;
}

const char *const *
syn_builtin_host_tables (void)
{
  return host_tables;
}
