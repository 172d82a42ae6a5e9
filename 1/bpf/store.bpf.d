1/bpf/store.bpf.o: bpf/store.bpf.c bpf/store.bpf.h bpf/maps.bpf.h \
  vmlinux/x86_64/vmlinux.h bpf/config.h bpf/event.h

bpf/store.bpf.h:

bpf/maps.bpf.h:

vmlinux/x86_64/vmlinux.h:

bpf/config.h:

bpf/event.h:
