1/obj/fields_print.o: tracer/fields_print.c tracer/fields.h bpf/event.h \
 tracer/outbuf.h tracer/names.h tracer/resolve.h tracer/trouble.h
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/names.h:
tracer/resolve.h:
tracer/trouble.h:
