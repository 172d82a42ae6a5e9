1/obj/fields_who.o: tracer/fields_who.c tracer/fields_get.h \
 tracer/decode.h bpf/event.h tracer/fields.h tracer/outbuf.h \
 tracer/trouble.h tracer/names.h
tracer/fields_get.h:
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/trouble.h:
tracer/names.h:
