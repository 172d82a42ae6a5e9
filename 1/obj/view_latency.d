1/obj/view_latency.o: tracer/view_latency.c tracer/decode.h bpf/event.h \
 tracer/errmsg.h tracer/fields.h tracer/outbuf.h tracer/hooks.h \
 tracer/names.h tracer/view.h tracer/waits.h
tracer/decode.h:
bpf/event.h:
tracer/errmsg.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/names.h:
tracer/view.h:
tracer/waits.h:
