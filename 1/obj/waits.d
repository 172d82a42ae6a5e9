1/obj/waits.o: tracer/waits.c tracer/waits.h bpf/event.h bpf/bucket.h \
 bpf/event.h tracer/outbuf.h
tracer/waits.h:
bpf/event.h:
bpf/bucket.h:
bpf/event.h:
tracer/outbuf.h:
