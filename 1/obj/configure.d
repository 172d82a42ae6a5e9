1/obj/configure.o: tracer/configure.c tracer/configure.h tracer/attach.h \
 tracer/hooks.h bpf/config.h bpf/event.h tracer/kbtf.h tracer/ring.h \
 tracer/skel.h 1/tcplens.skel.h tracer/store.h
tracer/configure.h:
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/kbtf.h:
tracer/ring.h:
tracer/skel.h:
1/tcplens.skel.h:
tracer/store.h:
