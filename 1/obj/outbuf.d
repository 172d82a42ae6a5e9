1/obj/outbuf.o: tracer/outbuf.c tracer/outbuf.h
tracer/outbuf.h:
