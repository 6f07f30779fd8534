/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parsers of /proc on captured text (a server with NVMe disks, a small virtual machine, hostile names),
 * sampling of folders that look like /proc, and this machine's own. */
#include <glib/gstdio.h>
#include "silo-fixture.h"
#include "syn-builtin-fields.h"
#include "syn-host-proc.h"
#include "syn-host-sample.h"

static void
test_stat (void)
{
  static const char text[] = "cpu  4705 150 1120 16250 520 5 45 30 10 2\n"
                             "cpu0 1393280 32966 572056 13343292 6130 0 17875 0 23933 0\n"
                             "cpu11 1 2 3 4\n"
                             "cpux\n"
                             "intr 8885917 17 0 0\nctxt 22543\nbtime 1062191376\nprocs_running 1\n";
  g_autoptr (GArray) cpus = g_array_new (FALSE, FALSE, sizeof (SynHostCpu));
  const SynHostCpu *cpu;

  syn_host_parse_stat (text, cpus);
  g_assert_cmpuint (cpus->len, ==, 3);
  cpu = &g_array_index (cpus, SynHostCpu, 0);
  g_assert_cmpstr (cpu->name, ==, "all");
  g_assert_cmpuint (cpu->user, ==, 4855);
  g_assert_cmpuint (cpu->system, ==, 1120 + 5 + 45 + 30);
  g_assert_cmpuint (cpu->idle, ==, 16250);
  g_assert_cmpuint (cpu->iowait, ==, 520);
  g_assert_cmpuint (cpu->total, ==, 4705 + 150 + 1120 + 16250 + 520 + 5 + 45 + 30);
  g_assert_cmpstr (g_array_index (cpus, SynHostCpu, 1).name, ==, "0");
  cpu = &g_array_index (cpus, SynHostCpu, 2); /* a kernel of long ago: four numbers */
  g_assert_cmpstr (cpu->name, ==, "11");
  g_assert_cmpuint (cpu->total, ==, 10);
}

static void
test_meminfo (void)
{
  SynHostMemory m;

  g_assert_true (syn_host_parse_meminfo (
      "MemTotal:       16314212 kB\nMemFree:         1024000 kB\nMemAvailable:    8157106 kB\n"
      "Buffers:           10000 kB\nCached:           200000 kB\nSwapCached:           12 kB\n"
      "SReclaimable:      30000 kB\nSwapTotal:       2097148 kB\nSwapFree:        2000000 kB\n"
      "HugePages_Total:       0\nDirectMap4k:      285640 kB\n",
      &m));
  g_assert_cmpuint (m.total, ==, G_GUINT64_CONSTANT (16314212) * 1024);
  g_assert_cmpuint (m.available, ==, G_GUINT64_CONSTANT (8157106) * 1024);
  g_assert_cmpuint (m.cached, ==, 240000 * 1024);
  g_assert_cmpuint (m.swap_total, ==, G_GUINT64_CONSTANT (2097148) * 1024);
  g_assert_cmpuint (m.swap_free, ==, 2000000 * 1024);
  g_assert_cmpuint (m.swap_cached, ==, 12 * 1024);
  /* without MemAvailable */
  g_assert_true (syn_host_parse_meminfo ("MemTotal: 1000 kB\nMemFree: 300 kB\nCached: 200 kB\n", &m));
  g_assert_cmpuint (m.available, ==, 500 * 1024);
  g_assert_false (syn_host_parse_meminfo ("", &m));
  g_assert_false (syn_host_parse_meminfo ("MemTotal: lots\n", &m));
}

static void
test_diskstats (void)
{
  static const char text[] =
      "   7       0 loop0 12 0 34 5 0 0 0 0 0 8 5 0 0 0 0 0 0\n"
      " 259       0 nvme0n1 94234 21 5839204 22831 127123 84312 9023482 99231 2 104820 122063 0 0 0 0 8812 "
      "1\n"
      " 259       1 nvme0n1p1 300 0 2000 10 2 0 2 0 0 12 10 0 0 0 0 0 0\n"
      "   8       0 sda 446216 784926 9550688 4382310 424847 312726 5922052 19310380 0 3376340 23705160\n"
      "   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0\n"
      "   8       1 sda1 35486 0 38030 10 38030 1 1 1 1 1 1\n"
      " 253       1 dm-1 10 0 80 1 20 0 160 2 0 3 3\n"
      " 253      10 dm-10 11 0 80 1 20 0 160 2 0 3 3\n"
      "   1       0 ram0 5 0 0 0 5 0 0 0 0 0 0\n"
      "garbage\n   8 x sdc 1\n";
  g_autoptr (GArray) disks = g_array_new (FALSE, FALSE, sizeof (SynHostDisk));
  g_autoptr (GString) names = g_string_new (NULL);
  const SynHostDisk *disk;

  syn_host_parse_diskstats (text, disks);
  for (guint i = 0; i < disks->len; i++)
    g_string_append_printf (names, "%s ", g_array_index (disks, SynHostDisk, i).name);
  g_assert_cmpstr (names->str, ==, "nvme0n1 sda dm-1 dm-10 ");
  disk = &g_array_index (disks, SynHostDisk, 0);
  g_assert_cmpuint (disk->reads, ==, 94234);
  g_assert_cmpuint (disk->read_bytes, ==, G_GUINT64_CONSTANT (5839204) * 512);
  g_assert_cmpuint (disk->writes, ==, 127123);
  g_assert_cmpuint (disk->written_bytes, ==, G_GUINT64_CONSTANT (9023482) * 512);
  g_assert_cmpuint (disk->busy_ms, ==, 104820);
}

static void
test_net_dev (void)
{
  static const char text[] = "Inter-|   Receive                                                |  Transmit\n"
                             " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
                             "packets errs drop fifo colls carrier compressed\n"
                             "    lo: 2776770   11307    0    0    0     0          0         0  2776770   "
                             "11307    0    0    0     0       0          0\n"
                             "  eth0:1215645    2751    3    0    0     0          0         0  1782404    "
                             "4324    4    0    0   427       0          0\n"
                             "eth0:1: 5 6 0 0 0 0 0 0 7 8 0 0 0 0 0 0\n"
                             "broken: 1 2\n";
  g_autoptr (GArray) interfaces = g_array_new (FALSE, FALSE, sizeof (SynHostInterface));
  const SynHostInterface *one;

  syn_host_parse_net_dev (text, interfaces);
  g_assert_cmpuint (interfaces->len, ==, 3);
  one = &g_array_index (interfaces, SynHostInterface,
                        1); /* no space after the colon: as kernels once wrote it */
  g_assert_cmpstr (one->name, ==, "eth0");
  g_assert_cmpuint (one->rx_bytes, ==, 1215645);
  g_assert_cmpuint (one->rx_packets, ==, 2751);
  g_assert_cmpuint (one->tx_bytes, ==, 1782404);
  g_assert_cmpuint (one->tx_packets, ==, 4324);
  g_assert_cmpuint (one->errors, ==, 7);
  g_assert_cmpstr (g_array_index (interfaces, SynHostInterface, 2).name, ==, "eth0:1");
}

static void
test_load (void)
{
  double loads[3], uptime;
  guint64 running, tasks;

  g_assert_true (syn_host_parse_loadavg ("0.75 1.50 12.25 3/811 29143\n", loads, &running, &tasks));
  g_assert_cmpfloat (loads[0], ==, 0.75);
  g_assert_cmpfloat (loads[2], ==, 12.25);
  g_assert_cmpuint (running, ==, 3);
  g_assert_cmpuint (tasks, ==, 811);
  g_assert_false (syn_host_parse_loadavg ("0.75 1.50\n", loads, &running, &tasks));
  g_assert_false (syn_host_parse_loadavg ("0.75 1.50 2 3", loads, &running, &tasks));
  g_assert_true (syn_host_parse_uptime ("350735.47 234388.90\n", &uptime));
  g_assert_cmpfloat (uptime, ==, 350735.47);
  g_assert_false (syn_host_parse_uptime ("", &uptime));
}

