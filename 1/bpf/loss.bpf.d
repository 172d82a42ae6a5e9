1/bpf/loss.bpf.o: bpf/loss.bpf.c bpf/loss_retransmit.bpf.h bpf/loss.bpf.h \
  bpf/ghost.bpf.h bpf/conn.bpf.h bpf/emit.bpf.h bpf/maps.bpf.h \
  vmlinux/x86_64/vmlinux.h bpf/config.h bpf/event.h bpf/listener.bpf.h \
  bpf/sock.bpf.h bpf/compat.bpf.h bpf/read.bpf.h bpf/ktypes.h \
  bpf/store.bpf.h bpf/owner.bpf.h bpf/filter.bpf.h bpf/match.h \
  bpf/keep.bpf.h bpf/packet.bpf.h bpf/loss_drop.bpf.h \
  bpf/loss_reset.bpf.h bpf/loss_stall.bpf.h

bpf/loss_retransmit.bpf.h:

bpf/loss.bpf.h:

bpf/ghost.bpf.h:

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

bpf/keep.bpf.h:

bpf/packet.bpf.h:

bpf/loss_drop.bpf.h:

bpf/loss_reset.bpf.h:

bpf/loss_stall.bpf.h:
