1/obj/fields_segment.o: tracer/fields_segment.c tracer/fields_get.h \
 tracer/decode.h bpf/event.h tracer/fields.h tracer/outbuf.h \
 tracer/trouble.h tracer/names.h
tracer/fields_get.h:
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/trouble.h:
tracer/names.h:
