build/obj/sink_text.o: tracer/sink_text.c tracer/sink.h tracer/fields.h \
 bpf/event.h tracer/outbuf.h
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
