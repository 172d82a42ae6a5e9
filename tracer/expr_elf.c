// SPDX-License-Identifier: BSD-2-Clause
#include "expr_elf.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUNCTION "expr_match"

struct place {
	Elf_Scn *text, *symtab;
	Elf_Data *text_data, *sym_data;
	size_t text_index;
	int sym; /* index of the function's symbol */
	GElf_Sym value;
};

static int find_sections(Elf *elf, struct place *p, size_t *strtab)
{
	size_t names;
	Elf_Scn *scn = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return -EINVAL;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *name;

		if (!gelf_getshdr(scn, &sh))
			return -EINVAL;
		name = elf_strptr(elf, names, sh.sh_name);
		if (sh.sh_type == SHT_SYMTAB) {
			p->symtab = scn;
			*strtab = sh.sh_link;
		} else if (name && !strcmp(name, ".text")) {
			p->text = scn;
			p->text_index = elf_ndxscn(scn);
		}
	}
	if (!p->text || !p->symtab)
		return -ENOENT;
	p->text_data = elf_getdata(p->text, NULL);
	p->sym_data = elf_getdata(p->symtab, NULL);
	return p->text_data && p->sym_data ? 0 : -EINVAL;
}

static int find_function(Elf *elf, struct place *p)
{
	size_t strtab = 0;
	int err = find_sections(elf, p, &strtab);

	if (err)
		return err;
	for (p->sym = 0; gelf_getsym(p->sym_data, p->sym, &p->value); p->sym++) {
		const char *name = elf_strptr(elf, strtab, p->value.st_name);

		if (name && !strcmp(name, FUNCTION) && p->value.st_shndx == p->text_index)
			return p->value.st_value + p->value.st_size == p->text_data->d_size ? 0 : -ESPIPE;
	}
	return -ENOENT;
}

/* The new body goes where the old one was; both sections are written anew by elf_update(). */
static int replace(Elf *elf, const void *body, size_t size, void **text)
{
	struct place p = {};
	int err = find_function(elf, &p);
	size_t at;

	if (err)
		return err;
	at = p.value.st_value;
	*text = malloc(at + size);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, p.text_data->d_buf, at);
	memcpy((char *)*text + at, body, size);
	p.text_data->d_buf = *text;
	p.text_data->d_size = at + size;
	p.value.st_size = size;
	if (!gelf_update_sym(p.sym_data, p.sym, &p.value))
		return -EINVAL;
	elf_flagdata(p.text_data, ELF_C_SET, ELF_F_DIRTY);
	elf_flagdata(p.sym_data, ELF_C_SET, ELF_F_DIRTY);
	return elf_update(elf, ELF_C_WRITE) < 0 ? -EIO : 0;
}

static int read_back(int fd, void **out, size_t *size)
{
	off_t n = lseek(fd, 0, SEEK_END);

	if (n <= 0)
		return -EIO;
	*out = malloc(n);
	if (!*out)
		return -ENOMEM;
	*size = n;
	if (pread(fd, *out, n, 0) == n)
		return 0;
	free(*out);
	*out = NULL;
	return -EIO;
}

int expr_elf_patch(const void *obj, size_t size, const void *body, size_t body_size, void **out,
		   size_t *out_size)
{
	int fd = memfd_create("tcplens", MFD_CLOEXEC), err;
	void *text = NULL;
	Elf *elf = NULL;

	*out = NULL;
	if (fd < 0)
		return -errno;
	if (write(fd, obj, size) != (ssize_t)size) {
		err = -EIO;
		goto out;
	}
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_RDWR, NULL);
	err = elf ? replace(elf, body, body_size, &text) : -EINVAL;
	if (elf)
		elf_end(elf);
	if (!err)
		err = read_back(fd, out, out_size);
out:
	free(text);
	close(fd);
	return err;
}
