1/obj/recording.o: tracer/recording.c tracer/recording.h bpf/event.h \
 tracer/decode.h tracer/errmsg.h
tracer/recording.h:
bpf/event.h:
tracer/decode.h:
tracer/errmsg.h:
