/*
 * What we ask of and set on a network interface, by ioctl on a throw-away socket: no `ip` or `ethtool` program is needed.
 * netdevice(7), <linux/ethtool.h>.
 */
#include "rtcp.h"

#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int control(unsigned long request, struct ifreq *interface) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int returned = ioctl(fd, request, interface) < 0 ? -errno : 0;
  close(fd);
  return returned;
}

static int named(struct ifreq *interface, const char *name) {
  memset(interface, 0, sizeof *interface);
  if (strlen(name) >= sizeof interface->ifr_name) return -ENODEV;
  strcpy(interface->ifr_name, name);
  return 0;
}

static int32_t ipv4_of(const struct sockaddr *address) {
  return (int32_t)ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
}

static void set_ipv4(struct sockaddr *address, uint32_t host_order) {
  struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;
  ipv4->sin_family = AF_INET;
  ipv4->sin_addr.s_addr = htonl(host_order);
}

/* info: ifindex, mtu, flags (IFF_*), ARPHRD type, mac bytes 0-3 and 4-5 (little-endian words), IPv4 address, prefix length. */
int rtcp_interface(const char *name, int32_t *info) {
  struct ifreq interface;
  int returned = named(&interface, name);
  if (returned < 0 || (returned = control(SIOCGIFINDEX, &interface)) < 0) return returned;
  info[0] = interface.ifr_ifindex;
  if ((returned = control(SIOCGIFMTU, &interface)) < 0) return returned;
  info[1] = interface.ifr_mtu;
  if ((returned = control(SIOCGIFFLAGS, &interface)) < 0) return returned;
  info[2] = (uint16_t)interface.ifr_flags;
  if ((returned = control(SIOCGIFHWADDR, &interface)) < 0) return returned;
  info[3] = interface.ifr_hwaddr.sa_family;
  info[5] = 0;
  memcpy(info + 4, interface.ifr_hwaddr.sa_data, 6);
  info[6] = 0;
  info[7] = 0;
  if (control(SIOCGIFADDR, &interface) < 0) return 0; /* no IPv4 address */
  info[6] = ipv4_of(&interface.ifr_addr);
  if (control(SIOCGIFNETMASK, &interface) == 0) info[7] = __builtin_popcount((uint32_t)ipv4_of(&interface.ifr_netmask));
  return 0;
}

int rtcp_interface_up(const char *name, int up) {
  struct ifreq interface;
  int returned = named(&interface, name);
  if (returned < 0 || (returned = control(SIOCGIFFLAGS, &interface)) < 0) return returned;
  if (up) interface.ifr_flags |= IFF_UP | IFF_RUNNING;
  else interface.ifr_flags &= ~IFF_UP;
  return control(SIOCSIFFLAGS, &interface);
}

int rtcp_interface_address(const char *name, int32_t address, int prefix) {
  struct ifreq interface;
  int returned = named(&interface, name);
  if (returned < 0) return returned;
  set_ipv4(&interface.ifr_addr, (uint32_t)address);
  if ((returned = control(SIOCSIFADDR, &interface)) < 0) return returned;
  memset(&interface.ifr_addr, 0, sizeof interface.ifr_addr);
  set_ipv4(&interface.ifr_netmask, prefix <= 0 ? 0 : 0xffffffffu << (32 - prefix));
  return control(SIOCSIFNETMASK, &interface);
}

int rtcp_interface_mac(const char *name, const uint8_t *mac) {
  struct ifreq interface;
  int returned = named(&interface, name);
  if (returned < 0) return returned;
  interface.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  memcpy(interface.ifr_hwaddr.sa_data, mac, 6);
  return control(SIOCSIFHWADDR, &interface);
}

int rtcp_interface_mtu(const char *name, int mtu) {
  struct ifreq interface;
  int returned = named(&interface, name);
  if (returned < 0) return returned;
  interface.ifr_mtu = mtu;
  return control(SIOCSIFMTU, &interface);
}

/* ETHTOOL_G… commands return the feature's value (0 or 1), ETHTOOL_S… commands set it to `value`. */
int rtcp_ethtool(const char *name, int command, int value) {
  struct ifreq interface;
  int returned = named(&interface, name);
  if (returned < 0) return returned;
  struct ethtool_value feature = {.cmd = (uint32_t)command, .data = (uint32_t)value};
  interface.ifr_data = (char *)&feature;
  returned = control(SIOCETHTOOL, &interface);
  return returned < 0 ? returned : (int)feature.data;
}

/*
 * Binds a TCP port of the kernel without listening: nobody else gets it while we serve it ourselves. Without SO_REUSEADDR
 * first, because that is what keeps others off; connections of a former server in TIME_WAIT make that fail, so once more
 * with it, which fails only when somebody listens (EADDRINUSE).
 */
int rtcp_hold_port(int32_t address, int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_in local = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl((uint32_t)address)}};
  if (bind(fd, (struct sockaddr *)&local, sizeof local) == 0) return fd;
  int one = 1;
  if (errno == EADDRINUSE && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      bind(fd, (struct sockaddr *)&local, sizeof local) == 0)
    return fd;
  int failure = -errno;
  close(fd);
  return failure;
}
