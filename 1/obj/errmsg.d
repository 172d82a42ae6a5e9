1/obj/errmsg.o: tracer/errmsg.c tracer/errmsg.h tracer/outbuf.h
tracer/errmsg.h:
tracer/outbuf.h:
