build/bpf/state.bpf.o: bpf/state.bpf.c bpf/ghost.bpf.h bpf/conn.bpf.h \
  bpf/emit.bpf.h bpf/maps.bpf.h /tmp/full/vmlinux.h bpf/config.h \
  bpf/event.h bpf/owner.bpf.h bpf/filter.bpf.h bpf/match.h \
  bpf/sock.bpf.h bpf/compat.bpf.h bpf/read.bpf.h

bpf/ghost.bpf.h:

bpf/conn.bpf.h:

bpf/emit.bpf.h:

bpf/maps.bpf.h:

/tmp/full/vmlinux.h:

bpf/config.h:

bpf/event.h:

bpf/owner.bpf.h:

bpf/filter.bpf.h:

bpf/match.h:

bpf/sock.bpf.h:

bpf/compat.bpf.h:

bpf/read.bpf.h:
