# SPDX-License-Identifier: BSD-2-Clause
# tcplens: `make help` tells the targets.

MAKEFLAGS += --no-builtin-rules

B ?= build
PREFIX ?= /usr/local
# Where Wireshark looks for further capture interfaces.
EXTCAPDIR ?= /usr/lib/$(shell $(CC) -print-multiarch)/wireshark/extcap
ARCH ?= $(patsubst aarch64,arm64,$(shell uname -m))
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= bpftool
PKG_CONFIG ?= pkg-config
HOSTCC ?= cc
ifeq ($(origin CC),default)
CC = $(CROSS_COMPILE)gcc
endif
# Debian keeps bpftool where only root's PATH leads.
export PATH := $(PATH):/usr/sbin:/sbin

ifeq ($(V),1)
Q =
say = @:
else
Q = @
# `make -s` is silent.
say = $(if $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),@:,@printf '  %-8s%s\n')
endif

ifeq ($(filter clean help,$(MAKECMDGOALS)),)
ifeq ($(wildcard vmlinux/$(ARCH)/vmlinux.h),)
$(error There is no vmlinux/$(ARCH)/vmlinux.h: ARCH is one of $(patsubst vmlinux/%/vmlinux.h,%,$(wildcard vmlinux/*/vmlinux.h)); vmlinux/README.md tells how to add one)
endif
endif

# ---- flags

CFLAGS ?= -O2 -g
WARN = -Wall -Wextra
OWN_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WARN) -Ibpf -Itracer -I$(B) -pthread
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags libbpf libelf zlib 2>/dev/null)
# In recipes that depend on it.
LIBS = $$(cat $(B)/.libs) -pthread
STATIC_LIBS = $(shell $(PKG_CONFIG) --static --libs libbpf libelf zlib) $(PCAP_STATIC_LIBS) -pthread

# Without libpcap (WITH_PCAP=) there are no filter expressions.
WITH_PCAP ?= $(shell $(PKG_CONFIG) --exists libpcap && echo 1)
ifneq ($(WITH_PCAP),)
OWN_CFLAGS += -DWITH_PCAP
PCAP_LIBS := $(shell $(PKG_CONFIG) --libs libpcap)
# Names in expressions (`host example.org`) are looked up as /etc/nsswitch.conf says only where
# the C library is the same: the linker has a warning for each such function.
PCAP_STATIC_LIBS := $(PCAP_LIBS) -Wl,--no-warnings
endif

# All libraries but the C library are linked in, where that can be done: a shared libpcap brings
# those of D-Bus, systemd and cryptography with it, in all 14 libraries and 1 MB resident.  Tried ($(B)/.libs),
# as what an archive needs itself differs between distributions, for which SHARED=1 is.
SHARED_LIBS = $(shell $(PKG_CONFIG) --libs libbpf libelf zlib) $(PCAP_LIBS)
LINKED_LIBS = -Wl,-Bstatic $(shell $(PKG_CONFIG) --static --libs libbpf libelf zlib) $(PCAP_LIBS) -Wl,-Bdynamic
COMMA = ,
TRIED = bpf_object__open_mem $(if $(WITH_PCAP),pcap_open_dead pcap_compile)

BPF_ARCH = $(patsubst x86_64,x86,$(ARCH))
BPF_CFLAGS = -target bpf -mcpu=v3 -g -O2 $(WARN) -Wno-unused-parameter \
	     -D__TARGET_ARCH_$(BPF_ARCH) -Ivmlinux/$(ARCH) -Ibpf $(LIB_CFLAGS)

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_CFLAGS = -O1 -g $(OWN_CFLAGS) -Itests/unit $(SANITIZE)
LIVE_CFLAGS = -O2 -g -std=gnu11 $(WARN) -Itests/live/src -pthread $(if $(STATIC),-static)

# ---- files

# maps.bpf.o comes first: see bpf/maps.bpf.c.
BPF_SRC = bpf/maps.bpf.c $(filter-out bpf/maps.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJ = $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.bpf.o)

SRC = $(sort $(wildcard tracer/*.c))
OBJ = $(SRC:tracer/%.c=$(B)/obj/%.o)
STATIC_OBJ = $(SRC:tracer/%.c=$(B)/obj-static/%.o)

# These need libbpf or the skeleton, or call what does.  All others are pure: the
# unit tests link with them, compiled with sanitizers.
BPF_USERS = atomics attach configure cmd_doctor cmd_view cost explain expr_elf extcap hooks load_jobs loader main privs seed session session_file session_live source_live store
PURE = $(filter-out $(BPF_USERS:%=tracer/%.c),$(SRC))

UNIT_SRC = $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN = $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
UNIT_HELPERS = $(filter-out $(UNIT_SRC),$(sort $(wildcard tests/unit/*.c)))
UNIT_LIB = $(PURE:tracer/%.c=$(B)/unit/tracer/%.o) $(UNIT_HELPERS:tests/unit/%.c=$(B)/unit/tests/%.o)

LIVE_BIN = $(patsubst tests/live/src/%.c,$(B)/live/%,$(sort $(wildcard tests/live/src/*.c)))

BENCH_BIN = $(patsubst tests/bench/%.c,$(B)/bench/%,$(sort $(wildcard tests/bench/*.c)))

# ---- targets

.PHONY: all static install unit unit-programs live-programs bench bench-programs vm-programs fuzz fuzz-programs clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(B)/tcplens

static: $(B)/tcplens-static

help:
	@echo 'make                 $(B)/tcplens; SHARED=1: with shared libbpf, libelf, zlib and libpcap'
	@echo 'make static          $(B)/tcplens-static, to be copied to other machines'
	@echo 'make install         to $$(DESTDIR)$$(PREFIX)/bin, PREFIX=/usr/local; a link for Wireshark'
	@echo '                     to $$(DESTDIR)$$(EXTCAPDIR)'
	@echo 'make unit            build and run the unit tests, with sanitizers; no privileges needed'
	@echo 'make live-programs   the programs of the live tests, in $(B)/live; STATIC=1: static'
	@echo 'make bench           measure beside other tools (root, about 25 minutes): docs/performance.md'
	@echo 'make fuzz            build the fuzzers, and run each for a few seconds'
	@echo 'make clean'
	@echo
	@echo 'V=1 shows the commands.  B=DIR builds elsewhere.  LINE_INFO=1 keeps line numbers for the log'
	@echo 'of the verifier.  For another machine:'
	@echo 'ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- PKG_CONFIG=aarch64-linux-gnu-pkg-config B=build/arm64'

install: $(B)/tcplens
	install -D -m 755 $(B)/tcplens $(DESTDIR)$(PREFIX)/bin/tcplens
	install -d $(DESTDIR)$(EXTCAPDIR)
	ln -sf $(PREFIX)/bin/tcplens $(DESTDIR)$(EXTCAPDIR)/tcplens

clean:
	rm -rf $(B)

# Files that change when the commands do: other flags, other objects.  (+: also in make -n,
# which would take them for changed otherwise.)
$(B)/.flags-build: FLAGS = $(CC) $(CFLAGS) $(CPPFLAGS) $(OWN_CFLAGS) $(LIB_CFLAGS) $(CLANG) $(BPF_CFLAGS)
$(B)/.flags-link: FLAGS = $(CC) $(CFLAGS) $(LDFLAGS) $(if $(SHARED),,$(LINKED_LIBS)) $(SHARED_LIBS) $(LINE_INFO)
$(B)/.flags-live: FLAGS = $(CC) $(LIVE_CFLAGS) $(LDFLAGS)
$(B)/.flags-unit: FLAGS = $(CC) $(UNIT_CFLAGS)
$(B)/.flags-%: FORCE
	+@mkdir -p $(B)
	+@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@

# The libraries to link with, as they are tried once for these flags.
$(B)/.libs: tracer/static_pcap.c $(B)/.flags-link Makefile
	@if [ -z "$(SHARED)" ] && echo 'int main(void) { return 0; }' | \
	    $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(if $(WITH_PCAP),-DWITH_PCAP) -x c - tracer/static_pcap.c -o $@.try \
		-x none $(TRIED:%=-Wl$(COMMA)-u$(COMMA)%) $(LINKED_LIBS) -pthread 2>$@.log; \
	then \
		echo '$(LINKED_LIBS)' > $@; rm -f $@.log; \
	else \
		$(if $(SHARED),,echo '  NOTE    the libraries are shared ones, as they could not be linked in: $@.log tells why (then: rm $@)' >&2;) \
		echo '$(SHARED_LIBS)' > $@; \
	fi; rm -f $@.try

# ---- kernel side

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(B)/.flags-build Makefile
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c $< -o $@
	$(Q)$(LLVM_STRIP) -g -w -N 'LBB*' $@

$(B)/drop_lines: scripts/drop_lines.c
	$(say) HOSTCC $<
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -O1 $(WARN) -o $@ $< -lelf

# Half of it are line numbers, for the verifier's log: LINE_INFO=1 keeps them.
$(B)/tcplens.bpf.o: $(BPF_OBJ) $(B)/drop_lines $(B)/.flags-link
	$(say) LINK $@
	$(Q)$(BPFTOOL) gen object $@ $(BPF_OBJ)
	$(if $(LINE_INFO),,$(Q)$(B)/drop_lines $@)

$(B)/tcplens.skel.h: $(B)/tcplens.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name tcplens_bpf > $@

# ---- user side

# Before the first build nothing tells who includes the skeleton; afterwards the .d files do.
$(BPF_USERS:%=$(B)/obj/%.o) $(BPF_USERS:%=$(B)/obj-static/%.o): | $(B)/tcplens.skel.h

$(B)/obj/%.o: tracer/%.c $(B)/.flags-build Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(OWN_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c $< -o $@

# Names come from /etc alone there: the C library's look-ups need its shared parts.
$(B)/obj-static/%.o: tracer/%.c $(B)/.flags-build Makefile
	$(say) CC '$< (static)'
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -DTCPLENS_STATIC $(OWN_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c $< -o $@

$(B)/tcplens: $(OBJ) $(B)/.flags-link $(B)/.libs
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(LIBS)

$(B)/tcplens-static: $(STATIC_OBJ) $(B)/.flags-link
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -static -o $@ $(STATIC_OBJ) $(STATIC_LIBS)

# ---- tests

$(B)/unit/tracer/%.o: tracer/%.c $(B)/.flags-unit Makefile
	$(say) CC '$< (sanitized)'
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) -MMD -MP -c $< -o $@

$(B)/unit/tests/%.o: tests/unit/%.c $(B)/.flags-unit Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_CFLAGS) -MMD -MP -c $< -o $@

# An archive: each test takes what it uses, and is not rebuilt into one with everything.
$(B)/unit/pure.a: $(UNIT_LIB)
	$(say) AR $@
	@rm -f $@
	$(Q)$(CROSS_COMPILE)ar rcs $@ $^

$(UNIT_BIN): $(B)/unit/%: $(B)/unit/tests/%.o $(B)/unit/pure.a
	$(say) LINK $@
	$(Q)$(CC) $(SANITIZE) -o $@ $^ -lcmocka $(PCAP_LIBS) -pthread

# libFuzzer is clang's.
FUZZ_CFLAGS = -O1 -g $(OWN_CFLAGS) -Itests/unit -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJ = $(PURE:tracer/%.c=$(B)/fuzz/tracer/%.o) $(UNIT_HELPERS:tests/unit/%.c=$(B)/fuzz/unit/%.o)

$(B)/fuzz/tracer/%.o: tracer/%.c $(B)/.flags-unit Makefile
	$(say) FUZZ $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(B)/fuzz/unit/%.o: tests/unit/%.c $(B)/.flags-unit Makefile
	$(say) FUZZ $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(B)/fuzz/pure.a: $(FUZZ_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(B)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(B)/fuzz/pure.a
	$(say) FUZZ $@
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka $(PCAP_LIBS) -lm

fuzz-programs: $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))

fuzz:
	$(Q)tests/fuzz/run --out $(abspath $(B))/fuzz

unit-programs: $(UNIT_BIN)

# Last, what recordings of all kinds must give.
unit: unit-programs $(B)/tcplens
	$(Q)fail=0; for t in $(UNIT_BIN); do $$t || fail=1; done; \
	    TCPLENS=$(B)/tcplens python3 tests/live/test_fixtures.py Fixtures || fail=1; exit $$fail

live-programs: $(LIVE_BIN)

$(B)/live/%: tests/live/src/%.c $(B)/.flags-live Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIVE_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LDFLAGS)

vm-programs: $(B)/vm/vmexit

$(B)/vm/%: tests/vm/src/%.c $(B)/.flags-live Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIVE_CFLAGS) -static -o $@ $< $(LDFLAGS)

# For tests/vm/btf, on this machine.
$(B)/vm/cut: tests/vm/src/cut.c $(B)/.libs $(B)/obj/kbtf.o $(B)/obj/kbtf_cut.o $(B)/obj/loader.o $(B)/obj/load_jobs.o $(patsubst tracer/%.c,$(B)/obj/%.o,$(wildcard tracer/prune*.c))
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(OWN_CFLAGS) $(LIB_CFLAGS) -MMD -MP -MF $@.d -o $@ $(filter %.c %.o,$^) $(LDFLAGS) $(LIBS)

# What scripts/bench runs: traffic, and empty programs to compare with.
bench-programs: $(BENCH_BIN)

$(B)/bench/%: tests/bench/%.c $(B)/.flags-live $(B)/.libs Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(LIVE_CFLAGS) $(LIB_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LDFLAGS) $(LIBS)

# The program's own reading and printing, without a kernel.
$(B)/bench/pure.a: $(PURE:tracer/%.c=$(B)/obj/%.o)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)$(CROSS_COMPILE)ar rcs $@ $^

$(B)/bench/cost: tests/bench/cost.c $(B)/bench/pure.a $(B)/.flags-build $(B)/.libs Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(OWN_CFLAGS) -MMD -MP -MF $@.d -o $@ $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS)

bench: $(B)/tcplens bench-programs
	scripts/bench

-include $(wildcard $(B)/*/*.d $(B)/unit/*/*.d)
