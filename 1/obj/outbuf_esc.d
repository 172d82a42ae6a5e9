1/obj/outbuf_esc.o: tracer/outbuf_esc.c tracer/outbuf.h
tracer/outbuf.h:
