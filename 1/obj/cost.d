1/obj/cost.o: tracer/cost.c tracer/cost.h tracer/attach.h tracer/hooks.h \
 bpf/config.h bpf/event.h tracer/clock.h tracer/names.h tracer/skel.h \
 1/tcplens.skel.h tracer/source.h bpf/event.h
tracer/cost.h:
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/clock.h:
tracer/names.h:
tracer/skel.h:
1/tcplens.skel.h:
tracer/source.h:
bpf/event.h:
