1/obj/opts_output.o: tracer/opts_output.c tracer/opts_output.h \
 tracer/sink.h tracer/fields.h bpf/event.h tracer/outbuf.h \
 tracer/errmsg.h
tracer/opts_output.h:
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/errmsg.h:
