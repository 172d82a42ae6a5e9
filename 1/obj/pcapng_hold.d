1/obj/pcapng_hold.o: tracer/pcapng_hold.c tracer/pcapng_hold.h \
 bpf/event.h tracer/outbuf.h tracer/decode.h tracer/names.h
tracer/pcapng_hold.h:
bpf/event.h:
tracer/outbuf.h:
tracer/decode.h:
tracer/names.h:
