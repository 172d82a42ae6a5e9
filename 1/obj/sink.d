1/obj/sink.o: tracer/sink.c tracer/sink.h tracer/fields.h bpf/event.h \
 tracer/outbuf.h
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
