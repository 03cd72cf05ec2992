/*
 * The two programs that run in the kernel, written at run time by a small assembler (labels, forward jumps) because they
 * hold the address and port that they look for, and because a compiler for BPF is more than a user should need.
 *
 *   XDP   frame for us? ──▶ redirect into the AF_XDP socket of this queue     anything else ──▶ the kernel, untouched
 *   tcx   TCP to our port? ──▶ dropped (the packet socket has seen it)         anything else ──▶ the kernel, untouched
 *
 * Both are attached by a bpf_link: closing its descriptor, or the end of the process however it ends, detaches them.
 * Registers: r2 the packet's start, r3 its end, r7 the network header; r1 and r6 the context.
 */
#include "rtcp.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <stddef.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than Debian 12's headers. */
#define ATTACH_TCX_INGRESS 46
#define TCX_NEXT_PROGRAM (-1)
#define TCX_DROP_FRAME 2

#define MAX_INSTRUCTIONS 96
#define MAX_JUMPS 32
#define ETHERNET_BYTES 14
#define VLAN_TAG_BYTES 4

enum label { UNTAGGED, ARP, IPV4, TAKE, PASS, LABELS };

struct assembler {
  struct bpf_insn code[MAX_INSTRUCTIONS];
  int length;
  int place[LABELS]; /* instruction index of each label */
  struct {
    int at;
    enum label target;
  } jumps[MAX_JUMPS];
  int jump_count;
};

static void emit(struct assembler *a, uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t immediate) {
  a->code[a->length++] =
      (struct bpf_insn){.code = code, .dst_reg = to, .src_reg = from, .off = offset, .imm = immediate};
}

/* `to` = the BPF_B, BPF_H or BPF_W at [from + offset], bytes in network order as they lie. */
static void load(struct assembler *a, uint8_t size, uint8_t to, uint8_t from, int16_t offset) {
  emit(a, BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

static void copy(struct assembler *a, uint8_t to, uint8_t from) { emit(a, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }

static void set(struct assembler *a, uint8_t to, int32_t value) { emit(a, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }

/* BPF_ADD, BPF_AND, BPF_LSH … with a constant. */
static void compute(struct assembler *a, uint8_t operation, uint8_t to, int32_t value) {
  emit(a, BPF_ALU64 | operation | BPF_K, to, 0, 0, value);
}

static void jump_if(struct assembler *a, uint8_t comparison, uint8_t reg, int32_t value, enum label target) {
  a->jumps[a->jump_count].at = a->length;
  a->jumps[a->jump_count++].target = target;
  /* 32-bit comparison: the constant is not sign-extended. */
  emit(a, BPF_JMP32 | comparison | BPF_K, reg, 0, 0, value);
}

/* Leaves unless `bytes` bytes from register `from` on lie within the packet: what the verifier wants to see. */
static void require(struct assembler *a, uint8_t from, int32_t bytes) {
  copy(a, BPF_REG_4, from);
  compute(a, BPF_ADD, BPF_REG_4, bytes);
  a->jumps[a->jump_count].at = a->length;
  a->jumps[a->jump_count++].target = PASS;
  emit(a, BPF_JMP | BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 0, 0);
}

static void place(struct assembler *a, enum label label) { a->place[label] = a->length; }

static void resolve(struct assembler *a) {
  for (int i = 0; i < a->jump_count; i++) {
    int at = a->jumps[i].at;
    a->code[at].off = (int16_t)(a->place[a->jumps[i].target] - at - 1);
  }
}

/* r7 = network header, r5 = EtherType, behind one VLAN tag if there is one (IEEE 802.1Q). */
static void find_network_header(struct assembler *a) {
  copy(a, BPF_REG_7, BPF_REG_2);
  compute(a, BPF_ADD, BPF_REG_7, ETHERNET_BYTES);
  require(a, BPF_REG_7, 20);
  load(a, BPF_H, BPF_REG_5, BPF_REG_2, 12);
  jump_if(a, BPF_JNE, BPF_REG_5, htons(ETH_P_8021Q), UNTAGGED);
  load(a, BPF_H, BPF_REG_5, BPF_REG_2, 16);
  compute(a, BPF_ADD, BPF_REG_7, VLAN_TAG_BYTES);
  place(a, UNTAGGED);
}

/* An address of our own: ARP whose target or sender is our address (RFC 826), and every IPv4 datagram to it. */
static void match_address(struct assembler *a, int32_t address) {
  int32_t wire_address = (int32_t)htonl((uint32_t)address);
  jump_if(a, BPF_JEQ, BPF_REG_5, htons(ETH_P_ARP), ARP);
  jump_if(a, BPF_JEQ, BPF_REG_5, htons(ETH_P_IP), IPV4);
  emit(a, BPF_JMP | BPF_JA, 0, 0, 0, 0);
  a->jumps[a->jump_count].at = a->length - 1;
  a->jumps[a->jump_count++].target = PASS;
  place(a, ARP);
  require(a, BPF_REG_7, 28);
  load(a, BPF_W, BPF_REG_5, BPF_REG_7, 24);
  jump_if(a, BPF_JEQ, BPF_REG_5, wire_address, TAKE);
  load(a, BPF_W, BPF_REG_5, BPF_REG_7, 14);
  jump_if(a, BPF_JEQ, BPF_REG_5, wire_address, TAKE);
  jump_if(a, BPF_JNE, BPF_REG_5, wire_address, PASS);
  place(a, IPV4);
  require(a, BPF_REG_7, 20);
  load(a, BPF_W, BPF_REG_5, BPF_REG_7, 16);
  jump_if(a, BPF_JNE, BPF_REG_5, wire_address, PASS);
}

/* One TCP port of the host's address. Fragments stay with the kernel: the later ones carry no port (RFC 791). */
static void match_port(struct assembler *a, int32_t address, int port) {
  jump_if(a, BPF_JNE, BPF_REG_5, htons(ETH_P_IP), PASS);
  require(a, BPF_REG_7, 20);
  load(a, BPF_W, BPF_REG_5, BPF_REG_7, 16);
  jump_if(a, BPF_JNE, BPF_REG_5, (int32_t)htonl((uint32_t)address), PASS);
  load(a, BPF_B, BPF_REG_5, BPF_REG_7, 9);
  jump_if(a, BPF_JNE, BPF_REG_5, IPPROTO_TCP, PASS);
  load(a, BPF_H, BPF_REG_5, BPF_REG_7, 6);
  compute(a, BPF_AND, BPF_REG_5, htons(0x3fff)); /* more fragments, or an offset */
  jump_if(a, BPF_JNE, BPF_REG_5, 0, PASS);
  load(a, BPF_B, BPF_REG_5, BPF_REG_7, 0);
  compute(a, BPF_AND, BPF_REG_5, 0x0f); /* IHL: the header may hold options */
  compute(a, BPF_LSH, BPF_REG_5, 2);
  emit(a, BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_7, BPF_REG_5, 0, 0);
  require(a, BPF_REG_7, 4);
  load(a, BPF_H, BPF_REG_5, BPF_REG_7, 2);
  jump_if(a, BPF_JNE, BPF_REG_5, htons((uint16_t)port), PASS);
}

static int bpf(int command, union bpf_attr *attributes) {
  return result(syscall(SYS_bpf, command, attributes, sizeof *attributes));
}

/* Loads the program; on failure the verifier's words are in `log`. */
static int load_program(struct assembler *a, int type, int attach_type, uint32_t flags, char *log, int log_bytes) {
  union bpf_attr attributes;
  resolve(a);
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = (uint32_t)type;
  attributes.expected_attach_type = (uint32_t)attach_type;
  attributes.insns = (uint64_t)a->code;
  attributes.insn_cnt = (uint32_t)a->length;
  attributes.license = (uint64_t) "GPL";
  attributes.prog_flags = flags;
  memcpy(attributes.prog_name, "rtcp", 5);
  int program = bpf(BPF_PROG_LOAD, &attributes);
  if (program >= 0 || log_bytes <= 0) return program;
  attributes.log_buf = (uint64_t)log;
  attributes.log_size = (uint32_t)log_bytes;
  attributes.log_level = 1;
  return bpf(BPF_PROG_LOAD, &attributes);
}

static int attach(int program, int ifindex, int attach_type, uint32_t flags) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = (uint32_t)program;
  attributes.link_create.target_ifindex = (uint32_t)ifindex;
  attributes.link_create.attach_type = (uint32_t)attach_type;
  attributes.link_create.flags = flags;
  return bpf(BPF_LINK_CREATE, &attributes);
}

/* A map from receive queue to AF_XDP socket. */
int rtcp_xsk_map(int entries) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_XSKMAP;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = (uint32_t)entries;
  memcpy(attributes.map_name, "rtcp_queues", 12);
  return bpf(BPF_MAP_CREATE, &attributes);
}

int rtcp_xsk_map_set(int map, int key, int fd) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uint64_t)&key;
  attributes.value = (uint64_t)&fd;
  return bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

/* `fragments`: the program may see frames of more than one buffer (BPF_F_XDP_HAS_FRAGS, Linux 5.18). */
int rtcp_xdp_program(int map, int kind, int32_t address, int port, int fragments, char *log, int log_bytes) {
  struct assembler a = {.length = 0};
  if (kind != MATCH_ADDRESS && kind != MATCH_PORT) return -EINVAL;
  copy(&a, BPF_REG_6, BPF_REG_1);
  load(&a, BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, data));
  load(&a, BPF_W, BPF_REG_3, BPF_REG_1, offsetof(struct xdp_md, data_end));
  find_network_header(&a);
  if (kind == MATCH_ADDRESS) match_address(&a, address);
  else match_port(&a, address, port);

  place(&a, TAKE); /* return bpf_redirect_map(map, rx_queue_index, XDP_PASS): a queue without a socket passes */
  emit(&a, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map);
  emit(&a, 0, 0, 0, 0, 0);
  load(&a, BPF_W, BPF_REG_2, BPF_REG_6, offsetof(struct xdp_md, rx_queue_index));
  set(&a, BPF_REG_3, XDP_PASS);
  emit(&a, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map);
  emit(&a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  place(&a, PASS);
  set(&a, BPF_REG_0, XDP_PASS);
  emit(&a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  return load_program(&a, BPF_PROG_TYPE_XDP, BPF_XDP, fragments ? BPF_F_XDP_HAS_FRAGS : 0, log, log_bytes);
}

/* mode: 1 the driver's own hook, 2 the generic one (works on every interface). */
int rtcp_xdp_attach(int program, int ifindex, int mode) {
  return attach(program, ifindex, BPF_XDP, mode == 1 ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
}

int rtcp_tcx_program(int32_t address, int port, char *log, int log_bytes) {
  struct assembler a = {.length = 0};
  load(&a, BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct __sk_buff, data));
  load(&a, BPF_W, BPF_REG_3, BPF_REG_1, offsetof(struct __sk_buff, data_end));
  find_network_header(&a);
  match_port(&a, address, port);
  place(&a, TAKE);
  set(&a, BPF_REG_0, TCX_DROP_FRAME);
  emit(&a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  place(&a, PASS);
  set(&a, BPF_REG_0, TCX_NEXT_PROGRAM);
  emit(&a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
  return load_program(&a, BPF_PROG_TYPE_SCHED_CLS, ATTACH_TCX_INGRESS, 0, log, log_bytes);
}

/* Linux 6.6 and later. */
int rtcp_tcx_attach(int program, int ifindex) { return attach(program, ifindex, ATTACH_TCX_INGRESS, 0); }
