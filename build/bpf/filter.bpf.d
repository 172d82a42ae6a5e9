build/bpf/filter.bpf.o: bpf/filter.bpf.c bpf/maps.bpf.h \
  /tmp/full/vmlinux.h bpf/config.h bpf/event.h bpf/match.h

bpf/maps.bpf.h:

/tmp/full/vmlinux.h:

bpf/config.h:

bpf/event.h:

bpf/match.h:
