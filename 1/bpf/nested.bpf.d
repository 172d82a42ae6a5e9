1/bpf/nested.bpf.o: bpf/nested.bpf.c bpf/nested.bpf.h bpf/keep.bpf.h \
  bpf/ktypes.h bpf/maps.bpf.h vmlinux/x86_64/vmlinux.h bpf/config.h \
  bpf/event.h bpf/store.bpf.h

bpf/nested.bpf.h:

bpf/keep.bpf.h:

bpf/ktypes.h:

bpf/maps.bpf.h:

vmlinux/x86_64/vmlinux.h:

bpf/config.h:

bpf/event.h:

bpf/store.bpf.h:
