1/obj/cmd_fields.o: tracer/cmd_fields.c tracer/cmd_fields.h \
 tracer/fields.h bpf/event.h tracer/outbuf.h tracer/names.h
tracer/cmd_fields.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/names.h:
