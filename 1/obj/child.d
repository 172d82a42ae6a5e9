1/obj/child.o: tracer/child.c tracer/child.h
tracer/child.h:
