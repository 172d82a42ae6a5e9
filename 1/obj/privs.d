1/obj/privs.o: tracer/privs.c tracer/privs.h
tracer/privs.h:
