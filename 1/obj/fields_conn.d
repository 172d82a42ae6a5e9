1/obj/fields_conn.o: tracer/fields_conn.c tracer/fields_get.h \
 tracer/decode.h bpf/event.h tracer/fields.h tracer/outbuf.h \
 tracer/trouble.h tracer/life.h tracer/names.h
tracer/fields_get.h:
tracer/decode.h:
bpf/event.h:
tracer/fields.h:
tracer/outbuf.h:
tracer/trouble.h:
tracer/life.h:
tracer/names.h:
