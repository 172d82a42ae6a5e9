1/obj/view_trace.o: tracer/view_trace.c tracer/decode.h bpf/event.h \
 tracer/errmsg.h tracer/fields.h tracer/outbuf.h tracer/hooks.h \
 tracer/view.h
tracer/decode.h:
bpf/event.h:
tracer/errmsg.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/view.h:
