build/obj/source_live.o: tracer/source_live.c tracer/source_live.h \
 bpf/event.h tracer/attach.h tracer/hooks.h bpf/config.h bpf/event.h \
 tracer/clock.h tracer/decode.h tracer/skel.h build/tcplens.skel.h
tracer/source_live.h:
bpf/event.h:
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
tracer/clock.h:
tracer/decode.h:
tracer/skel.h:
build/tcplens.skel.h:
