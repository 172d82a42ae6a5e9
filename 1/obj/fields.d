1/obj/fields.o: tracer/fields.c tracer/fields_get.h tracer/decode.h \
 bpf/event.h tracer/fields.h tracer/outbuf.h tracer/trouble.h
tracer/fields_get.h:
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/trouble.h:
