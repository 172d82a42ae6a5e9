build/obj/seed.o: tracer/seed.c tracer/seed.h tracer/skel.h bpf/config.h \
 bpf/event.h build/tcplens.skel.h
tracer/seed.h:
tracer/skel.h:
bpf/config.h:
bpf/event.h:
build/tcplens.skel.h:
