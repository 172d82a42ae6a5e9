1/obj/pcapng.o: tracer/pcapng.c tracer/pcapng.h tracer/outbuf.h
tracer/pcapng.h:
tracer/outbuf.h:
