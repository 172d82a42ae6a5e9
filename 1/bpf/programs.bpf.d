1/bpf/programs.bpf.o: bpf/programs.bpf.c bpf/conn_make.bpf.h \
  bpf/conn.bpf.h bpf/emit.bpf.h bpf/maps.bpf.h vmlinux/x86_64/vmlinux.h \
  bpf/config.h bpf/event.h bpf/listener.bpf.h bpf/sock.bpf.h \
  bpf/compat.bpf.h bpf/read.bpf.h bpf/ktypes.h bpf/store.bpf.h \
  bpf/owner.bpf.h bpf/filter.bpf.h bpf/match.h bpf/segment_out.bpf.h \
  bpf/ghost.bpf.h bpf/nested.bpf.h bpf/keep.bpf.h bpf/segment.bpf.h \
  bpf/expr.bpf.h bpf/packet.bpf.h bpf/raw.bpf.h bpf/track.bpf.h \
  bpf/segment_in.bpf.h bpf/state.bpf.h bpf/latency.bpf.h bpf/bucket.h \
  bpf/life.bpf.h bpf/io.bpf.h bpf/fd.bpf.h bpf/flow.bpf.h bpf/seed.bpf.h

bpf/conn_make.bpf.h:

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

bpf/segment_out.bpf.h:

bpf/ghost.bpf.h:

bpf/nested.bpf.h:

bpf/keep.bpf.h:

bpf/segment.bpf.h:

bpf/expr.bpf.h:

bpf/packet.bpf.h:

bpf/raw.bpf.h:

bpf/track.bpf.h:

bpf/segment_in.bpf.h:

bpf/state.bpf.h:

bpf/latency.bpf.h:

bpf/bucket.h:

bpf/life.bpf.h:

bpf/io.bpf.h:

bpf/fd.bpf.h:

bpf/flow.bpf.h:

bpf/seed.bpf.h:
