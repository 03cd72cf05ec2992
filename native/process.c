/*
 * What a process must know and set about itself: where packet memory lies, how much may be pinned, what it may do, which
 * CPU it runs on and how much of it it used.
 */
#include "rtcp.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t rtcp_address_of(void *memory) { return (uint64_t)memory; }

/* Puts ordinary zero pages where a ring was mapped: the kernel lets go of the ring, and every view stays valid. */
int rtcp_unmap(uint8_t *base, int32_t offset, int32_t bytes) {
  void *mapped = mmap(base + offset, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  return mapped == MAP_FAILED ? -errno : 0;
}

int rtcp_advise(uint8_t *base, int32_t offset, int32_t bytes, int advice) {
  return result(madvise(base + offset, (size_t)bytes, advice));
}

/* A umem is pinned memory: without CAP_IPC_LOCK it counts against RLIMIT_MEMLOCK. */
int rtcp_memlock_unlimited(void) {
  struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
  return result(setrlimit(RLIMIT_MEMLOCK, &limit));
}

int rtcp_pin_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < 0 || cpu >= CPU_SETSIZE) return -EINVAL;
  CPU_SET(cpu, &set);
  return result(sched_setaffinity(0, sizeof set, &set));
}

/* The effective capability set: bits 0-31, bits 32-63 (capabilities(7)). */
int rtcp_capabilities(int32_t *effective) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) < 0) return -errno;
  effective[0] = (int32_t)data[0].effective;
  effective[1] = (int32_t)data[1].effective;
  return 0;
}

/* User and system time of this thread, or of the whole process, in microseconds. */
double rtcp_cpu_us(int whole_process) {
  struct rusage usage;
  if (getrusage(whole_process ? RUSAGE_SELF : RUSAGE_THREAD, &usage) < 0) return -errno;
  return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