static void
test_pid_stat (void)
{
  static const struct
  {
    const char *text;
    gboolean ok;
    gint pid;
    const char *name;
    char state;
    guint64 ticks, started, rss;
  } cases[] = {
    { "8537 (cat) R 8518 8518 4527 0 -1 4194304 100 0 0 0 12 30 0 0 20 0 1 0 147737 3133440 411 "
      "18446744073709551615 1 1 0\n",
      TRUE, 8537, "cat", 'R', 42, 147737, 411 },
    { "1 (a (b) c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 10 11 12", TRUE, 1, "a (b) c", 'S', 11, 9,
      11 },
    { "2 () Z 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 10 -1 12", TRUE, 2, "", 'Z', 11, 9, 0 },
    { "3 (\xff\x01 x) D 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 10 11 12", TRUE, 3, "\xff\x01 x", 'D',
      11, 9, 11 },
    { "3 (cut) S 0 1 1 0 -1 4194560 1 2 3 4 5", FALSE },
    { "3 (cut", FALSE },
    { ") S (", FALSE },
    { "", FALSE },
    { "0 (x) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 10 11 12", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SynHostProcess process;

      g_assert_true (syn_host_parse_pid_stat (cases[i].text, &process) == cases[i].ok);
      if (!cases[i].ok)
        continue;
      g_assert_cmpint (process.pid, ==, cases[i].pid);
      g_assert_cmpstr (process.name, ==, cases[i].name);
      g_assert_cmpint (process.state, ==, cases[i].state);
      g_assert_cmpuint (process.ticks, ==, cases[i].ticks);
      g_assert_cmpuint (process.started, ==, cases[i].started);
      g_assert_cmpuint (process.rss_pages, ==, cases[i].rss);
    }
}

/* ---- sampling ---- */

static SynSourceSpec *
host_spec (const char *table)
{
  SynSourceSpec *spec = g_new0 (SynSourceSpec, 1);
  const SynBuiltinField *fields = syn_builtin_host_fields (table, &spec->n_fields);

  spec->name = g_strdup (table);
  spec->kind = SYN_SOURCE_HOST;
  spec->host_table = g_strdup (table);
  spec->processes = 3;
  spec->fields = g_new0 (SynFieldSpec, spec->n_fields);
  for (guint i = 0; i < spec->n_fields; i++)
    {
      spec->fields[i].name = g_strdup (fields[i].name);
      spec->fields[i].type = fields[i].type;
      spec->fields[i].scale = fields[i].scale;
    }
  return spec;
}

typedef struct
{
  char *dir;
  GPtrArray *paths;
} Proc;

static Proc *
proc_new (void)
{
  Proc *self = g_new0 (Proc, 1);

  self->dir = g_dir_make_tmp ("syn-proc-XXXXXX", NULL);
  self->paths = g_ptr_array_new_with_free_func (g_free);
  return self;
}

static void
proc_put (Proc *self, const char *name, const char *text)
{
  char *path = g_build_filename (self->dir, name, NULL), *dir = g_path_get_dirname (path);

  g_mkdir_with_parents (dir, 0755);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_ptr_array_add (self->paths, path);
  g_ptr_array_add (self->paths, dir);
}

static void
proc_free (Proc *self)
{
  for (guint i = 0; i < self->paths->len; i++)
    g_remove (self->paths->pdata[i]);
  g_rmdir (self->dir);
  g_ptr_array_unref (self->paths);
  g_free (self->dir);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Proc, proc_free)

static char *
sample (SynHostSampler *sampler, gint64 monotonic_us)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynEventBatch) batch = syn_host_sampler_sample (sampler, monotonic_us, monotonic_us, &error);

  if (error != NULL)
    return g_strdup_printf ("!%s", error->message);
  return fixture_batch_to_text (batch);
}

#define S G_GINT64_CONSTANT (1000000)
#define assert_sample(sampler, time, expected)                                                               \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *sample_text = sample (sampler, time);                                                   \
    g_assert_cmpstr (sample_text, ==, expected);                                                             \
  }                                                                                                          \
  G_STMT_END

static void
test_sample_rates (void)
{
  g_autoptr (Proc) proc = proc_new ();
  g_autoptr (SynSourceSpec) cpu_spec = host_spec ("cpu"), disk_spec = host_spec ("disk"),
                            net_spec = host_spec ("network");
  g_autoptr (SynHostSampler) cpu = syn_host_sampler_new (cpu_spec, proc->dir),
                             disk = syn_host_sampler_new (disk_spec, proc->dir),
                             net = syn_host_sampler_new (net_spec, proc->dir);

  proc_put (proc, "stat", "cpu 100 0 100 800 0 0 0 0\ncpu0 100 0 100 800 0 0 0 0\n");
  proc_put (proc, "diskstats", " 8 0 sda 10 0 100 0 20 0 200 0 0 1000 0\n");
  proc_put (proc, "net/dev", "h\neth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n");
  assert_sample (cpu, 10 * S, "");
  assert_sample (disk, 10 * S, "");
  assert_sample (net, 10 * S, "");
  proc_put (proc, "stat", "cpu 150 25 125 960 40 0 0 0\ncpu0 100 0 100 800 0 0 0 0\ncpu1 9 9 9 9 9 9 9 9\n");
  proc_put (proc, "diskstats", " 8 0 sda 14 0 1124 0 30 0 204 0 0 1500 0\n 8 16 sdb 1 0 1 0 1 0 1 0 0 1 0\n");
  proc_put (proc, "net/dev", "h\neth0: 5000 50 1 0 0 0 0 0 1000 19 2 0 0 0 0 0\n");
  /* cpu0 has not moved, cpu1 is new */
  assert_sample (cpu, 12 * S,
                 "\"all\"|25|8.333333333333334|13.333333333333334|53.333333333333336|33.333333333333336|1970-"
                 "01-01T00:00:12Z\n");
  assert_sample (disk, 12 * S, "\"sda\"|262144|1024|2|5|25|1970-01-01T00:00:12Z\n");
  /* what went backwards has no rate */
  assert_sample (net, 12 * S, "\"eth0\"|2000|0|20|0|3|1970-01-01T00:00:12Z\n");
  /* the clock stood still */
  assert_sample (net, 12 * S, "");
}

static void
test_sample_levels (void)
{
  g_autoptr (Proc) proc = proc_new ();
  g_autoptr (SynSourceSpec) memory_spec = host_spec ("memory"), load_spec = host_spec ("load");
  g_autoptr (SynHostSampler) memory = syn_host_sampler_new (memory_spec, proc->dir),
                             load = syn_host_sampler_new (load_spec, proc->dir);
  g_autofree char *missing = sample (memory, 9 * S);

  g_assert_true (g_str_has_prefix (missing, "!/"));
  g_assert_true (g_str_has_suffix (missing, "/meminfo: cannot be read: No such file or directory"));
  proc_put (proc, "meminfo",
            "MemTotal: 100 kB\nMemAvailable: 40 kB\nCached: 7 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n");
  proc_put (proc, "loadavg", "0.50 0.25 0.00 2/345 9\n");
  proc_put (proc, "uptime", "77.50 1.00\n");
  assert_sample (memory, 10 * S,
                 "\"memory\"|102400|61440|40960|7168|1970-01-01T00:00:10Z\n\"swap\"|10240|6144|4096|0|1970-"
                 "01-01T00:00:10Z\n");
  assert_sample (
      load, 10 * S,
      "\"1m\"|0.5|1970-01-01T00:00:10Z\n\"5m\"|0.25|1970-01-01T00:00:10Z\n\"15m\"|0|1970-01-01T00:00:10Z\n"
      "\"tasks\"|345|1970-01-01T00:00:10Z\n\"running\"|2|1970-01-01T00:00:10Z\n\"uptime\"|77.5|1970-01-01T00:"
      "00:10Z\n");
}

#define STAT(pid, name, state, ticks, started, rss)                                                          \
  pid " (" name ") " state " 0 1 1 0 -1 4194560 1 2 3 4 " ticks " 0 7 8 20 0 1 0 " started " 10 " rss " 12"  \
      "\n"

static void
test_sample_processes (void)
{
  g_autoptr (Proc) proc = proc_new ();
  g_autoptr (SynSourceSpec) spec = host_spec ("process");
  g_autoptr (SynHostSampler) sampler = syn_host_sampler_new (spec, proc->dir);
  g_autofree char *text = NULL, *expected = NULL, *user = g_strdup (g_get_user_name ());
  gint64 page = sysconf (_SC_PAGESIZE);
  long hz = sysconf (_SC_CLK_TCK);

  g_assert_cmpint (hz, ==, 100);
  proc_put (proc, "1/stat", STAT ("1", "init", "S", "1000", "5", "10"));
  proc_put (proc, "20/stat", STAT ("20", "busy", "R", "1000", "5", "20"));
  proc_put (proc, "3/stat", STAT ("3", "gone", "S", "1000", "5", "30"));
  proc_put (proc, "meminfo", "");
  assert_sample (sampler, 10 * S, "");
  proc_put (proc, "1/stat", STAT ("1", "init", "S", "1010", "5", "10"));
  proc_put (proc, "20/stat", STAT ("20", "bu\x1bsy\xff", "R", "1300", "5", "20"));
  proc_put (proc, "3/stat", ""); /* vanished as it was looked at */
  proc_put (proc, "40/stat", STAT ("40", "new", "R", "50", "99", "1"));
  text = sample (sampler, 12 * S);
  expected = g_strdup_printf ("1|20|\"bu?sy\xef\xbf\xbd\"|\"%s\"|150|%" G_GINT64_FORMAT
                              "|\"R\"|1970-01-01T00:00:12Z\n"
                              "2|40|\"new\"|\"%s\"|25|%" G_GINT64_FORMAT "|\"R\"|1970-01-01T00:00:12Z\n"
                              "3|1|\"init\"|\"%s\"|5|%" G_GINT64_FORMAT "|\"S\"|1970-01-01T00:00:12Z\n",
                              user, 20 * page, user, page, user, 10 * page);
  g_assert_cmpstr (text, ==, expected);
  /* the same pid, but another process: not a difference; and a slot that has no one any more */
  proc_put (proc, "1/stat", STAT ("1", "again", "S", "20", "777", "10"));
  proc_put (proc, "20/stat", "");
  g_free (text);
  text = sample (sampler, 14 * S);
  g_free (expected);
  expected = g_strdup_printf ("1|1|\"again\"|\"%s\"|10|%" G_GINT64_FORMAT "|\"S\"|1970-01-01T00:00:14Z\n"
                              "2|40|\"new\"|\"%s\"|0|%" G_GINT64_FORMAT "|\"R\"|1970-01-01T00:00:14Z\n"
                              "3|-|-|-|-|-|-|1970-01-01T00:00:14Z\n",
                              user, 10 * page, user, page);
  g_assert_cmpstr (text, ==, expected);
}

/* This machine, through the source: all tables have something to say. */
static void
test_live (void)
{
  g_autoptr (Fixture) fixture = fixture_new (
      "{'sources':[{'name':'cpu','kind':'host','table':'cpu'},{'name':'memory','kind':'host','table':'memory'"
      "},"
      "{'name':'network','kind':'host','table':'network'},{'name':'disk','kind':'host','table':'disk'},"
      "{'name':'process','kind':'host','table':'process'},{'name':'load','kind':'host','table':'load'}],"
      "'projections':[{'name':'cpu','from':'cpu','key':['cpu'],'columns':{'busy':'last(busy)'}},"
      "{'name':'memory','from':'memory','key':['name'],'columns':{'used':'last(used)'}},"
      "{'name':'process','from':'process','key':['slot'],'columns':{'n':'last(name)'}},"
      "{'name':'load','from':'load','key':['name'],'columns':{'v':'last(value)'}}]}",
      "/");

  fixture_settle (fixture);
  g_assert_nonnull (strstr (fixture_applied (fixture, "memory"), "\"memory\"|"));
  g_assert_nonnull (strstr (fixture_applied (fixture, "load"), "\"15m\"|"));
  /* Real CPUs tick in hundredths of a second: as many samples as it takes, by the stepped clock. */
  for (guint i = 0; i < 100000 && strstr (fixture_applied (fixture, "cpu"), "\"all\"|") == NULL; i++)
    fixture_advance (fixture, 1000);
  g_assert_nonnull (strstr (fixture_applied (fixture, "cpu"), "\"all\"|"));
  fixture_advance (fixture, 1000);
  g_assert_true (g_str_has_prefix (fixture_applied (fixture, "process"), "1|"));
  g_assert_cmpstr (fixture->warnings->str, ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (fixture_log, NULL, NULL);
  g_test_add_func ("/source-host/stat", test_stat);
  g_test_add_func ("/source-host/meminfo", test_meminfo);
  g_test_add_func ("/source-host/diskstats", test_diskstats);
  g_test_add_func ("/source-host/net-dev", test_net_dev);
  g_test_add_func ("/source-host/load", test_load);
  g_test_add_func ("/source-host/pid-stat", test_pid_stat);
  g_test_add_func ("/source-host/sample-rates", test_sample_rates);
  g_test_add_func ("/source-host/sample-levels", test_sample_levels);
  g_test_add_func ("/source-host/sample-processes", test_sample_processes);
  g_test_add_func ("/source-host/live", test_live);
  return g_test_run ();
}
