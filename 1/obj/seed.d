1/obj/seed.o: tracer/seed.c tracer/seed.h bpf/event.h tracer/skel.h \
 bpf/config.h bpf/event.h 1/tcplens.skel.h
tracer/seed.h:
bpf/event.h:
tracer/skel.h:
bpf/config.h:
bpf/event.h:
1/tcplens.skel.h:
