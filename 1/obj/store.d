1/obj/store.o: tracer/store.c tracer/store.h tracer/atomics.h \
 bpf/config.h bpf/event.h tracer/skel.h 1/tcplens.skel.h
tracer/store.h:
tracer/atomics.h:
bpf/config.h:
bpf/event.h:
tracer/skel.h:
1/tcplens.skel.h:
