1/obj/source_live.o: tracer/source_live.c tracer/source_live.h \
 tracer/ring.h tracer/source.h bpf/event.h tracer/attach.h tracer/hooks.h \
 bpf/config.h bpf/event.h bpf/bucket.h tracer/clock.h tracer/decode.h \
 tracer/explain.h tracer/seed.h tracer/skel.h 1/tcplens.skel.h
tracer/source_live.h:
tracer/ring.h:
tracer/source.h:
bpf/event.h:
tracer/attach.h:
tracer/hooks.h:
bpf/config.h:
bpf/event.h:
bpf/bucket.h:
tracer/clock.h:
tracer/decode.h:
tracer/explain.h:
tracer/seed.h:
tracer/skel.h:
1/tcplens.skel.h:
