1/bpf/connect.bpf.o: bpf/connect.bpf.c bpf/attempt_accept.bpf.h \
  bpf/attempt.bpf.h bpf/conn.bpf.h bpf/emit.bpf.h bpf/maps.bpf.h \
  vmlinux/x86_64/vmlinux.h bpf/config.h bpf/event.h bpf/listener.bpf.h \
  bpf/sock.bpf.h bpf/compat.bpf.h bpf/read.bpf.h bpf/ktypes.h \
  bpf/store.bpf.h bpf/owner.bpf.h bpf/filter.bpf.h bpf/match.h \
  bpf/nested.bpf.h bpf/keep.bpf.h bpf/attempt_call.bpf.h bpf/fd.bpf.h \
  bpf/attempt_syn.bpf.h bpf/packet.bpf.h bpf/ghost.bpf.h

bpf/attempt_accept.bpf.h:

bpf/attempt.bpf.h:

bpf/conn.bpf.h:

bpf/emit.bpf.h:

bpf/maps.bpf.h:

vmlinux/x86_64/vmlinux.h:

bpf/config.h:

bpf/event.h:

bpf/listener.bpf.h:

bpf/sock.bpf.h:

bpf/compat.bpf.h:

bpf/read.bpf.h:

bpf/ktypes.h:

bpf/store.bpf.h:

bpf/owner.bpf.h:

bpf/filter.bpf.h:

bpf/match.h:

bpf/nested.bpf.h:

bpf/keep.bpf.h:

bpf/attempt_call.bpf.h:

bpf/fd.bpf.h:

bpf/attempt_syn.bpf.h:

bpf/packet.bpf.h:

bpf/ghost.bpf.h:
