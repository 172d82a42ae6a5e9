build/bpf/maps.bpf.o: bpf/maps.bpf.c bpf/maps.bpf.h /tmp/full/vmlinux.h \
  bpf/config.h bpf/event.h

bpf/maps.bpf.h:

/tmp/full/vmlinux.h:

bpf/config.h:

bpf/event.h:
