/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * slow-link: an IP link of a given rate and delay between the network namespace that it is started in, where loopback must be down, and a new one of
 * its own: who connects to 127.0.0.1 here is answered by the server that listens on loopback there. Needs root and /dev/net/tun; no kernel module.
 *
 *   slow-link RATE_KBIT DELAY_MS       (0: no limit; the delay is each way)
 *
 * Says `ready` when it stands; a server joins by `nsenter --net=/proc/PID/ns/net`. A line `RATE_KBIT DELAY_MS` on standard input changes the link; its
 * end ends it. Packets leave in order, none is lost, and what does not fit the 2048 that may wait is dropped, as at a router.
 *
 * One thread. Loopback addresses, because a server without TLS listens on no others.
 * Rejected: netem (few kernels that tests run in have it, and one that is emulated for it is slower than the links it would show). */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define LOCALNET " && echo 1 > /proc/sys/net/ipv4/conf/slow0/route_localnet"

enum { MAX_WAITING = 2048, MTU = 1500 };

typedef struct
{
  int64_t due_ns;
  size_t n_bytes;
  unsigned char bytes[MTU];
} Packet;

/* One direction. */
typedef struct
{
  int from, to;
  int64_t free_ns; /* when the last bit of what was taken in has been sent */
  unsigned head, tail;
  Packet waiting[MAX_WAITING];
} Way;

static Way ways[2];
static double rate_bytes_per_ns;
static int64_t delay_ns;

static int64_t
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void
fail (const char *what)
{
  fprintf (stderr, "slow-link: %s: %s\n", what, strerror (errno));
  exit (1);
}

/* A TUN device in the namespace that this thread is in. */
static int
open_device (const char *setup)
{
  struct ifreq request = { .ifr_name = "slow0", .ifr_flags = IFF_TUN | IFF_NO_PI };
  int fd = open ("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0)
    fail ("/dev/net/tun");
  if (ioctl (fd, TUNSETIFF, &request) < 0)
    fail ("TUNSETIFF");
  if (system (setup) != 0)
    {
      fprintf (stderr, "slow-link: cannot set the device up: %s\n", setup);
      exit (1);
    }
  return fd;
}

static void
take_in (Way *way)
{
  for (;;)
    {
      static Packet dropped;
      bool is_full = way->tail - way->head == MAX_WAITING;
      Packet *packet = is_full ? &dropped : &way->waiting[way->tail % MAX_WAITING];
      ssize_t n = read (way->from, packet->bytes, MTU);
      int64_t now;

      if (n <= 0)
        return;
      packet->n_bytes = (size_t) n;
      if (is_full || packet->bytes[0] >> 4 != 4) /* only IPv4 has anything to do here */
        continue;
      now = now_ns ();
      way->free_ns = way->free_ns > now ? way->free_ns : now;
      if (rate_bytes_per_ns > 0)
        way->free_ns += (int64_t) ((double) n / rate_bytes_per_ns);
      packet->due_ns = way->free_ns + delay_ns;
      way->tail++;
    }
}

/* When the next one is due; -1: none waits. */
static int64_t
hand_out (Way *way)
{
  while (way->head != way->tail)
    {
      Packet *packet = &way->waiting[way->head % MAX_WAITING];

      if (packet->due_ns > now_ns ())
        return packet->due_ns;
      if (write (way->to, packet->bytes, packet->n_bytes) < 0 && errno != EAGAIN)
        fail ("write");
      way->head++;
    }
  return -1;
}

static void
set_link (double rate_kbit, double delay_ms)
{
  rate_bytes_per_ns = rate_kbit * 1000 / 8 / 1e9;
  delay_ns = (int64_t) (delay_ms * 1e6);
}

static void
read_command (void)
{
  char line[100], *end;
  ssize_t n = read (STDIN_FILENO, line, sizeof line - 1);
  double rate_kbit;

  if (n <= 0)
    exit (0);
  line[n] = '\0';
  rate_kbit = strtod (line, &end);
  set_link (rate_kbit, strtod (end, NULL));
}

int
main (int argc, char **argv)
{
  int near_fd, far_fd;

  if (argc != 3)
    {
      fputs ("slow-link RATE_KBIT DELAY_MS\n", stderr);
      return 2;
    }
  set_link (strtod (argv[1], NULL), strtod (argv[2], NULL));
  near_fd = open_device ("ip addr add 10.9.0.1/32 dev slow0 && ip link set slow0 up txqueuelen 2000" LOCALNET
                         " && ip route add 127.0.0.0/8 dev slow0 src 10.9.0.1");
  if (unshare (CLONE_NEWNET) < 0)
    fail ("unshare");
  far_fd = open_device ("ip link set lo up && ip addr add 10.9.0.2 peer 10.9.0.1 dev slow0 && ip link set slow0 up txqueuelen 2000" LOCALNET);
  ways[0] = (Way){ .from = near_fd, .to = far_fd };
  ways[1] = (Way){ .from = far_fd, .to = near_fd };
  prctl (PR_SET_TIMERSLACK, 1UL);
  puts ("ready");
  fflush (stdout);
  for (;;)
    {
      struct pollfd fds[3] = { { near_fd, POLLIN, 0 }, { far_fd, POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
      struct timespec wait;
      int64_t due_ns = -1;

      for (int i = 0; i < 2; i++)
        {
          int64_t due = hand_out (&ways[i]);

          if (due >= 0 && (due_ns < 0 || due < due_ns))
            due_ns = due;
        }
      if (due_ns >= 0)
        {
          int64_t left_ns = due_ns - now_ns ();

          left_ns = left_ns > 0 ? left_ns : 0;
          wait = (struct timespec){ left_ns / 1000000000, left_ns % 1000000000 };
        }
      if (ppoll (fds, 3, due_ns >= 0 ? &wait : NULL, NULL) > 0 && fds[2].revents != 0)
        read_command ();
      for (int i = 0; i < 2; i++)
        take_in (&ways[i]);
    }
}
