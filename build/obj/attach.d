build/obj/attach.o: tracer/attach.c tracer/attach.h tracer/hooks.h \
 bpf/config.h bpf/event.h tracer/skel.h build/tcplens.skel.h
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/skel.h:
build/tcplens.skel.h:
