1/obj/decode.o: tracer/decode.c tracer/decode.h bpf/event.h \
 tracer/names.h
tracer/decode.h:
bpf/event.h:
tracer/names.h:
