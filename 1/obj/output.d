1/obj/output.o: tracer/output.c tracer/output.h bpf/event.h \
 tracer/outbuf.h tracer/clock.h tracer/priority.h
tracer/output.h:
bpf/event.h:
tracer/outbuf.h:
tracer/clock.h:
tracer/priority.h:
