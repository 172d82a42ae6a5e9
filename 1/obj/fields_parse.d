1/obj/fields_parse.o: tracer/fields_parse.c tracer/errmsg.h \
 tracer/fields.h bpf/event.h tracer/outbuf.h tracer/names.h
tracer/errmsg.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/names.h:
