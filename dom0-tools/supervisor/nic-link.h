/* SPDX-License-Identifier: MIT */
/*
 * The control domain's end of a guest's network card: a TAP device.
 *
 * nic_link_open() makes it, puts it where the guest's XML says and sets what
 * the XML sets: name, MTU, bridge or network, VLAN, isolation, the rate
 * towards the guest, and what the guest may send (nft.h).  It returns one
 * descriptor per queue, each with a virtio-net header of NIC_VNET_HDR bytes in
 * front of every frame; whoever serves the guest reads and writes these.
 *
 * Once it is kept, the device outlives every process, so a network card whose
 * back-end or supervisor died is found again by its name and its queues are
 * opened anew.  Queues that other processes still hold open keep their share
 * of the traffic, so the old back-end must be gone before the same link is
 * opened again.  nic_link_close() ends it, and everything that was made for it.
 *
 * All functions may be called by several threads at once, for different links.
 */
#ifndef SUPERVISOR_NIC_LINK_H
#define SUPERVISOR_NIC_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "ctrl-config.h"

#define NIC_NAME_MAX	16	/* as the kernel counts: with the NUL */
#define NIC_QUEUES_MAX	16
#define NIC_VNET_HDR	10	/* struct virtio_net_hdr, no num_buffers */

/* Where frames of a card go. */
struct nic_place {
	char bridge[NIC_NAME_MAX];	/* "": in none, or it is not known */
	unsigned int index;		/* the bridge's; 0: not known */
	uint16_t vlan;			/* 0: none */
};

struct nic_link {
	char name[NIC_NAME_MAX];	/* vifD.N, or what <target dev> says */
	struct nic_place place;
	unsigned int ifindex;
	uint8_t mac[6];			/* the guest's */
	bool mac_any;			/* the guest may use others too */
	uint32_t mtu;
	unsigned int queues;
	int fd[NIC_QUEUES_MAX];		/* -1 beyond queues */
};

/*
 * Makes the link of interface DEVID of domain DOMID; AGAIN, of one that had a
 * link before, takes that over if it is there.  nic->mac must be set
 * (nic_mac_make()).  QUEUES is nic->queues, or 1 when that is 0.  Returns 0, or
 * a negative errno with *why, one sentence that the caller frees; nothing is
 * left behind then.  A network that does not run is started.
 */
int nic_link_open(const struct guest_nic *nic, uint16_t domid,
		  unsigned int devid, bool again, struct nic_link *out,
		  char **why);
/*
 * Could it be made, as far as can be told without making anything: are its
 * network, its bridge and its filter there?  0, or as nic_link_open().
 */
int nic_link_check(const struct guest_nic *nic, char **why);
struct network_port;
/* The network that an interface is in, or NULL. */
const char *nic_link_network(const struct guest_nic *nic);
/* Where it is to be, as far as that is known before it has a link; PORT is what
 * is known of its network, if it is in one. */
void nic_link_plan(const struct guest_nic *nic,
		   const struct network_port *port, struct nic_place *out);
/* Could a card in one of these places get a frame that was meant for one in
 * the other? */
bool nic_place_same(const struct nic_place *a, const struct nic_place *b);
/*
 * Puts the link of an interface whose bridge is there again, as PORT, where it
 * was; *where is set then.  1; or 0 when there is nothing to do: it is in a
 * bridge, or one of the two is gone; or a negative errno, with *why if there is
 * a sentence for it.  -EAGAIN: the bridge does not tell VLANs apart yet.
 */
int nic_link_rejoin(const struct guest_nic *nic, uint16_t domid,
		    unsigned int devid, const struct network_port *port,
		    struct nic_place *where, char **why);
/* From now on it is there until nic_link_close(): whoever comes after us knows
 * of it.  One that was opened again is kept already. */
void nic_link_keep(const struct nic_link *link);
/* Is there still a link behind the descriptors? */
bool nic_link_lives(const struct nic_link *link);
/* Closes the descriptors only: the link stays for who else has them. */
void nic_link_release(struct nic_link *link);
/* Closes the descriptors and removes the link.  Harmless if it is gone. */
void nic_link_close(struct nic_link *link);
/* Removes a link known by its name only, after a restart. */
void nic_link_remove(const char *name);

/* The name that the link of this interface has. */
void nic_link_name(const struct guest_nic *nic, uint16_t domid,
		   unsigned int devid, char name[NIC_NAME_MAX]);
/* A new limit towards the guest, or none (0 in b->average). */
int nic_link_limit(const struct nic_link *link,
		   const struct guest_bandwidth *b, char **why);

/*
 * The address of interface DEVID of the guest called GUEST: the same at every
 * start.  00:16:3e and 23 bits.  When another guest has it already, ask again
 * with a higher ATTEMPT.
 */
void nic_mac_make(const char *guest, unsigned int devid, unsigned int attempt,
		  uint8_t mac[6]);

#endif
