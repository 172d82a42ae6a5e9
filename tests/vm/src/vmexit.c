// SPDX-License-Identifier: BSD-2-Clause
/*
 * Ends the virtual machine at once, and QEMU with an exit status:
 *   x86    port of the isa-debug-exit device: QEMU exits with 2 N + 1
 *   arm64  semihosting call SYS_EXIT_EXTENDED (-semihosting-config userspace=on): with N
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <sys/io.h>

#define DEBUG_EXIT_PORT 0xf4

static void vmexit(int status)
{
	if (ioperm(DEBUG_EXIT_PORT, 1, 1))
		perror("vmexit: ioperm");
	else
		outb(status, DEBUG_EXIT_PORT);
}
#elif defined(__aarch64__)
#define SYS_EXIT_EXTENDED 0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

static void vmexit(int status)
{
	unsigned long block[2] = { ADP_STOPPED_APPLICATION_EXIT, status };
	register unsigned long op __asm__("x0") = SYS_EXIT_EXTENDED;
	register unsigned long *arg __asm__("x1") = block;

	__asm__ volatile("hlt #0xf000" : : "r"(op), "r"(arg) : "memory");
}
#else
#error "no way to end QEMU on this architecture"
#endif

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	sync();
	vmexit(atoi(argv[1]));
	fprintf(stderr, "vmexit: the machine goes on\n");
	return 1;
}
