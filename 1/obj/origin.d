1/obj/origin.o: tracer/origin.c tracer/origin.h tracer/hooks.h \
 tracer/writer.h bpf/event.h tracer/outbuf.h tracer/output.h \
 tracer/recording.h
tracer/origin.h:
tracer/hooks.h:
tracer/writer.h:
bpf/event.h:
tracer/outbuf.h:
tracer/output.h:
tracer/recording.h:
