// SPDX-License-Identifier: BSD-2-Clause
/*
 * libpcap lists capture devices of D-Bus, whose library Debian has no complete
 * static version of.  Expressions need no devices: with these two the archive's
 * own member, which would ask for that library, stays out where libpcap is linked
 * in (with a shared one they do nothing).
 */
#ifdef WITH_PCAP
#include <pcap/pcap.h>

int dbus_findalldevs(void *devices, char *err);
pcap_t *dbus_create(const char *device, char *err, int *is_ours);

int dbus_findalldevs(void *devices, char *err)
{
	(void)devices;
	(void)err;
	return 0;
}

pcap_t *dbus_create(const char *device, char *err, int *is_ours)
{
	(void)device;
	(void)err;
	*is_ours = 0;
	return NULL;
}
#endif
