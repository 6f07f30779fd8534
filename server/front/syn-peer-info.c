/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses and TCP's own measurements of a connection. The kernel keeps a rate of delivery and a round-trip time for each
 * connection anyway: measuring them here too, on the path of every send, would cost time to know them worse. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-peer-info.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* its tcp_info has more than that of netinet/tcp.h */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void
read_address (int fd, SynPeerInfo *info)
{
  union
  {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
  } address;
  socklen_t length = sizeof address;
  char text[INET6_ADDRSTRLEN];

  if (getpeername (fd, &address.any, &length) < 0)
    return;
  if (address.any.sa_family == AF_INET && inet_ntop (AF_INET, &address.v4.sin_addr, text, sizeof text) != NULL)
    g_snprintf (info->address, sizeof info->address, "%s:%u", text, ntohs (address.v4.sin_port));
  else if (address.any.sa_family == AF_INET6 && inet_ntop (AF_INET6, &address.v6.sin6_addr, text, sizeof text) != NULL)
    g_snprintf (info->address, sizeof info->address, "[%s]:%u", text, ntohs (address.v6.sin6_port));
}

void
syn_peer_info_read (int fd, SynPeerInfo *info)
{
  struct tcp_info tcp;
  socklen_t length = sizeof tcp;
  int queued;

  *info = (SynPeerInfo){ .unacknowledged_bytes = -1, .acknowledged_bytes = -1, .goodput_bytes_s = -1, .rtt_us = -1 };
  if (fd < 0)
    return;
  read_address (fd, info);
  if (ioctl (fd, SIOCOUTQ, &queued) == 0)
    info->unacknowledged_bytes = queued;
  if (getsockopt (fd, IPPROTO_TCP, TCP_INFO, &tcp, &length) < 0)
    return;
  if (length >= offsetof (struct tcp_info, tcpi_rttvar))
    info->rtt_us = tcp.tcpi_rtt;
  if (length >= offsetof (struct tcp_info, tcpi_bytes_received))
    info->acknowledged_bytes = (gint64) tcp.tcpi_bytes_acked;
  if (length >= offsetof (struct tcp_info, tcpi_busy_time) && tcp.tcpi_delivery_rate > 0)
    info->goodput_bytes_s = (gint64) MIN (tcp.tcpi_delivery_rate, (guint64) G_MAXINT64);
}
