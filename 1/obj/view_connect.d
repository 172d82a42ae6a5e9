1/obj/view_connect.o: tracer/view_connect.c tracer/decode.h bpf/event.h \
 tracer/fields.h tracer/outbuf.h tracer/hooks.h tracer/sums.h \
 tracer/view.h
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/hooks.h:
tracer/sums.h:
tracer/view.h:
