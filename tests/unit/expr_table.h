/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap-filter expressions that the tests ask, each of which lets some of the
 * packets of packets.c pass, and others not.
 * X(expression, bytes of payload that it may look at).
 */
#define EXPR_TABLE(X)										\
	X("ip", 0)											\
	X("ip6", 0)											\
	X("not ip6", 0)										\
	X("host 10.0.0.1", 0)									\
	X("host fd00::1", 0)									\
	X("src host 10.0.0.1", 0)									\
	X("dst host 10.0.0.1", 0)									\
	X("src host fd00::1", 0)									\
	X("dst host fd00::2", 0)									\
	X("host 10.0.0.1 or host fd00::2", 0)							\
	X("host 10.0.0.1 and host 10.0.0.2", 0)							\
	X("not host 10.0.0.1", 0)									\
	X("net 10.0.0.0/8", 0)									\
	X("net 10.0.0.0/30", 0)									\
	X("src net 192.168.0.0/16", 0)								\
	X("dst net 192.168.0.0 mask 255.255.0.0", 0)						\
	X("net fd00::/8", 0)									\
	X("src net fd00::/127", 0)									\
	X("tcp and net 10", 0)									\
	X("tcp[tcpflags] & tcp-syn != 0 and net 10.0.0.0/8", 0)					\
	X("port 80", 0)										\
	X("tcp port 443", 0)									\
	X("src port 80", 0)										\
	X("dst port 80", 0)										\
	X("port http or port https", 0)								\
	X("not port 80", 0)										\
	X("portrange 400-500", 0)									\
	X("src portrange 1-1023", 0)								\
	X("tcp dst portrange 8000-8100", 0)								\
	X("ip and tcp port 80", 0)									\
	X("ip6 and tcp port 80", 0)									\
	X("tcp[tcpflags] == tcp-syn", 0)								\
	X("tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)", 0)				\
	X("tcp[tcpflags] & tcp-rst != 0", 0)							\
	X("tcp[tcpflags] & tcp-fin != 0", 0)							\
	X("tcp[tcpflags] & tcp-push == 0", 0)							\
	X("tcp[13] & 2 != 0", 0)									\
	X("tcp[13] = 18", 0)									\
	X("tcp[0:2] = 80", 0)									\
	X("tcp[2:2] > 1024", 0)									\
	X("tcp[4:4] > 0x7fffffff", 0)								\
	X("tcp[8:4] = 0", 0)									\
	X("tcp[14:2] < 1000", 0)									\
	X("tcp[12] >> 4 > 5", 0)									\
	X("tcp[12] & 0xf0 = 0x50", 0)								\
	X("tcp[16:2] != 0", 0)									\
	X("ip[8] < 64", 0)										\
	X("ip[9] = 6", 0)										\
	X("(ip[1] & 0xfc) >> 2 = 46", 0)								\
	X("ip[1] & 3 = 3", 0)									\
	X("ip[6] & 0x40 != 0", 0)									\
	X("ip[2:2] > 100", 0)									\
	X("ip[0] & 15 > 5", 0)									\
	X("ip[12:4] = 0x0a000001", 0)								\
	X("ip6[6] = 6", 0)										\
	X("ip6[7] = 64", 0)										\
	X("ip6[53] & 2 != 0", 0)									\
	X("less 100", 0)										\
	X("greater 1000", 0)									\
	X("len = 74", 0)										\
	X("len > 60 and len <= 90", 0)								\
	X("len % 2 = 0", 0)										\
	X("ether host 02:00:00:00:00:01", 0)							\
	X("ether src 02:00:00:00:00:01", 0)								\
	X("ether dst 02:00:00:00:00:02", 0)								\
	X("ether[0] & 1 = 0 and ether[6:4] = 0x02000000", 0)					\
	X("ip proto 6", 0)										\
	X("ip proto \\tcp", 0)									\
	X("ip6 proto 6", 0)										\
	X("ip[2:2] - ((ip[0] & 15) << 2) = 40", 0)							\
	X("ip[2:2] * 2 > 200", 0)									\
	X("tcp[0:2] ^ tcp[2:2] = 0x50 or tcp[0:2] | 1 = 81", 0)					\
	X("ip[2:2] / (ip[8] - 60) > 20", 0)								\
	X("1 << (ip[8] & 31) = 1", 0)								\
	X("(host 10.0.0.1 and port 80) or (net fd00::/8 and not port 80)", 0)			\
	X("host 10.0.0.1 or host 10.0.0.2 or host 10.0.0.3 or host 192.168.1.1 or port 22", 0)	\
	X("tcp[20] = 2", 41)									\
	X("tcp[20:2] = 0x0204", 42)									\
	X("tcp[32:4] = 0x47455420", 56)								\
	X("tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", 84)					\
	X("ip[40:4] = 0x47455420", 4)								\
	X("ether[60] = 0x42", 21)
