// SPDX-License-Identifier: BSD-2-Clause
/*
 * drop_lines FILE: takes the line numbers out of a BPF object file's .BTF.ext,
 * where they are nine tenths.  Nothing but the verifier's log shows them, and
 * each start would read, keep and adjust them.
 *
 * Runs where tcplens is built (Makefile); the file has that machine's byte order,
 * as BPF has its target's, and all that are supported are little-endian.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gelf.h>

/* Documentation/bpf/btf.rst, ".BTF.ext section"; offsets count from the header's end. */
struct btf_ext_header {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len;
	uint32_t func_info_off, func_info_len;
	uint32_t line_info_off, line_info_len;
	uint32_t core_relo_off, core_relo_len;
};

#define BTF_MAGIC 0xeb9f

static Elf_Data *find(Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *name = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;

		if (name && !strcmp(name, ".BTF.ext"))
			return elf_getdata(scn, NULL);
	}
	return NULL;
}

/* Moves what is behind the lines to their place.  The section's new size, or 0: it is not as expected. */
static size_t cut(char *data, size_t size)
{
	struct btf_ext_header *h = (void *)data;
	char *body;

	if (size < sizeof(*h) || h->magic != BTF_MAGIC || h->hdr_len < sizeof(*h))
		return 0;
	if (h->core_relo_off != h->line_info_off + h->line_info_len ||
	    (size_t)h->hdr_len + h->core_relo_off + h->core_relo_len != size)
		return 0;
	body = data + h->hdr_len;
	memmove(body + h->line_info_off, body + h->core_relo_off, h->core_relo_len);
	h->core_relo_off = h->line_info_off;
	size -= h->line_info_len;
	h->line_info_len = 0;
	return size;
}

int main(int argc, char **argv)
{
	Elf_Data *data;
	size_t size;
	Elf *elf;
	int fd;

	if (argc != 2)
		errx(2, "usage: drop_lines FILE");
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(1, "%s", argv[1]);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_RDWR, NULL);
	data = elf ? find(elf) : NULL;
	if (!data)
		errx(1, "%s: there is no .BTF.ext in it (%s)", argv[1], elf_errmsg(-1));
	size = cut(data->d_buf, data->d_size);
	if (!size)
		errx(1, "%s: its .BTF.ext has another layout", argv[1]);
	data->d_size = size;
	elf_flagdata(data, ELF_C_SET, ELF_F_DIRTY);
	if (elf_update(elf, ELF_C_WRITE) < 0)
		errx(1, "%s: %s", argv[1], elf_errmsg(-1));
	elf_end(elf);
	return close(fd) ? 1 : 0;
}
