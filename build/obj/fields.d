build/obj/fields.o: tracer/fields.c tracer/fields.h bpf/event.h \
 tracer/outbuf.h tracer/decode.h tracer/names.h
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/decode.h:
tracer/names.h:
