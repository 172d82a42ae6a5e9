1/bpf/maps.bpf.o: bpf/maps.bpf.c bpf/maps.bpf.h vmlinux/x86_64/vmlinux.h \
  bpf/config.h bpf/event.h

bpf/maps.bpf.h:

vmlinux/x86_64/vmlinux.h:

bpf/config.h:

bpf/event.h:
