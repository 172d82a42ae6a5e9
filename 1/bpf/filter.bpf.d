1/bpf/filter.bpf.o: bpf/filter.bpf.c bpf/maps.bpf.h \
  vmlinux/x86_64/vmlinux.h bpf/config.h bpf/event.h bpf/match.h

bpf/maps.bpf.h:

vmlinux/x86_64/vmlinux.h:

bpf/config.h:

bpf/event.h:

bpf/match.h:
