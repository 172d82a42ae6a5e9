1/obj/trouble.o: tracer/trouble.c tracer/trouble.h bpf/event.h \
 tracer/decode.h tracer/names.h tracer/outbuf.h
tracer/trouble.h:
bpf/event.h:
tracer/decode.h:
tracer/names.h:
tracer/outbuf.h:
